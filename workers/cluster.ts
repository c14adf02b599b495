/**
 * The worker module of a cluster's agent.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { runAgent } from "../lib/cluster/agent/agent_shell.ts";
import type { AgentOptions } from "../lib/cluster/agent/cluster_agent.ts";

await runAgent(workerData as AgentOptions, parentPort!);
