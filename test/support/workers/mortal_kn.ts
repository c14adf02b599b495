/**
 * A KN that works, and dies or stalls in the middle of a step when it is told to: see ../faults.ts.
 *
 * @module
 */
import process from "node:process";
import { workerData } from "node:worker_threads";
import type { NodeStart } from "../../../lib/node/node_shell.ts";
import { Executor } from "../../../lib/agent/executor.ts";
import { AGENT_EXECUTOR } from "../../../lib/pool/control_layout.ts";
import { Pool } from "../../../lib/pool/pool.ts";
import { FaultTaker } from "../faults.ts";
import { hookAtomics } from "../sim_atomics.ts";

const start = workerData as NodeStart;
const pool = Pool.attach(start.pool);
const taker = new FaultTaker(pool, start.agent, start.nodeId);
const executorAt = pool.agentAt(start.agent) + AGENT_EXECUTOR;

hookAtomics({
  onAccess: () => {
    // Plain, since the accesses of the library are what is counted.
    if (pool.control[executorAt] === Executor.OWN_THREAD) taker.onAccess(() => process.exit(3));
  },
});

await import("../../../workers/kn.ts");
