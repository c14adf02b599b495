/**
 * Appends records to one thread's open segment.
 *
 * Only the thread that holds the writer touches its open segment's tail, so reserving space is plain
 * arithmetic. What is shared is published through the segment table: the used bytes at the end of a batch and
 * when the segment is sealed.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { NO_ADDRESS, NO_SEGMENT, type PoolAddress, type SegmentId } from "../core/brands.ts";
import { ADDRESS_UNIT_BYTES } from "../core/limits.ts";
import type { Pool } from "../pool/pool.ts";
import { AGENT_LOG_NEXT, AGENT_LOG_SEGMENT } from "../pool/control_layout.ts";
import type { SegmentTable } from "../pool/segment_table.ts";
import { SEGMENT_HEADER_BYTES, SEGMENT_MAGIC } from "./record_layout.ts";

/** An append-only writer with at most one open segment. */
export class LogWriter {
  readonly #pool: Pool;
  readonly #segments: SegmentTable;
  readonly #agent: number;
  #segment: SegmentId = NO_SEGMENT;
  #next = 0;
  #end = 0;

  /** Makes a writer for an agent; it opens its first segment when it needs one. */
  constructor(pool: Pool, segments: SegmentTable, agent: number) {
    this.#pool = pool;
    this.#segments = segments;
    this.#agent = agent;
  }

  /** The open segment, or `NO_SEGMENT`. */
  get segment(): SegmentId {
    return this.#segment;
  }

  /**
   * Reserves space for a record.
   *
   * @param words its length, a multiple of 2
   * @param segmentReserve free segments to leave for others, if a new one has to be opened
   * @returns where to write it, or `NO_ADDRESS` when no segment could be opened
   */
  reserve(words: number, segmentReserve: number): PoolAddress {
    const units = words >>> 1;
    if (units > this.#end - this.#next && !this.#open(units, segmentReserve)) return NO_ADDRESS;
    const address = this.#next | 0;
    this.#next += units;
    return address as PoolAddress;
  }

  /** Gives back the newest reservation, which nobody can have seen. */
  cancel(address: PoolAddress, words: number): void {
    assert(
      ((address >>> 0) + (words >>> 1)) === this.#next,
      "only the newest reservation is cancelled",
    );
    this.#next = address >>> 0;
  }

  /** Goes on where another writer of the same agent has left off. */
  resume(): void {
    const { control } = this.#pool;
    const at = this.#pool.agentAt(this.#agent);
    this.#segment = (control[at + AGENT_LOG_SEGMENT] - 1) as SegmentId;
    this.#next = control[at + AGENT_LOG_NEXT] >>> 0;
    this.#end = this.#segment === NO_SEGMENT ? 0 : this.#endOf(this.#segment);
  }

  /** Leaves the open segment to the next writer of the same agent. */
  suspend(): void {
    const { control } = this.#pool;
    const at = this.#pool.agentAt(this.#agent);
    control[at + AGENT_LOG_SEGMENT] = this.#segment + 1;
    control[at + AGENT_LOG_NEXT] = this.#next;
  }

  /** Publishes how far the open segment is filled. */
  publish(): void {
    if (this.#segment !== NO_SEGMENT) {
      this.#segments.publishUsed(this.#segment, this.#usedBytes());
    }
  }

  /** Ends the open segment, if there is one. */
  seal(): void {
    if (this.#segment === NO_SEGMENT) return;
    this.publish();
    const segment = this.#segment;
    this.#segment = NO_SEGMENT;
    this.#next = this.#end = 0;
    this.#segments.seal(segment);
  }

  #endOf(segment: SegmentId): number {
    const { segmentBytes } = this.#pool.geometry;
    return (this.#pool.segmentAddress(segment) >>> 0) + segmentBytes / ADDRESS_UNIT_BYTES;
  }

  #usedBytes(): number {
    const start = this.#pool.segmentAddress(this.#segment) >>> 0;
    return (this.#next - start) * ADDRESS_UNIT_BYTES;
  }

  #open(units: number, segmentReserve: number): boolean {
    const { segmentBytes } = this.#pool.geometry;
    assert(
      units * ADDRESS_UNIT_BYTES <= segmentBytes - SEGMENT_HEADER_BYTES,
      "a record fits a segment",
    );
    let segment = this.#segments.allocate(this.#agent, segmentReserve);
    if (segment === NO_SEGMENT && this.#segment !== NO_SEGMENT) {
      // An open segment in which nothing is live, such as one full of deletes, frees itself when sealed.
      // Any other stays open: what is left of it still serves smaller records.
      if (this.#segments.liveBytes(this.#segment) !== 0) return false;
      this.seal();
      segment = this.#segments.allocate(this.#agent, segmentReserve);
    }
    if (segment === NO_SEGMENT) return false;
    this.seal();
    const address = this.#pool.segmentAddress(segment);
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    words[at] = SEGMENT_MAGIC;
    words[at + 1] = segment;
    words[at + 2] = this.#pool.loadGeneration(segment);
    this.#segment = segment;
    this.#next = (address >>> 0) + SEGMENT_HEADER_BYTES / ADDRESS_UNIT_BYTES;
    this.#end = this.#endOf(segment);
    return true;
  }
}
