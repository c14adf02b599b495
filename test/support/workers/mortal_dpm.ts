/**
 * DPM processors that work, and die in the middle of a task when they are told to: see
 * ../faults.ts. Only accesses of tasks that hold something count.
 *
 * @module
 */
import process from "node:process";
import { type DpmTask, runDpmTask } from "../../../lib/dpm/dpm_tasks.ts";
import { AGENT_DPM } from "../../../lib/pool/control_layout.ts";
import { Pool } from "../../../lib/pool/pool.ts";
import { FaultTaker } from "../faults.ts";
import { hookAtomics } from "../sim_atomics.ts";

/** DPM processors have no identity. */
const NODE = -1;
const HOLDING: readonly DpmTask["kind"][] = [
  "clean",
  "compact",
  "release",
  "checkpoint",
  "snapshot",
  "backup",
  "merge",
];

/** Runs one task. */
export default function runMortalTask(task: DpmTask): ReturnType<typeof runDpmTask> {
  if (!HOLDING.includes(task.kind) || !("pool" in task)) return runDpmTask(task);
  const taker = new FaultTaker(Pool.attach(task.pool), AGENT_DPM, NODE);
  const unhook = hookAtomics({ onAccess: () => taker.onAccess(() => process.exit(3)) });
  try {
    return runDpmTask(task);
  } finally {
    unhook();
  }
}
