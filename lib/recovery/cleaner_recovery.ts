/**
 * Ends what a thread has left behind that died, or threw, while it cleaned as one of the cleaners
 * that KNs share (dpm/shared_cleaners.ts).
 *
 * It is what a KN without rings leaves (step_recovery.ts): slots that are locked, a frame that is
 * not complete, an open segment, counts of live bytes. Afterwards any thread may be the cleaner
 * again. It begins with a new victim, as how far the old one was cleaned was not said; and the old
 * one is no agent's any more, so the next repair of the pool's books seals it
 * (reconciliation.ts): every record in it is either moved or not, so another cleaner finds what is
 * left.
 *
 * @module
 */
import { Executor } from "../agent/executor.ts";
import { CLEANER_COUNT_MAX } from "../core/limits.ts";
import type { LogFile } from "../persistence/log_file.ts";
import { AGENT_CLEANERS, AGENT_EXECUTOR } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { recoverProcessor, type StepRecoveryReport } from "./step_recovery.ts";

/** The end of a cleaner's executor, for the repair of the pool's books. */
export interface CleanerDeath {
  /** The cleaner's agent block. */
  readonly agent: number;
  readonly report: StepRecoveryReport;
}

/** Tidies up after the shared cleaners that were abandoned; returns which were. */
export function endDeadCleaners(pool: Pool, file: LogFile | undefined): CleanerDeath[] {
  const deaths: CleanerDeath[] = [];
  for (let i = 0; i < CLEANER_COUNT_MAX; i++) {
    const agent = AGENT_CLEANERS + i;
    const at = pool.agentAt(agent) + AGENT_EXECUTOR;
    // LEFT: the thread that recovered it has died before it let others be the cleaner again.
    const word = Atomics.load(pool.control, at);
    if (word !== Executor.ABANDONED && word !== Executor.LEFT) continue;
    const report = recoverProcessor(pool, agent, file);
    Atomics.store(pool.control, at, Executor.NOBODY);
    deaths.push({ agent, report });
  }
  return deaths;
}
