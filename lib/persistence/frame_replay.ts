/**
 * Replays what was logged after the checkpoint that a pool has just been restored from.
 *
 * The frames of a segment continue where the checkpoint saw its end, or begin behind the header of
 * the life after that. A frame belongs to that life if its generation says so, and is whole if its
 * CRC does. Every record has a version that only its slot gives out (I9), so segments can be
 * replayed in any order: of each key the newest record wins. To know that a key was deleted by a
 * record newer than a put that is found later, the index points at deletes, too, until all is
 * replayed.
 *
 * **What follows the last whole frame** is one of two things.
 *
 * - *The end*: bytes of an earlier life, zeros, or a frame that was being written when the process
 *   or the power went. It was never acknowledged, or not as durable on the disk. It is dropped, and
 *   the segment ends there.
 * - *Damage*: bytes that had been synced. The evidence is a whole frame behind them in the same
 *   life which says that more than that had been synced when it was written. Then something
 *   acknowledged is lost, and that is an error, unless a repair is asked for.
 *
 * @module
 */
import { crc32 } from "../platform/crc32.ts";
import { Applied, applyRecord } from "../agent/apply_record.ts";
import type { PoolAddress, SegmentId, Slot } from "../core/brands.ts";
import { CorruptionError } from "../core/errors.ts";
import { halfSipHash13 } from "../core/half_sip_hash.ts";
import { ADDRESS_UNIT_BYTES, SLOT_SHIFT } from "../core/limits.ts";
import {
  checkFrame,
  claimedBytes,
  frameSyncedBytes,
  hasSegmentHeader,
  looksLikeFrame,
} from "../log/frame_layout.ts";
import {
  FRAME_HEADER_BYTES,
  metaKeyBytes,
  metaKind,
  packMeta,
  possibleRecordBytes,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  RecordKind,
  recordVersion,
  SEGMENT_HEADER_BYTES,
  SEGMENT_MAGIC,
  valueWord,
} from "../log/record_layout.ts";
import { GENERATIONS } from "../pool/control_layout.ts";
import {
  SEGMENT_LIVE_BYTES,
  SEGMENT_LOST_BYTES,
  SEGMENT_STATE,
  SEGMENT_TOUCHED_BYTES,
  SEGMENT_USED_BYTES,
} from "../pool/segment_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { raiseSlotVersion } from "../pool/slot_version.ts";
import { SegmentState } from "../pool/segment_state.ts";
import { LIVE_UNKNOWN } from "./checkpoint_layout.ts";
import { type FileSystem, readFully } from "./file_system.ts";
import { FramesAhead, type SegmentPart } from "./frames_ahead.ts";
import type { LoadedSegments } from "./loaded_segments.ts";
import type { Damage, LostFrames, ReplayReport } from "./replay_report.ts";
import type { ReplayedSessions } from "./ledger_copy.ts";
import { ReplayedSlots } from "./replayed_slots.ts";

const FRAME_HEADER_UNITS = FRAME_HEADER_BYTES / ADDRESS_UNIT_BYTES;
/** How many segments' bytes may be checked in the search for frames behind a broken one. */
const SEARCHES_MAX = 64;
/** Bytes of an unused segment that are searched at a time. */
const SEARCHED_BYTES = 64 * 1024;

/** Replays one image, at once or ahead. */
export class FrameReplay {
  /** The image, opened; while frames are read. */
  file = -1;
  readonly #pool: Pool;
  readonly #files: FileSystem;
  readonly #path: string;
  readonly #storedCount: number;
  readonly #repair: boolean;
  readonly #sessions: ReplayedSessions | undefined;
  readonly #slots: ReplayedSlots;
  readonly #searched = new Int32Array(SEARCHED_BYTES / 4);
  #frames = 0;
  #records = 0;
  #droppedBytes = 0;
  #abandoned = 0;
  /** Whether the segment at hand has whole frames behind the end of its log. */
  #hasLostFrames = false;
  readonly #damages: Damage[] = [];
  readonly #lostFrames: LostFrames[] = [];
  /** What was read behind the checkpoint, as offsets in the segments. */
  #loaded: SegmentPart[] = [];

  /**
   * Replays into a pool that was restored from a checkpoint.
   *
   * @param path the image
   * @param storedCount segments that the image has; the pool may have more
   * @param repair whether damage is dropped and reported
   * @param sessions takes what the records say of other processes' requests, if the pool has a
   *   ledger
   */
  constructor(
    pool: Pool,
    files: FileSystem,
    path: string,
    storedCount: number,
    repair: boolean,
    sessions: ReplayedSessions | undefined,
  ) {
    this.#pool = pool;
    this.#sessions = sessions;
    this.#files = files;
    this.#path = path;
    this.#storedCount = storedCount;
    this.#repair = repair;
    this.#slots = new ReplayedSlots(pool);
  }

  /** What was found so far. */
  get report(): ReplayReport {
    const isChanged = this.#abandoned > 0 || this.#damages.length > 0 ||
      this.#lostFrames.length > 0;
    return {
      frames: this.#frames,
      records: this.#records,
      droppedBytes: this.#droppedBytes,
      damages: this.#damages,
      lostFrames: this.#lostFrames,
      mustCheckpoint: this.#records > 0 || isChanged,
      // The end of the log is that of the last whole frame: no bytes of a torn one are behind it.
      isRepeatable: !isChanged && this.#droppedBytes === 0,
    };
  }

  /**
   * Replays all frames that have not been replayed. All are read before: the index of the
   * checkpoint may point at records behind it, and their keys are compared.
   *
   * @throws {CorruptionError} for damage, and for frames that cannot be right although their CRCs
   *   are
   */
  run(): void {
    this.#loaded = [];
    for (let segment = 0, end = this.#imageCount(); segment < end; segment++) {
      this.#load(segment as SegmentId);
    }
    for (const { segment, start, end } of this.#loaded) this.#replaySegment(segment, start, end);
    this.#finish();
  }

  /**
   * Replays the whole frames that follow those that have been replayed, while another process may
   * write behind them, and leaves all that is not a whole frame for later: it may be one that is
   * being written, or be read while it is.
   *
   * @returns records that were replayed
   * @throws {CorruptionError} as {@linkcode run}; also when a segment is used again meanwhile
   */
  follow(loaded: LoadedSegments): number {
    const before = this.#records;
    const frames = new FramesAhead(this.#pool, this.#files, this.file);
    const parts: SegmentPart[] = [];
    for (let i = 0, end = this.#imageCount(); i < end; i++) {
      const part = frames.read(i as SegmentId, loaded);
      if (part !== undefined) parts.push(part);
    }
    for (const { segment, start, end } of parts) {
      this.#replay(segment, this.#pool.loadGeneration(segment), start, end);
      this.#setUsed(segment, end);
      const from = loaded.readBytes(segment);
      const crc = crc32(frames.bytes(segment, from, end), loaded.crc(segment));
      loaded.noteRead(segment, end, crc);
    }
    return this.#records - before;
  }

  /** Segments that the file reaches: nothing has ever been written to others. */
  #imageCount(): number {
    const imageBytes = this.#files.infoOf(this.file).size;
    return Math.min(this.#storedCount, Math.ceil(imageBytes / this.#pool.geometry.segmentBytes));
  }

  #load(segment: SegmentId): void {
    const pool = this.#pool;
    const { segmentBytes } = pool.geometry;
    const used = pool.control[pool.segmentAt(segment) + SEGMENT_USED_BYTES];
    if (used === 0 && !this.#isBegun(segment, pool.loadGeneration(segment))) return;
    const end = used + this.#read(segment, used, segmentBytes - used);
    if (end < SEGMENT_HEADER_BYTES) return this.#erase(segment, 0, end);
    const start = used === 0 ? SEGMENT_HEADER_BYTES : used;
    this.#loaded.push({ segment, start, end: end & ~(ADDRESS_UNIT_BYTES - 1) });
  }

  #replaySegment(segment: SegmentId, start: number, end: number): void {
    const pool = this.#pool;
    const generation = pool.loadGeneration(segment);
    this.#hasLostFrames = false;
    const replayedTo = this.#replay(segment, generation, start, end);
    if (replayedTo === SEGMENT_HEADER_BYTES) {
      // Frames that were lost, the segment's header with them, may have left others behind them: in
      // its next life the segment must not take those for its own.
      if (this.#hasLostFrames || hasSegmentHeader(pool, segment, generation)) {
        Atomics.add(pool.control, GENERATIONS + segment, 1);
        this.#abandoned += 1;
      }
      return this.#erase(segment, 0, end);
    }
    this.#erase(segment, replayedTo, end);
    if (this.#hasLostFrames) {
      // A cleaner may go on behind the end of this log (SegmentTable.reopen), and would have them
      // for a continuation.
      const offset = (this.#addressAt(segment, replayedTo) >>> 0) * ADDRESS_UNIT_BYTES;
      this.#lostFrames.push({ offset, bytes: end - replayedTo });
    }
    if (replayedTo !== start) this.#setUsed(segment, replayedTo);
  }

  #setUsed(segment: SegmentId, bytes: number): void {
    const { control } = this.#pool;
    const at = this.#pool.segmentAt(segment);
    control[at + SEGMENT_STATE] = SegmentState.SEALED;
    control[at + SEGMENT_USED_BYTES] = bytes;
    control[at + SEGMENT_LOST_BYTES] = 0;
    control[at + SEGMENT_TOUCHED_BYTES] = bytes;
    control[at + SEGMENT_LIVE_BYTES] = LIVE_UNKNOWN;
  }

  /** Ends the replay, when everything is in the index. */
  #finish(): void {
    this.#slots.finish();
    if (this.#records === 0) return;
    // Live bytes have changed in segments that the log did not touch.
    for (let i = 0, end = this.#pool.segmentLimit; i < end; i++) {
      const at = this.#pool.segmentAt(i as SegmentId);
      const isUsed = this.#pool.control[at + SEGMENT_USED_BYTES] > 0;
      if (isUsed) this.#pool.control[at + SEGMENT_LIVE_BYTES] = LIVE_UNKNOWN;
    }
  }

  /**
   * Whether an unused segment may have anything of a life. It is looked for outside the pool, whose
   * pages are not touched for what is of earlier lives.
   */
  #isBegun(segment: SegmentId, generation: number): boolean {
    const { segmentBytes } = this.#pool.geometry;
    const words = this.#searched;
    const start = (this.#pool.segmentAddress(segment) >>> 0) * ADDRESS_UNIT_BYTES;
    // A frame's header may stand on both sides of the end of a piece, so pieces overlap.
    for (let offset = 0; offset < segmentBytes; offset += SEARCHED_BYTES - FRAME_HEADER_BYTES) {
      const bytes = new Uint8Array(
        words.buffer,
        0,
        Math.min(SEARCHED_BYTES, segmentBytes - offset),
      );
      const length = readFully(this.#files, this.file, bytes, start + offset);
      if (offset === 0 && words[0] === SEGMENT_MAGIC && words[2] === generation) return true;
      for (let at = 0; at * 4 + FRAME_HEADER_BYTES <= length; at += 2) {
        if (looksLikeFrame(words, at, generation)) return true;
      }
      if (length < bytes.length) return false;
    }
    return false;
  }

  /** Replays frames from `start`, an offset in the segment; returns where they end. */
  #replay(segment: SegmentId, generation: number, start: number, end: number): number {
    let next = start;
    while (next < end) {
      const address = this.#addressAt(segment, next);
      const payload = checkFrame(this.#pool, address, generation, end - next);
      if (payload >= 0) {
        this.#frame(segment, address, payload);
        next += FRAME_HEADER_BYTES + payload;
        continue;
      }
      const resumed = this.#searchBehind(segment, generation, next, end);
      if (resumed === undefined) break;
      this.#bridge(segment, next, resumed);
      next = resumed;
    }
    return next;
  }

  /**
   * Looks for whole frames of this life behind one that is not.
   *
   * @returns where a repair goes on; undefined when the log ends here
   * @throws {CorruptionError} when there is evidence of damage, and no repair is asked for
   */
  #searchBehind(
    segment: SegmentId,
    generation: number,
    broken: number,
    end: number,
  ): number | undefined {
    const words = this.#pool.wordsOf(this.#addressAt(segment, broken));
    let first: number | undefined;
    let hasEvidence = false;
    let last = broken;
    // Headers that claim more than a segment holds, again and again, are no accident.
    const searchedMax = SEARCHES_MAX * this.#pool.geometry.segmentBytes;
    let searchedBytes = 0;
    for (let offset = broken + ADDRESS_UNIT_BYTES; offset <= end - FRAME_HEADER_BYTES;) {
      const address = this.#addressAt(segment, offset);
      const payload = looksLikeFrame(words, this.#pool.wordAt(address), generation)
        ? checkFrame(this.#pool, address, generation, end - offset)
        : -1;
      if (payload < 0) {
        const at = this.#pool.wordAt(address);
        if (looksLikeFrame(words, at, generation)) searchedBytes += claimedBytes(words, at);
        this.#require(searchedBytes <= searchedMax, segment, address >>> 0);
        offset += ADDRESS_UNIT_BYTES;
        continue;
      }
      first ??= offset;
      hasEvidence ||= frameSyncedBytes(this.#pool, address) > broken;
      offset += FRAME_HEADER_BYTES + payload;
      last = offset;
    }
    if (first === undefined) {
      this.#droppedBytes += this.#tornBytes(segment, generation, broken, end);
      return undefined;
    }
    if (!hasEvidence) {
      // Written, but not synced, when the power went: some of it is there, some of it is not.
      this.#droppedBytes += last - broken;
      this.#hasLostFrames = true;
      return undefined;
    }
    const file = this.#path;
    const offset = (this.#addressAt(segment, broken) >>> 0) * ADDRESS_UNIT_BYTES;
    const reason = `frames that had been synced are damaged in segment ${segment}`;
    if (!this.#repair) throw new CorruptionError(file, offset, reason);
    this.#damages.push({ file, offset, bytes: first - broken, reason });
    return first;
  }

  /** Bytes of the torn frame at the end of the log; 0 if the log just ends there. */
  #tornBytes(segment: SegmentId, generation: number, broken: number, end: number): number {
    if (end - broken < FRAME_HEADER_BYTES) return 0;
    const address = this.#addressAt(segment, broken);
    const at = this.#pool.wordAt(address);
    const words = this.#pool.wordsOf(address);
    return looksLikeFrame(words, at, generation) ? Math.min(end - broken, FRAME_HEADER_BYTES) : 0;
  }

  /**
   * Makes a dead record of the bytes between two offsets, so that a thread that walks over the
   * records gets across.
   */
  #bridge(segment: SegmentId, from: number, to: number): void {
    const address = this.#addressAt(segment, from);
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    const meta = packMeta(0, RecordKind.RESERVATION, 0);
    words.fill(0, at, at + (to - from) / 4);
    words[at + RECORD_META] = meta;
    words[at + RECORD_VALUE_BYTES] = to - from - valueWord(meta) * 4;
  }

  #frame(segment: SegmentId, frame: PoolAddress, payload: number): void {
    const pool = this.#pool;
    const end = (frame >>> 0) + FRAME_HEADER_UNITS + payload / ADDRESS_UNIT_BYTES;
    for (let next = (frame >>> 0) + FRAME_HEADER_UNITS; next < end;) {
      const address = (next | 0) as PoolAddress;
      const words = pool.wordsOf(address);
      const at = pool.wordAt(address);
      const bytesLeft = (end - next) * ADDRESS_UNIT_BYTES;
      const length = possibleRecordBytes(words, at, bytesLeft, RecordKind.CLEAR);
      this.#require(length > 0, segment, next);
      this.#require(this.#apply(address, words, at), segment, next);
      this.#sessions?.note(address);
      next += length / ADDRESS_UNIT_BYTES;
      this.#records += 1;
    }
    this.#frames += 1;
  }

  /** Lets a record take effect, if none that is newer has; false if it cannot be right. */
  #apply(address: PoolAddress, words: Int32Array, at: number): boolean {
    const hash = words[at + RECORD_HASH];
    const slotAt = this.#pool.slotAt((hash >>> SLOT_SHIFT) as Slot);
    const meta = words[at + RECORD_META];
    const version = recordVersion(meta, words[at + RECORD_VERSION_LOW]);
    raiseSlotVersion(this.#pool.control, slotAt, version);
    if (metaKind(meta) !== RecordKind.CLEAR) {
      const [key0, key1] = this.#pool.hashKey;
      const keyHash = halfSipHash13(key0, key1, words, at + RECORD_KEY, metaKeyBytes(meta));
      if (keyHash !== hash) return false;
    }
    return applyRecord(this.#slots, address) !== Applied.NO_ROOM;
  }

  #addressAt(segment: SegmentId, offset: number): PoolAddress {
    const start = this.#pool.segmentAddress(segment) >>> 0;
    return ((start + offset / ADDRESS_UNIT_BYTES) | 0) as PoolAddress;
  }

  /** Reads part of a segment from the image; returns how much of it there is. */
  #read(segment: SegmentId, offset: number, byteLength: number): number {
    if (byteLength === 0) return 0;
    const address = this.#pool.segmentAddress(segment);
    const from = this.#pool.wordAt(address) * 4 + offset;
    const bytes = this.#pool.bytesOf(address).subarray(from, from + byteLength);
    const position = (address >>> 0) * ADDRESS_UNIT_BYTES + offset;
    return readFully(this.#files, this.file, bytes, position);
  }

  /** Clears what was read behind the log's end. */
  #erase(segment: SegmentId, offset: number, end: number): void {
    const address = this.#pool.segmentAddress(segment);
    const from = this.#pool.wordAt(address) * 4;
    this.#pool.bytesOf(address).fill(0, from + offset, from + end);
  }

  #require(condition: boolean, segment: SegmentId, unit: number): void {
    if (condition) return;
    throw new CorruptionError(
      this.#path,
      unit * ADDRESS_UNIT_BYTES,
      `a record in a frame of segment ${segment} cannot be right, although the CRC is`,
    );
  }
}
