/**
 * The thread of a cluster's agent, which waits for hardly more than the lease of another life of
 * its node.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { runAgent } from "../../../lib/cluster/agent/agent_shell.ts";
import type { AgentOptions } from "../../../lib/cluster/agent/cluster_agent.ts";

await runAgent({ ...workerData as AgentOptions, joinMs: 300 }, parentPort!);
