/**
 * The thread of a cluster's agent, which fails when it is told to.
 *
 * @module
 */
import process from "node:process";
import { BroadcastChannel, parentPort, workerData } from "node:worker_threads";
import { runAgent } from "../../../lib/cluster/agent/agent_shell.ts";
import type { AgentOptions } from "../../../lib/cluster/agent/cluster_agent.ts";

const options = workerData as AgentOptions;
const channel = new BroadcastChannel(`agents of ${options.name}`);
channel.onmessage = () => process.exit(1);

await runAgent(options, parentPort!);
