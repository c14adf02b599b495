/**
 * Appends records to one agent's open segment.
 *
 * Only the thread that holds the writer touches its open segment's tail, so reserving space is
 * plain arithmetic. What is shared is published through the segment table: the used bytes at the
 * end of a batch and when the segment is sealed.
 *
 * With a file, what is appended is logged: records stand in frames, which are written before
 * anything about them is published.
 *
 * ```text
 *   reserve, reserve, ...   a frame is begun with the first record, and another in the next
 *                           segment when this one is full
 *   write                   completes the frames and writes them; from then on the file has the
 *                           records
 *   settle                  publishes the used bytes, and seals the segments that are full
 * ```
 *
 * Between `write` and `settle` the index is pointed at the records. Their segments are sealed after
 * that, and so cannot be freed before (I10).
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { NO_ADDRESS, NO_SEGMENT, type PoolAddress, type SegmentId } from "../core/brands.ts";
import { ADDRESS_UNIT_BYTES } from "../core/limits.ts";
import type { Pool } from "../pool/pool.ts";
import {
  AGENT_IN_SYSTEM_CALL,
  AGENT_LOG_FRAME,
  AGENT_LOG_LAST,
  AGENT_LOG_SEGMENT,
  AGENT_STAGING_SEGMENT,
} from "../pool/control_layout.ts";
import { SEGMENT_LOG_NUMBER, SEGMENT_SYNCED_BYTES } from "../pool/segment_layout.ts";
import type { SegmentTable } from "../pool/segment_table.ts";
import { reopenLargest } from "../pool/segment_tails.ts";
import { gainShareOf } from "../pool/space_budget.ts";
import type { LogSink } from "./log_sink.ts";
import { packSynced } from "../pool/synced_bytes.ts";
import { FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC } from "./record_layout.ts";

/** What a writer is made of beside the pool. */
export interface LogWriterOptions {
  /** Where what is appended is logged; undefined logs nothing. */
  readonly file?: LogSink | undefined;
  /** Whether it stages values that will be copied into another writer's log. */
  readonly isStaging?: boolean;
  /**
   * Whether what is appended is merged into the index later: its segments stay open when they are
   * full, so that they are neither cleaned nor freed before that, and are numbered in the order in
   * which they were filled. The KN seals them when they are merged; the M-node does so when the KN
   * is gone.
   */
  readonly isMerged?: boolean;
  /**
   * The agent whose thread appends, if that is not the writer's own: it is not taken for stalled
   * while it waits for a disk.
   */
  readonly forAgent?: number;
}

/** Part of a segment that is to be written. */
interface Range {
  readonly address: PoolAddress;
  readonly byteLength: number;
}

/** A segment that is appended to no more. */
interface LeftSegment {
  readonly segment: SegmentId;
  readonly usedBytes: number;
  /** Whether it was left because the next record did not fit. */
  readonly isFull: boolean;
}

const HEADER_UNITS = SEGMENT_HEADER_BYTES / ADDRESS_UNIT_BYTES;
const FRAME_HEADER_UNITS = FRAME_HEADER_BYTES / ADDRESS_UNIT_BYTES;
const NO_FRAME = 0;

/** An append-only writer with at most one open segment. */
export class LogWriter {
  readonly #pool: Pool;
  readonly #segments: SegmentTable;
  /** The agent that appends. */
  readonly agent: number;
  readonly #file: LogSink | undefined;
  readonly #isStaging: boolean;
  readonly #isMerged: boolean;
  #segmentNumber = 0;
  readonly #agentAt: number;
  /** Where it says that its thread is in a call of the operating system. */
  readonly #callAt: number;
  /** Where a writer leaves its place to the next one. */
  readonly #placeAt: number;
  #segment: SegmentId = NO_SEGMENT;
  #next = 0;
  #end = 0;
  /** Header of the frame that is being filled. */
  #frame = NO_FRAME;
  /** Frames that are complete and not written yet. */
  #ranges: Range[] = [];
  /** Segments that have been left and are not sealed yet. */
  #left: LeftSegment[] = [];

  /** Makes a writer for an agent; it opens its first segment when it needs one. */
  constructor(pool: Pool, segments: SegmentTable, agent: number, options: LogWriterOptions = {}) {
    this.#pool = pool;
    this.#segments = segments;
    this.agent = agent;
    this.#agentAt = pool.agentAt(agent);
    this.#callAt = pool.agentAt(options.forAgent ?? agent) + AGENT_IN_SYSTEM_CALL;
    this.#file = options.file;
    this.#isStaging = options.isStaging ?? false;
    this.#isMerged = options.isMerged ?? false;
    const place = this.#isStaging ? AGENT_STAGING_SEGMENT : AGENT_LOG_SEGMENT;
    this.#placeAt = this.#agentAt + place;
  }

  /** The open segment, or `NO_SEGMENT`. */
  get segment(): SegmentId {
    return this.#segment;
  }

  /** Bytes that are left of the open segment. */
  get roomBytes(): number {
    return (this.#end - this.#next) * ADDRESS_UNIT_BYTES;
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
    const hasRoom = units + this.#headerUnits() <= this.#end - this.#next;
    if (!hasRoom && !this.#open(units, segmentReserve)) return NO_ADDRESS;
    if (this.#file !== undefined && this.#frame === NO_FRAME) {
      this.#frame = this.#next;
      this.#next += FRAME_HEADER_UNITS;
      this.#pool.control[this.#agentAt + AGENT_LOG_FRAME] = this.#frame;
    }
    const address = this.#next | 0;
    if (!this.#isStaging) this.#pool.control[this.#agentAt + AGENT_LOG_LAST] = address;
    this.#next += units;
    return address as PoolAddress;
  }

  /** Gives back the newest reservation, which no other thread can have seen. */
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
    this.#segment = (control[this.#placeAt] - 1) as SegmentId;
    this.#next = control[this.#placeAt + 1] >>> 0;
    this.#end = this.#segment === NO_SEGMENT ? 0 : this.#endOf(this.#segment);
  }

  /** Leaves the open segment to the next writer of the same agent. */
  suspend(): void {
    const { control } = this.#pool;
    control[this.#placeAt] = this.#segment + 1;
    control[this.#placeAt + 1] = this.#next;
  }

  /**
   * Writes what has been reserved and filled since the last time, and syncs it if wanted.
   *
   * @returns false when durability is lost: none of it may be acknowledged
   */
  write(mustSync: boolean): boolean {
    if (this.#file === undefined) return true;
    this.endFrame();
    const ranges = this.#ranges;
    if (ranges.length === 0 && !mustSync && !this.#file.isSyncOverdue) return !this.#file.hasFailed;
    this.#ranges = [];
    const { control } = this.#pool;
    // The M-node does not take this thread for stalled while it waits for a disk.
    control[this.#callAt] = 1;
    const isWritten = this.#writeRanges(ranges, this.#file, mustSync);
    control[this.#callAt] = 0;
    return isWritten;
  }

  /** Completes the frame that is being filled; one without records is given back. */
  endFrame(): void {
    if (this.#frame === NO_FRAME) return;
    const frame = this.#frame;
    this.#frame = NO_FRAME;
    const payloadUnits = this.#next - frame - FRAME_HEADER_UNITS;
    if (payloadUnits === 0) {
      this.#next = frame;
      return;
    }
    const payloadBytes = payloadUnits * ADDRESS_UNIT_BYTES;
    this.#file!.sealFrame(this.#segment, (frame | 0) as PoolAddress, payloadBytes);
    // The segment's header is written with its first frame.
    const start = this.#pool.segmentAddress(this.#segment) >>> 0;
    const from = frame === start + HEADER_UNITS ? start : frame;
    const byteLength = (this.#next - from) * ADDRESS_UNIT_BYTES;
    this.#ranges.push({ address: (from | 0) as PoolAddress, byteLength });
  }

  /** Publishes how far segments are filled, in their order, and seals those that have been left. */
  settle(): void {
    if (this.#left.length > 0) {
      for (const { segment, usedBytes, isFull } of this.#left) {
        this.#segments.publishUsed(segment, usedBytes);
        if (isFull) this.#segments.publishFull(segment);
        if (!this.#isMerged) this.#segments.seal(segment);
      }
      this.#left = [];
    }
    if (this.#segment !== NO_SEGMENT) {
      this.#segments.publishUsed(this.#segment, this.#usedBytes());
    }
  }

  /** Writes and settles what needs no acknowledgement. */
  publish(): void {
    // If it cannot be written, durability is lost, and no checkpoint will count on it.
    this.write(false);
    this.settle();
  }

  /** Ends the open segment, if there is one; what is left of it is for cleaning to gain. */
  seal(): void {
    if (this.#segment === NO_SEGMENT) return;
    this.#leaveSegment(false);
    this.publish();
  }

  #writeRanges(ranges: readonly Range[], file: LogSink, mustSync: boolean): boolean {
    for (const { address, byteLength } of ranges) {
      if (!file.write(address, byteLength)) return false;
    }
    if (!mustSync && !file.isSyncOverdue) return !file.hasFailed;
    if (!file.sync()) return false;
    if (this.#segment !== NO_SEGMENT) {
      const { control } = this.#pool;
      const synced = packSynced(this.#pool.loadGeneration(this.#segment), this.#usedBytes());
      control[this.#pool.segmentAt(this.#segment) + SEGMENT_SYNCED_BYTES] = synced;
    }
    return true;
  }

  /** Units of the header that the next record needs in front of it. */
  #headerUnits(): number {
    return this.#file !== undefined && this.#frame === NO_FRAME ? FRAME_HEADER_UNITS : 0;
  }

  #endOf(segment: SegmentId): number {
    const { segmentBytes } = this.#pool.geometry;
    return (this.#pool.segmentAddress(segment) >>> 0) + segmentBytes / ADDRESS_UNIT_BYTES;
  }

  #usedBytes(): number {
    const start = this.#pool.segmentAddress(this.#segment) >>> 0;
    // The header is written with the first frame: before that the file has nothing of the segment.
    if (this.#file !== undefined && this.#next === start + HEADER_UNITS) return 0;
    return (this.#next - start) * ADDRESS_UNIT_BYTES;
  }

  /** Whether records have been reserved that nothing points at yet. */
  get #hasUnsettled(): boolean {
    return this.#frame !== NO_FRAME || this.#ranges.length > 0 || this.#left.length > 0;
  }

  #open(units: number, segmentReserve: number): boolean {
    const { segmentBytes } = this.#pool.geometry;
    const overhead = SEGMENT_HEADER_BYTES + this.#headerUnits() * ADDRESS_UNIT_BYTES;
    assert(units * ADDRESS_UNIT_BYTES <= segmentBytes - overhead, "a record fits a segment");
    const allocate = () => this.#segments.allocate(this.agent, segmentReserve, this.#isStaging);
    let segment = allocate();
    const mayFree = this.#segment !== NO_SEGMENT && !this.#hasUnsettled && !this.#isMerged;
    if (segment === NO_SEGMENT && mayFree && this.#mayExchange()) {
      // One in which nothing is live, such as one full of deletes, frees itself when it is sealed.
      this.#leaveSegment(true);
      this.publish();
      segment = allocate();
    }
    if (segment === NO_SEGMENT) return segmentReserve === 0 && this.#reopen(units);
    this.#leaveSegment(true);
    if (this.#file === undefined) this.settle();
    this.#writeHeader(segment);
    if (this.#isMerged) {
      this.#segmentNumber += 1;
      this.#pool.control[this.#pool.segmentAt(segment) + SEGMENT_LOG_NUMBER] = this.#segmentNumber;
    }
    this.#segment = segment;
    this.#next = (this.#pool.segmentAddress(segment) >>> 0) + HEADER_UNITS;
    this.#end = this.#endOf(segment);
    return true;
  }

  /**
   * Goes on in the unfilled tail of a segment that was sealed before it was full. Only a cleaner
   * does that, for which no reserve is left: puts would use up what may be the only room to clean
   * to.
   */
  #reopen(units: number): boolean {
    if (this.#isStaging || this.#isMerged) return false;
    const bytes = (units + FRAME_HEADER_UNITS) * ADDRESS_UNIT_BYTES;
    const segment = reopenLargest(this.#pool, this.#segments, this.agent, bytes);
    if (segment === NO_SEGMENT) return false;
    this.#leaveSegment(true);
    if (this.#file === undefined) this.settle();
    const usedBytes = this.#segments.usedBytes(segment);
    this.#segment = segment;
    this.#next = (this.#pool.segmentAddress(segment) >>> 0) + usedBytes / ADDRESS_UNIT_BYTES;
    this.#end = this.#endOf(segment);
    return true;
  }

  /**
   * Whether to give up the open segment, which the next record does not fit and for which there is
   * no other: where cleaning it gains something, and there is a segment to clean it to. Otherwise
   * it stays open: what is left of it still serves smaller records.
   */
  #mayExchange(): boolean {
    if (this.#segments.liveBytes(this.#segment) === 0) return true;
    return !this.#isStaging && this.#segments.freeCount > 0 &&
      gainShareOf(this.#pool, this.#segments, this.#segment, this.roomBytes) > 0;
  }

  #writeHeader(segment: SegmentId): void {
    const address = this.#pool.segmentAddress(segment);
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    words.fill(0, at, at + SEGMENT_HEADER_BYTES / 4);
    words[at] = SEGMENT_MAGIC;
    words[at + 1] = segment;
    words[at + 2] = this.#pool.loadGeneration(segment);
    this.#file?.sealSegmentHeader(segment);
  }

  /** Ends the frame and the segment, which is sealed when what is in it has been settled. */
  #leaveSegment(isFull: boolean): void {
    if (this.#segment === NO_SEGMENT) return;
    this.endFrame();
    this.#left.push({ segment: this.#segment, usedBytes: this.#usedBytes(), isFull });
    this.#segment = NO_SEGMENT;
    this.#next = this.#end = 0;
  }
}
