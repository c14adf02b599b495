/**
 * Ends what a thread has left behind that died, or threw, while it merged the log of a far KN, or cleaned in the merger's name.
 *
 * Merging goes on behind the last record that was merged completely: that record's successor is merged again, which changes nothing if it
 * was done (dpm/log_merger.ts). So all that has to be tidied up is what the thread had locked and had open, as after a KN without
 * rings (dead_executor.ts). Afterwards the merger is anybody's again.
 *
 * @module
 */
import { Executor } from "../node/executor.ts";
import type { LogFile } from "../persistence/log_file.ts";
import { AGENT_EXECUTOR, AGENT_MERGERS } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import { type DeadExecutorReport, settleDeadProcessor } from "./dead_executor.ts";

/** The end of a merger, for the repair of the pool's books. */
export interface MergerDeath {
  /** The merger's agent block. */
  readonly agent: number;
  readonly report: DeadExecutorReport;
}

/** Says that the own thread of a KN has died, also if it was merging. */
export function abandonMerger(pool: Pool, nodeAgent: number): void {
  const at = pool.agentAt(AGENT_MERGERS + nodeAgent) + AGENT_EXECUTOR;
  Atomics.compareExchange(pool.control, at, Executor.OWN_THREAD, Executor.ABANDONED);
}

/** Tidies up after the merger of a KN, if it was abandoned; undefined if it was not. */
export function endDeadMerger(
  pool: Pool,
  nodeAgent: number,
  file: LogFile | undefined,
): MergerDeath | undefined {
  const agent = AGENT_MERGERS + nodeAgent;
  const at = pool.agentAt(agent) + AGENT_EXECUTOR;
  if (Atomics.load(pool.control, at) !== Executor.ABANDONED) return undefined;
  const { completed, miscounted } = settleDeadProcessor(pool, agent, file);
  // A record that is merged again may be counted as live twice.
  const segments = new SegmentTable(pool);
  const merged = segments.openSegmentsOf(nodeAgent)
    .map((segment) => ({ segment, word: segments.stateWord(segment) }));
  Atomics.store(pool.control, at, Executor.NOBODY);
  return { agent, report: { completed, miscounted: [...miscounted, ...merged] } };
}
