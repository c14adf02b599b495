/**
 * Where a far KN gets room in its log. It does not clean for a request, which holds slots until its
 * group is logged: it merges, and cleans, between two groups.
 *
 * @module
 */
import { NO_SEGMENT, type PoolAddress } from "../../core/brands.ts";
import type { LogWriter } from "../../log/log_writer.ts";
import { type LogSpace, Outcome } from "../../node/commit_policy.ts";
import type { SegmentWait } from "../../node/segment_wait.ts";
import type { Verbs } from "../../pool/verbs.ts";
import type { MergedCommit } from "./merged_commit.ts";

/** The room of one far KN. */
export class FarSpace implements LogSpace {
  readonly #verbs: Verbs;
  readonly #commit: MergedCommit;
  readonly #segmentWait: SegmentWait;

  /** Gets room with the parts of a KN. */
  constructor(verbs: Verbs, commit: MergedCommit, segmentWait: SegmentWait) {
    this.#verbs = verbs;
    this.#commit = commit;
    this.#segmentWait = segmentWait;
  }

  reserve(log: LogWriter, words: number, segmentReserve: number): PoolAddress {
    const before = log.segment;
    const address = log.reserve(words, segmentReserve);
    // A segment that has to be asked for costs a round trip.
    if (log.segment !== before && log.segment !== NO_SEGMENT) this.#verbs.send();
    return address;
  }

  whenFull(): Outcome {
    if (this.#commit.recordCount > 0) return Outcome.WAITS;
    if (this.#commit.mayGain) return Outcome.WAITS_FOR_MERGE;
    return this.#segmentWait.mayGoOn() ? Outcome.WAITS_FOR_SPACE : Outcome.DONE;
  }
}
