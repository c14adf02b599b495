/**
 * The image as the log's file: one thread's access to it. File offset = pool address in bytes.
 *
 * A write that fails, or a sync, ends durability for the whole pool, at once and for good. In
 * particular a sync is never tried again: the operating system may have marked the lost pages as
 * clean, and the second attempt would succeed.
 *
 * @module
 */
import { ADDRESS_UNIT_BYTES } from "../core/limits.ts";
import type { LogSink } from "../log/log_sink.ts";
import type { PoolAddress, SegmentId } from "../core/brands.ts";
import { epochMs } from "../platform/runtime.ts";
import { checkFrame, sealFrame, sealSegmentHeader } from "../log/frame_layout.ts";
import { FRAME_HEADER_BYTES } from "../log/record_layout.ts";
import { SYNC_FIGURES, UNITS_SYNCED, UNITS_WRITTEN } from "../pool/control_layout.ts";
import { SEGMENT_SYNCED_BYTES } from "../pool/segment_layout.ts";
import {
  DurabilityFailure,
  durabilityFailure,
  loseDurability,
  SyncFigure,
  unsyncedBytes,
} from "../pool/durability.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentState } from "../pool/segment_state.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import { isSynced, packSynced, syncedBytesOf } from "../pool/synced_bytes.ts";
import { type FileSystem, writeFully } from "./file_system.ts";

/**
 * After how long without a sync a writer syncs itself: the thread that should have done it is
 * blocked.
 */
const OVERDUE_MS = 1500;

/** How far one life of a segment is filled; it says so when that is synced. */
interface UsedBytes {
  readonly segment: SegmentId;
  readonly generation: number;
  readonly bytes: number;
}

/** The image, opened for writing. */
export class LogFile implements LogSink {
  readonly #pool: Pool;
  readonly #files: FileSystem;
  readonly #segments: SegmentTable;
  readonly #file: number;
  readonly #clock: () => number;

  /**
   * Opens the image.
   *
   * @param clock tells the time in milliseconds, the same for all threads
   */
  constructor(pool: Pool, files: FileSystem, path: string, clock: () => number = epochMs) {
    this.#pool = pool;
    this.#files = files;
    this.#segments = new SegmentTable(pool);
    this.#clock = clock;
    this.#file = files.openForUpdate(path);
  }

  /** Whether nothing is durable any more. */
  get hasFailed(): boolean {
    return durabilityFailure(this.#pool) !== DurabilityFailure.NONE;
  }

  /**
   * Whether a sync is due that no other thread has done; also when the system's clock has been set
   * back since the last one.
   */
  get isSyncOverdue(): boolean {
    return unsyncedBytes(this.#pool) > 0 &&
      Math.abs(this.#clock() - this.#figure(SyncFigure.LAST_AT_MS)) > OVERDUE_MS;
  }

  /** Completes the header of a segment. */
  sealSegmentHeader(segment: SegmentId): void {
    sealSegmentHeader(this.#pool, segment);
  }

  /** Completes a frame whose records are all there. */
  sealFrame(segment: SegmentId, address: PoolAddress, payloadBytes: number): void {
    const pool = this.#pool;
    const generation = pool.loadGeneration(segment);
    const synced = pool.control[pool.segmentAt(segment) + SEGMENT_SYNCED_BYTES];
    sealFrame(pool, address, payloadBytes, generation, syncedBytesOf(synced, generation));
  }

  /**
   * Bytes of the whole frame of a segment's present life at an address, header included; 0 if there
   * is none.
   */
  frameBytes(segment: SegmentId, address: PoolAddress, bytesLeft: number): number {
    const generation = this.#pool.loadGeneration(segment);
    const payloadBytes = checkFrame(this.#pool, address, generation, bytesLeft);
    return payloadBytes < 0 ? 0 : FRAME_HEADER_BYTES + payloadBytes;
  }

  /** Completes a frame of so many bytes, header included; false if there is nothing in it. */
  sealFrameUpTo(segment: SegmentId, address: PoolAddress, frameBytes: number): boolean {
    if (frameBytes <= FRAME_HEADER_BYTES) return false;
    this.sealFrame(segment, address, frameBytes - FRAME_HEADER_BYTES);
    return true;
  }

  /** Writes part of a segment; false when durability is lost. */
  write(address: PoolAddress, byteLength: number): boolean {
    if (this.hasFailed) return false;
    const start = this.#pool.wordAt(address) * 4;
    const bytes = this.#pool.bytesOf(address).subarray(start, start + byteLength);
    try {
      writeFully(this.#files, this.#file, bytes, (address >>> 0) * ADDRESS_UNIT_BYTES);
    } catch (error) {
      loseDurability(this.#pool, DurabilityFailure.WRITE, error);
      return false;
    }
    Atomics.add(this.#pool.control, UNITS_WRITTEN, byteLength / ADDRESS_UNIT_BYTES);
    return true;
  }

  /** Makes durable what all threads have written; false when durability is lost. */
  sync(): boolean {
    const { control } = this.#pool;
    if (this.hasFailed) return false;
    const written = Atomics.load(control, UNITS_WRITTEN);
    const used = this.#unsynced();
    const startMs = this.#clock();
    try {
      this.#files.sync(this.#file);
    } catch (error) {
      loseDurability(this.#pool, DurabilityFailure.SYNC, error);
      return false;
    }
    for (const { segment, generation, bytes } of used) {
      // Some may have been freed meanwhile, and begun another life.
      if (this.#pool.loadGeneration(segment) !== generation) continue;
      const synced = packSynced(generation, bytes);
      control[this.#pool.segmentAt(segment) + SEGMENT_SYNCED_BYTES] = synced;
    }
    this.#noteSynced(written);
    // A clock that is set back meanwhile says nothing.
    this.#count(Math.max(0, this.#clock() - startMs));
    // A sync that another thread saw fail may have succeeded here, on pages that are lost.
    return !this.hasFailed;
  }

  /** Bytes of the file, holes included. */
  get byteLength(): number {
    return this.#files.infoOf(this.#file).size;
  }

  /** Shortens the file; nothing behind its new end may be wanted, or be being written. */
  shorten(byteLength: number): void {
    this.#files.truncate(this.#file, byteLength);
  }

  /** Closes the file. */
  close(): void {
    try {
      this.#files.close(this.#file);
    } catch (error) {
      // What was written may not have arrived: there are file systems that say so only now.
      loseDurability(this.#pool, DurabilityFailure.WRITE, error);
    }
  }

  /**
   * How far segments are filled that are not known to be synced, as far as that is published, and
   * so is written.
   */
  #unsynced(): UsedBytes[] {
    const segments = this.#segments;
    const unsynced: UsedBytes[] = [];
    for (let i = 0, end = this.#pool.segmentLimit; i < end; i++) {
      const segment = i as SegmentId;
      const state = segments.state(segment);
      if (state === SegmentState.FREE || state === SegmentState.FREE_PENDING) continue;
      const generation = this.#pool.loadGeneration(segment);
      const bytes = segments.usedBytes(segment);
      if (isSynced(this.#pool, segments, segment)) continue;
      // If it still is the same life, the bytes are of this one.
      if (this.#pool.loadGeneration(segment) === generation) {
        unsynced.push({ segment, generation, bytes });
      }
    }
    return unsynced;
  }

  /** The count of synced units only grows; syncs may end in another order than they began. */
  #noteSynced(written: number): void {
    const { control } = this.#pool;
    for (;;) {
      const synced = Atomics.load(control, UNITS_SYNCED);
      if (((written - synced) | 0) <= 0) return;
      if (Atomics.compareExchange(control, UNITS_SYNCED, synced, written) === synced) return;
    }
  }

  #count(ms: number): void {
    const { counters } = this.#pool;
    const at = SYNC_FIGURES / 2;
    counters[at + SyncFigure.LAST_AT_MS] = this.#clock();
    counters[at + SyncFigure.COUNT] += 1;
    counters[at + SyncFigure.TOTAL_MS] += ms;
    counters[at + SyncFigure.LAST_MS] = ms;
    counters[at + SyncFigure.MAX_MS] = Math.max(counters[at + SyncFigure.MAX_MS], ms);
  }

  #figure(figure: number): number {
    return this.#pool.counters[SYNC_FIGURES / 2 + figure];
  }
}

/** Starts the clock that says when a sync is overdue. */
export function startSyncClock(pool: Pool, nowMs: number): void {
  pool.counters[SYNC_FIGURES / 2 + SyncFigure.LAST_AT_MS] = nowMs;
}
