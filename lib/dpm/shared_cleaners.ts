/**
 * The cleaners that KNs share: a few agents of the pool, as each of which any thread may clean for
 * a step, one at a time: the thread that has swapped the EXECUTOR word of the agent's block
 * (agent/executor.ts), as for the mergers of a far pool.
 *
 * A KN that runs out of segments cleans as one of them, so what it moves goes to a log of its own
 * kind (cleaner.ts), and not between its puts. They are shared because each may hold a segment
 * open: what is open is not for live data (pool/space_budget.ts), and a pool may be small and have
 * many KNs.
 *
 * **One step** resumes log and victim where the agent's last executor has left them, and leaves
 * them to the next one. All of it is in the agent's block, and is published by the store that gives
 * the EXECUTOR word back. So a victim that one thread has begun with is finished by another.
 *
 * **A thread that dies in a step** leaves the EXECUTOR word with its own value. The role that knows
 * that the thread will do no more says so ({@linkcode abandonCleaners}): the thread itself if it
 * throws, and the M-node of a thread that has ended. Then the M-node ends the step
 * (recovery/cleaner_recovery.ts), and the agent can be used again. Until then, and while a thread
 * stalls in a step, KNs clean as the others; and the DPM processors, which are an agent of their
 * own, clean as well.
 *
 * @module
 */
import { abandonExecutor } from "../agent/executor.ts";
import { Step } from "../agent/step.ts";
import { CLEANER_COUNT_MAX } from "../core/limits.ts";
import { IndexSpace } from "../index/index_space.ts";
import { liveTable } from "../agent/live_table.ts";
import { LogWriter } from "../log/log_writer.ts";
import type { LogSink } from "../log/log_sink.ts";
import {
  AGENT_CLEANERS,
  AGENT_EXECUTOR,
  AGENT_IN_SYSTEM_CALL,
  AGENT_STEPS,
} from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import type { SegmentTable } from "../pool/segment_table.ts";
import { sharedCleanerCount } from "../pool/space_budget.ts";
import { Cleaner } from "./cleaner.ts";

/** What they are made of. */
export interface SharedCleanersOptions {
  readonly pool: Pool;
  readonly segments: SegmentTable;
  /** The agent block of the KN that is executed for. */
  readonly agent: number;
  /** The thread that cleans, as a value of an EXECUTOR word that no other thread uses. */
  readonly executor: number;
  /** The image, if what is moved has to be logged there. */
  readonly file: LogSink | undefined;
  /** Tells the time in milliseconds since the epoch. */
  readonly clock: () => number;
}

/** One of them, as this thread has it. */
interface SharedCleaner {
  readonly cleaner: Cleaner;
  readonly log: LogWriter;
  readonly step: Step;
}

/** One thread's part in the cleaners that KNs share. */
export class SharedCleaners {
  /** Segments cleaned, and bytes of live records moved, by this thread. */
  cleanedCount = 0;
  movedBytes = 0;

  readonly #options: SharedCleanersOptions;
  /** Made when they are needed: most KNs never clean. */
  readonly #cleaners: SharedCleaner[] = [];
  readonly #stepsAt: number;
  readonly #callAt: number;
  #needsSync = false;

  /** Takes part; claims nothing. */
  constructor(options: SharedCleanersOptions) {
    this.#options = options;
    const agentAt = options.pool.agentAt(options.agent);
    this.#stepsAt = agentAt + AGENT_STEPS;
    this.#callAt = agentAt + AGENT_IN_SYSTEM_CALL;
  }

  /**
   * Does one step of cleaning as the first of them that is free. Returns how many records it looked
   * at; 0 means that there is nothing to clean, or no cleaner is free, or the pool is paused.
   */
  doWork(): number {
    const { control } = this.#options.pool;
    this.#needsSync = false;
    for (let i = 0, count = this.#count; i < count; i++) {
      const { cleaner, log, step } = this.#cleaners[i] ??= this.#make(i);
      if (!step.begin()) continue;
      // However long the KN cleans, it is no stall.
      control[this.#stepsAt] += 1;
      cleaner.resume();
      const { cleanedCount, movedBytes } = cleaner;
      const work = cleaner.doWork();
      this.#needsSync = cleaner.needsSync;
      this.cleanedCount += cleaner.cleanedCount - cleanedCount;
      this.movedBytes += cleaner.movedBytes - movedBytes;
      // A snapshot between two steps must find everything that was moved within the used bytes.
      log.publish();
      cleaner.suspend();
      step.end();
      return work;
    }
    return 0;
  }

  /**
   * Syncs the image if that is what the last step was missing (`Cleaner.needsSync`).
   *
   * A KN does so only when it cannot go on without a segment: the DPM processors clean ahead, and
   * are the first to come here.
   *
   * @returns whether there is something to clean now
   */
  sync(): boolean {
    const { pool, file } = this.#options;
    if (!this.#needsSync || file === undefined) return false;
    this.#needsSync = false;
    // The M-node does not take this thread for stalled while it waits for a disk.
    pool.control[this.#callAt] = 1;
    const isSynced = file.sync();
    pool.control[this.#callAt] = 0;
    return isSynced;
  }

  /** Seals what they hold open, as far as no other thread is in a step of them. */
  seal(): void {
    for (let i = 0, count = this.#count; i < count; i++) {
      const { cleaner, log, step } = this.#cleaners[i] ??= this.#make(i);
      if (step.begin()) {
        cleaner.resume();
        cleaner.abandon();
        log.seal();
        cleaner.suspend();
        step.end();
      }
    }
  }

  /** How many there are: more when the pool has grown. */
  get #count(): number {
    return sharedCleanerCount(this.#options.pool.segmentLimit);
  }

  #make(number: number): SharedCleaner {
    const { pool, segments, executor, file, clock } = this.#options;
    const agent = AGENT_CLEANERS + number;
    const log = new LogWriter(pool, segments, agent, { file, forAgent: this.#options.agent });
    const table = liveTable(pool, new IndexSpace(pool, agent));
    return {
      cleaner: new Cleaner(pool, segments, table, log, clock),
      log,
      step: new Step({ pool, agent, executor, logs: [log], consumers: [] }),
    };
  }
}

/**
 * Says that a thread that cleaned will do no more, and may have died, or thrown, in the middle of a
 * step of one of the cleaners. Does nothing to one that another thread has.
 */
export function abandonCleaners(pool: Pool, executor: number): void {
  for (let i = 0; i < CLEANER_COUNT_MAX; i++) {
    const at = pool.agentAt(AGENT_CLEANERS + i) + AGENT_EXECUTOR;
    abandonExecutor(pool.control, at, executor);
  }
}
