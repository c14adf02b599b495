/**
 * Ends what a thread has left behind that died, or threw, while it merged the log of a far KN, or
 * cleaned in the merger's name.
 *
 * Merging goes on behind the last record that was merged completely: that record's successor is
 * merged again, which changes nothing if it was done (far/log/log_merger.ts). So all that has to be
 * tidied up is what the thread had locked and had open, as after a KN without rings
 * (step_recovery.ts), and counts of live bytes. Afterwards any thread may be the merger again.
 *
 * A merger is abandoned by the role that knows that a thread will do no more: the thread pool of
 * a task that has thrown or whose thread has ended (dpm/dpm_processors.ts), or if the host's thread
 * blocks, the M-node by a word of the merger's (agent/liveness.ts); and the M-node of KNs
 * (retired_nodes.ts). The EXECUTOR word names the executor, so no other one's step is taken for
 * abandoned.
 *
 * @module
 */
import { NO_SEGMENT, type SegmentId } from "../core/brands.ts";
import { Executor } from "../agent/executor.ts";
import type { LogFile } from "../persistence/log_file.ts";
import { AGENT_EXECUTOR, AGENT_MERGERS, AGENT_REPLACED_SEGMENT } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import { recoverProcessor, type StepRecoveryReport } from "./step_recovery.ts";

/** The end of a merger, for the repair of the pool's books. */
export interface MergerDeath {
  /** The merger's agent block. */
  readonly agent: number;
  readonly report: StepRecoveryReport;
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
  const { completed, miscounted } = recoverProcessor(pool, agent, file);
  // A record that is merged again may be counted as live twice; and one that was replaced may not
  // be counted as dead.
  const replacedAt = pool.agentAt(agent) + AGENT_REPLACED_SEGMENT;
  const replaced = (pool.control[replacedAt] - 1) as SegmentId;
  pool.control[replacedAt] = 0;
  const segments = new SegmentTable(pool);
  const merged = [...segments.openSegmentsOf(nodeAgent), replaced]
    .filter((segment) => segment !== NO_SEGMENT)
    .map((segment) => ({ segment, word: segments.stateWord(segment) }));
  Atomics.store(pool.control, at, Executor.NOBODY);
  return { agent, report: { completed, miscounted: [...miscounted, ...merged] } };
}
