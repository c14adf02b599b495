/**
 * What a far KN may promise: an acknowledged put has been logged only, and must find room in the
 * index and among the live records when it is merged.
 *
 * - **Space**: what is unmerged counts as if all of it were to become live beside everything that
 *   is live already.
 * - **Index**: an insert takes one bucket at most: the first of a slot's table, or one more for a
 *   chain without an empty pair. Tables double only into buckets beyond a reserve
 *   (index/index_space.ts). So of the *sure* buckets, which are the free ones and the untouched
 *   ones up to the reserve, merging a record takes one at most, and nothing else takes any.
 *
 * Why there is a sure bucket for every record that was acknowledged: a KN appends a put that may be
 * of a new key only if it has *promised* to. Before, it says in a word of its agent block how many
 * it may append beside those that are logged; then it counts what is unmerged, the promises of all
 * KNs, and then the sure buckets; and it goes on only if these are enough. Of two KNs that do so at
 * the same time the later one sees the other's word. What is unmerged is counted before the
 * buckets: a record that is merged in between counts and its bucket does not. Logging moves a
 * record from the promises to what is unmerged, in that order; merging takes a bucket and a record.
 * So what was enough stays enough.
 *
 * A thread that dies with a bucket in its hands loses it; a few are left over for that.
 *
 * The space is a sum over all segments, about 3 ns for each of them, so one look is good for
 * several records, and is corrected by what this KN has added since. Several KNs may be admitted by
 * the same look; the margins are far wider than what they log in between.
 *
 * @module
 */
import type { SegmentId } from "../../core/brands.ts";
import { SEGMENT_HEADER_BYTES } from "../../log/record_layout.ts";
import { NODE_COUNT_MAX } from "../../core/limits.ts";
import {
  AGENT_PROMISED_KEYS,
  INDEX_SPACE_FREE_COUNT,
  INDEX_SPACE_NEXT,
} from "../../pool/control_layout.ts";
import { SEGMENT_LOG_NUMBER, SEGMENT_MERGED_BYTES } from "../../pool/segment_layout.ts";
import type { Pool } from "../../pool/pool.ts";
import { SegmentState } from "../../pool/segment_state.ts";
import type { SegmentTable } from "../../pool/segment_table.ts";
import { occupiedBytesTotal } from "../../pool/segment_tails.ts";
import type { SpaceBudget } from "../../pool/space_budget.ts";

/**
 * Share of the buckets that no table is doubled into, and how many of them there are in a small
 * index, up to half of it.
 */
const RESERVED_SHARE = 1 / 8;
const RESERVED_MIN = 32;
/** Bytes of the smallest record, and buckets that are left in any case. */
const RECORD_BYTES_MIN = 32;
const BUCKET_MARGIN = 4;
/**
 * Keys that are promised at once, as long as that is a small share of what is left: counting takes
 * a microsecond.
 */
const PROMISE_KEYS_MAX = 256;
const PROMISE_SHARE = 1 / 64;
/** Records for which one look at the segments is good. */
const LOOK_VALID_FOR = 32;

/** Buckets that no table is doubled into. */
export function reservedBuckets(pool: Pool): number {
  const { bucketLimit } = pool;
  const few = Math.min(RESERVED_MIN, Math.floor(bucketLimit / 2));
  return Math.max(few, Math.floor(bucketLimit * RESERVED_SHARE));
}

/** One KN's view of what may be promised. */
export class FarBudget {
  readonly #pool: Pool;
  readonly #segments: SegmentTable;
  readonly #budget: SpaceBudget;
  readonly #promisedAt: number;
  /**
   * The word at {@linkcode #promisedAt}: keys that this KN may append beside those that are logged.
   */
  #promised = 0;
  /**
   * What may become live, by the last look, with what has been admitted since; and for how many
   * records that look is still good.
   */
  #expectedBytes = 0;
  #looksLeft = 0;

  /** The budget of a pool, for the KN of an agent block. */
  constructor(pool: Pool, agent: number, segments: SegmentTable, budget: SpaceBudget) {
    this.#pool = pool;
    this.#promisedAt = pool.agentAt(agent) + AGENT_PROMISED_KEYS;
    this.#segments = segments;
    this.#budget = budget;
  }

  /** Whether `bytes` more may be logged, of which `groupBytes` wait to be. */
  admitsBytes(bytes: number, groupBytes: number): boolean {
    if (!this.#budget.isScarce) {
      this.#looksLeft = 0;
      return true;
    }
    const limit = this.#budget.liveBytesMax;
    // What has been refused by an old look may fit meanwhile.
    if (this.#looksLeft === 0 || this.#expectedBytes + bytes > limit) {
      this.#expectedBytes = occupiedBytesTotal(this.#pool, this.#segments) +
        unmergedBytes(this.#pool, this.#segments) + groupBytes;
      this.#looksLeft = LOOK_VALID_FOR;
    }
    this.#looksLeft -= 1;
    if (this.#expectedBytes + bytes > limit) return false;
    this.#expectedBytes += bytes;
    return true;
  }

  /** Whether another key may be appended, after `groupCount` records that wait to be logged. */
  admitsKey(groupCount: number): boolean {
    return groupCount < this.#promised || this.#promise(groupCount + 1);
  }

  /** Whether a key that was refused may be admitted when what others have logged is merged. */
  mayAdmitLater(): boolean {
    if (unmergedBytes(this.#pool, this.#segments) === 0) return false;
    return this.#sureBuckets() - this.#promisedByAll() > BUCKET_MARGIN;
  }

  /** Says that so many records have been logged that were appended. */
  noteLogged(count: number): void {
    this.#publish(Math.max(0, this.#promised - count));
  }

  /** Promises so many keys, or more; false if there are not enough buckets for them. */
  #promise(count: number): boolean {
    const before = this.#promised;
    this.#publish(count);
    const spare = this.#spareBuckets();
    if (spare < 0) {
      this.#publish(before);
      return false;
    }
    const more = Math.min(PROMISE_KEYS_MAX, Math.floor(spare * PROMISE_SHARE));
    // Others may have looked before they could see more than `count`.
    if (more > 0) {
      this.#publish(count + more);
      if (this.#spareBuckets() < 0) this.#publish(count);
    }
    return true;
  }

  #publish(count: number): void {
    this.#promised = count;
    Atomics.store(this.#pool.control, this.#promisedAt, count);
  }

  /**
   * Sure buckets that are left when all is merged that is logged or promised; negative if they are
   * not enough.
   */
  #spareBuckets(): number {
    // In this order: see above.
    const promised = this.#promisedByAll();
    const unmerged = unmergedBytes(this.#pool, this.#segments) / RECORD_BYTES_MIN;
    return this.#sureBuckets() - unmerged - promised - BUCKET_MARGIN;
  }

  #promisedByAll(): number {
    let count = 0;
    for (let agent = 0; agent < NODE_COUNT_MAX; agent++) {
      count += Atomics.load(this.#pool.control, this.#pool.agentAt(agent) + AGENT_PROMISED_KEYS);
    }
    return count;
  }

  /** Buckets that only insertions take. */
  #sureBuckets(): number {
    const { control, bucketLimit } = this.#pool;
    const untouched = bucketLimit - Atomics.load(control, INDEX_SPACE_NEXT);
    return Math.min(untouched, reservedBuckets(this.#pool)) +
      Atomics.load(control, INDEX_SPACE_FREE_COUNT);
  }
}

/** Bytes that all KNs have logged and that are not merged. */
export function unmergedBytes(pool: Pool, segments: SegmentTable): number {
  const { control } = pool;
  let bytes = 0;
  for (let i = 0, end = pool.segmentLimit; i < end; i++) {
    const segment = i as SegmentId;
    const at = pool.segmentAt(segment);
    if (control[at + SEGMENT_LOG_NUMBER] === 0) continue;
    if (segments.state(segment) !== SegmentState.OPEN) continue;
    // Merged bytes first: what is logged in between counts. The header of a segment is no record:
    // one that was opened for a record that was not admitted has nothing to merge.
    const merged = Math.max(Atomics.load(control, at + SEGMENT_MERGED_BYTES), SEGMENT_HEADER_BYTES);
    bytes += Math.max(0, segments.usedBytes(segment) - merged);
  }
  return bytes;
}
