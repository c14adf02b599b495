/**
 * The log of a dead thread: frames that may be in the file are written once more, and the segments
 * that it had open are sealed behind all that may be live in them. What is written, and why,
 * step_recovery.ts explains.
 *
 * @module
 */
import { NO_ADDRESS, type PoolAddress, type SegmentId, type Slot } from "../core/brands.ts";
import { ADDRESS_UNIT_BYTES, NODE_COUNT_MAX, SLOT_SHIFT } from "../core/limits.ts";
import type { SlotTable } from "../index/slot_table.ts";
import {
  metaKind,
  possibleRecordBytes,
  RECORD_HASH,
  RECORD_META,
  RecordKind,
  SEGMENT_HEADER_BYTES,
} from "../log/record_layout.ts";
import { GroupState } from "../node/request_group.ts";
import type { LogFile } from "../persistence/log_file.ts";
import {
  AGENT_HOST,
  AGENT_LOG_FRAME,
  AGENT_LOG_LAST,
  AGENT_LOG_SEGMENT,
  AGENT_LOGGED_END,
  AGENT_STAGING_SEGMENT,
  SLOT_LOCK,
} from "../pool/control_layout.ts";
import { SEGMENT_LOG_NUMBER } from "../pool/segment_layout.ts";
import { isFar } from "../pool/placement.ts";
import type { Pool } from "../pool/pool.ts";
import type { SegmentTable } from "../pool/segment_table.ts";
import { holderOf, unlockSlot, waitForAnySlot } from "../routing/ownership.ts";

/** How long to wait for a slot in order to see whether the last record is live. */
const LOCK_WAIT_MS_MAX = 1000;

/** What ending a log works with. */
export interface LogRecoveryOptions {
  readonly pool: Pool;
  /** The agent block of the dead thread. */
  readonly agent: number;
  /** The image, if writes are logged. */
  readonly file: LogFile | undefined;
  readonly segments: SegmentTable;
  readonly table: SlotTable;
}

/** Ends the log of one executor. */
export class LogRecovery {
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #agent: number;
  readonly #agentAt: number;
  readonly #file: LogFile | undefined;
  readonly #segments: SegmentTable;
  readonly #table: SlotTable;

  /** Prepares for it. The executor is fenced, and known to do nothing any more. */
  constructor({ pool, agent, file, segments, table }: LogRecoveryOptions) {
    this.#pool = pool;
    this.#control = pool.control;
    this.#agent = agent;
    this.#agentAt = pool.agentAt(agent);
    this.#file = file;
    this.#segments = segments;
    this.#table = table;
  }

  /**
   * Whether it was a KN of a far pool, whose changes are made by being logged, and not by itself.
   */
  get isOfFarNode(): boolean {
    return isFar(this.#pool) && this.#agent < NODE_COUNT_MAX;
  }

  /** Completes and writes the frames that are to stay; false when durability is lost. */
  endFrames(group: number): boolean {
    const file = this.#file;
    if (file === undefined) return true;
    if (group === GroupState.APPENDING) return !file.hasFailed;
    let isWritten = true;
    for (const segment of this.#openSegments()) {
      const start = this.#pool.segmentAddress(segment) >>> 0;
      const usedBytes = this.#segments.usedBytes(segment);
      const endBytes = this.#endOfFrames(segment, group);
      if (endBytes <= Math.max(usedBytes, SEGMENT_HEADER_BYTES)) continue;
      // The segment's header is written with its first frame.
      const from = start + usedBytes / ADDRESS_UNIT_BYTES;
      isWritten = file.write((from | 0) as PoolAddress, endBytes - usedBytes) && isWritten;
      // What counts as used of a far KN's log is merged.
      if (isWritten || !this.isOfFarNode) this.#segments.publishUsed(segment, endBytes);
    }
    return isWritten && (group === GroupState.NONE || file.sync());
  }

  /**
   * Bytes to the end of the frames behind what a segment says is used; one of a cleaner is
   * completed.
   */
  #endOfFrames(segment: SegmentId, group: number): number {
    const { segmentBytes } = this.#pool.geometry;
    const start = this.#pool.segmentAddress(segment) >>> 0;
    let bytes = Math.max(this.#segments.usedBytes(segment), SEGMENT_HEADER_BYTES);
    for (;;) {
      const address = ((start + bytes / ADDRESS_UNIT_BYTES) | 0) as PoolAddress;
      const frameBytes = this.#file!.frameBytes(segment, address, segmentBytes - bytes);
      if (frameBytes > 0) bytes += frameBytes;
      else if (group !== GroupState.NONE || !this.#sealOpenFrame(segment, address)) return bytes;
    }
  }

  /**
   * Completes the frame at an address, if the dead thread was filling it with records that the
   * index points at.
   */
  #sealOpenFrame(segment: SegmentId, address: PoolAddress): boolean {
    if (this.#control[this.#agentAt + AGENT_LOG_FRAME] >>> 0 !== address >>> 0) return false;
    const endBytes = this.#endOfRecords(segment);
    if (endBytes === undefined) return false;
    const start = this.#pool.segmentAddress(segment) >>> 0;
    const frameBytes = endBytes - ((address >>> 0) - start) * ADDRESS_UNIT_BYTES;
    return this.#file!.sealFrameUpTo(segment, address, frameBytes);
  }

  /** Seals the segments that the dead thread has had open. */
  seal(): SegmentId[] {
    const isLogged = this.#file !== undefined;
    const open = this.#openSegments(true);
    for (const segment of open) {
      const endBytes = isLogged || this.#segments.isStaging(segment)
        ? undefined
        : this.#endOfRecords(segment);
      if (endBytes !== undefined) this.#segments.publishUsed(segment, endBytes);
      this.#segments.seal(segment);
    }
    // Where the last writer that ended well had left off.
    this.#control[this.#agentAt + AGENT_LOG_SEGMENT] = 0;
    this.#control[this.#agentAt + AGENT_STAGING_SEGMENT] = 0;
    return open;
  }

  /** Says where the log of a far KN ends: it may have died before it did. */
  publishLoggedEnd(): void {
    for (const segment of this.#openSegments()) {
      const usedBytes = this.#segments.usedBytes(segment);
      if (this.#logNumber(segment) === 0 || usedBytes <= SEGMENT_HEADER_BYTES) continue;
      const end = (this.#pool.segmentAddress(segment) >>> 0) + usedBytes / ADDRESS_UNIT_BYTES;
      Atomics.store(this.#control, this.#agentAt + AGENT_LOGGED_END, end | 0);
    }
  }

  #logNumber(segment: SegmentId): number {
    return this.#control[this.#pool.segmentAt(segment) + SEGMENT_LOG_NUMBER];
  }

  /** Whether a record is within the used bytes of its segment, and was not given up. */
  isLogged(address: PoolAddress): boolean {
    const meta = this.#pool.wordsOf(address)[this.#pool.wordAt(address) + RECORD_META];
    if (metaKind(meta) === RecordKind.RESERVATION) return false;
    const segment = this.#pool.segmentOf(address);
    const start = this.#pool.segmentAddress(segment) >>> 0;
    const offset = ((address >>> 0) - start) * ADDRESS_UNIT_BYTES;
    return offset < this.#segments.usedBytes(segment);
  }

  /**
   * Bytes of a segment to the end of what may be live in it: every reservation but the last one is
   * complete. Undefined when the newest reservation is elsewhere.
   */
  #endOfRecords(segment: SegmentId): number | undefined {
    const last = this.#control[this.#agentAt + AGENT_LOG_LAST] as PoolAddress;
    if (last === NO_ADDRESS || this.#pool.segmentOf(last) !== segment) return undefined;
    const { segmentBytes } = this.#pool.geometry;
    const offset = ((last >>> 0) - (this.#pool.segmentAddress(segment) >>> 0)) * ADDRESS_UNIT_BYTES;
    const bytes = possibleRecordBytes(
      this.#pool.wordsOf(last),
      this.#pool.wordAt(last),
      segmentBytes - offset,
      RecordKind.RESERVATION,
    );
    return bytes > 0 && this.#mayBeLive(last) ? offset + bytes : offset;
  }

  /** Whether the index points at a record, or a client is about to write into it. */
  #mayBeLive(address: PoolAddress): boolean {
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    if (metaKind(words[at + RECORD_META]) === RecordKind.RESERVATION) return true;
    const hash = words[at + RECORD_HASH];
    const slotAt = this.#pool.slotAt((hash >>> SLOT_SHIFT) as Slot);
    const lock = slotAt + SLOT_LOCK;
    if (holderOf(this.#control[lock]) === this.#agent) {
      return this.#table.findAddress(slotAt, hash, address);
    }
    const owner = waitForAnySlot(this.#control, lock, AGENT_HOST, LOCK_WAIT_MS_MAX);
    // It looks like a record, so keeping it does no harm.
    if (owner === undefined) return true;
    const isLive = this.#table.findAddress(slotAt, hash, address);
    unlockSlot(this.#control, lock, owner);
    return isLive;
  }

  #openSegments(withStaging = false): SegmentId[] {
    // In the order in which they were filled: a merger takes it that used bytes are published in
    // that order.
    const open = this.#segments.openSegmentsOf(this.#agent)
      .sort((a, b) => this.#logNumber(a) - this.#logNumber(b));
    return withStaging ? open : open.filter((segment) => !this.#segments.isStaging(segment));
  }
}
