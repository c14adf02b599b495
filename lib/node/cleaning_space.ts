/**
 * Where a KN of the near placement gets room in its log: it cleans when there is no segment, as one
 * of the cleaners that KNs share.
 *
 * Requests of a group that has begun hold slots, which is no moment for cleaning: a cleaner locks
 * slots, too. Then the request waits for the end of its group, and is tried again.
 *
 * @module
 */
import { NO_ADDRESS, type PoolAddress } from "../core/brands.ts";
import type { SharedCleaners } from "../dpm/shared_cleaners.ts";
import type { LogWriter } from "../log/log_writer.ts";
import { AgentCounter, type AgentCounters } from "../pool/agent_counters.ts";
import type { Pool } from "../pool/pool.ts";
import type { SegmentTable } from "../pool/segment_table.ts";
import { type CommitPolicy, type LogSpace, Outcome } from "./commit_policy.ts";
import type { SegmentWait } from "./segment_wait.ts";

/** The parts of a KN by which it gets room. */
export interface CleaningSpaceOptions {
  readonly cleaners: SharedCleaners;
  readonly segments: SegmentTable;
  readonly segmentWait: SegmentWait;
  readonly counters: AgentCounters;
  /** Tells whether a group has begun. */
  readonly commit: CommitPolicy;
  readonly pool: Pool;
}

/** The room of one executor. */
export class CleaningSpace implements LogSpace {
  readonly #cleaners: SharedCleaners;
  readonly #segments: SegmentTable;
  readonly #segmentWait: SegmentWait;
  readonly #counters: AgentCounters;
  readonly #commit: CommitPolicy;
  readonly #pool: Pool;

  /** Gets room with the parts of a KN. */
  constructor(options: CleaningSpaceOptions) {
    this.#cleaners = options.cleaners;
    this.#segments = options.segments;
    this.#segmentWait = options.segmentWait;
    this.#counters = options.counters;
    this.#commit = options.commit;
    this.#pool = options.pool;
  }

  reserve(log: LogWriter, words: number, segmentReserve: number): PoolAddress {
    const address = log.reserve(words, segmentReserve);
    if (address === NO_ADDRESS) return this.#reserveByCleaning(log, words, segmentReserve);
    this.#segmentWait.end();
    return address;
  }

  #reserveByCleaning(log: LogWriter, words: number, segmentReserve: number): PoolAddress {
    // Records of unlucky sizes can be moved for ever without a segment becoming free; once round is
    // enough.
    for (let i = 0; i <= this.#pool.segmentLimit; i++) {
      this.#counters.add(AgentCounter.CLEANING_STALLS, 1);
      if (this.#commit.isOpen || this.#segmentWait.isForCheckpoint) break;
      if (!this.#cleanOne(segmentReserve)) break;
      const address = log.reserve(words, segmentReserve);
      if (address === NO_ADDRESS) continue;
      this.#segmentWait.end();
      return address;
    }
    return NO_ADDRESS;
  }

  /**
   * Cleans until a victim has been passed, or there is a free segment, or something can be cleaned
   * that could not before; false when there is nothing to clean now, or others clean.
   */
  #cleanOne(segmentReserve: number): boolean {
    const before = this.#cleaners.cleanedCount;
    do {
      if (this.#cleaners.doWork() === 0) return this.#cleaners.sync();
    } while (
      this.#cleaners.cleanedCount === before && this.#segments.freeCount <= segmentReserve
    );
    return true;
  }

  whenFull(): Outcome {
    if (this.#commit.isOpen) return Outcome.WAITS;
    return this.#segmentWait.mayGoOn() ? Outcome.WAITS_FOR_SPACE : Outcome.DONE;
  }
}
