/**
 * Reads frames of an image while another process may write to it.
 *
 * What is read may be of two moments, or of a life that has just begun or ended. So only whole
 * frames are taken, one after the other from where the last one ended: a frame's CRC covers its
 * length, its place and the segment's generation, and nobody writes over a frame before a
 * checkpoint is in its place which does not need it. Where the next one is not whole, the log is
 * left alone: it may be whole a moment later, so this is neither its end, nor damage.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { PoolAddress, SegmentId } from "../core/brands.ts";
import { ADDRESS_UNIT_BYTES } from "../core/limits.ts";
import {
  checkFrame,
  frameSyncedBytes,
  hasSegmentHeader,
  looksLikeFrame,
} from "../log/frame_layout.ts";
import { FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES } from "../log/record_layout.ts";
import { SEGMENT_USED_BYTES } from "../pool/segment_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { entryUsedBytes, SEGMENT_ENTRY_WORDS } from "./checkpoint_layout.ts";
import { type FileSystem, readFully } from "./file_system.ts";
import type { LoadedSegments } from "./loaded_segments.ts";
import type { SegmentSource } from "./segment_loader.ts";

/** Bytes of a segment that are read at a time. */
const AHEAD_BYTES = 1024 * 1024;
/** Bytes that are compared at a time. */
const COMPARED_BYTES = 256 * 1024;

/** Part of a segment, as offsets in it. */
export interface SegmentPart {
  readonly segment: SegmentId;
  readonly start: number;
  readonly end: number;
}

/** Reads one image ahead into a pool. */
export class FramesAhead {
  readonly #pool: Pool;
  readonly #files: FileSystem;
  readonly #file: number;
  readonly #header = new Int32Array(FRAME_HEADER_BYTES / 4);

  /** Reads from a file that is open. */
  constructor(pool: Pool, files: FileSystem, file: number) {
    this.#pool = pool;
    this.#files = files;
    this.#file = file;
  }

  /** Reads the whole frames behind what a segment says is used; undefined if there is none. */
  read(segment: SegmentId, loaded: LoadedSegments): SegmentPart | undefined {
    const pool = this.#pool;
    const { segmentBytes } = pool.geometry;
    const generation = pool.loadGeneration(segment);
    const used = pool.control[pool.segmentAt(segment) + SEGMENT_USED_BYTES];
    const start = used === 0 ? SEGMENT_HEADER_BYTES : used;
    if (!this.#mayGoOn(segment, start, generation)) return undefined;
    let next = start;
    let end = used;
    for (let wanted = AHEAD_BYTES; wanted > 0;) {
      const upTo = Math.min(segmentBytes, next + wanted);
      end += this.#fill(segment, end, upTo);
      if (used === 0 && !hasSegmentHeader(pool, segment, generation)) break;
      const from = next;
      for (;;) {
        const address = this.#addressAt(segment, next);
        const payload = checkFrame(pool, address, generation, end - next);
        if (payload < 0) break;
        loaded.noteSynced(segment, frameSyncedBytes(pool, address));
        next += FRAME_HEADER_BYTES + payload;
      }
      // A frame may be longer than what is read at a time; none is longer than a segment.
      const isAtEnd = end < upTo || end === segmentBytes;
      wanted = isAtEnd ? 0 : next > from ? AHEAD_BYTES : 2 * wanted;
    }
    this.bytes(segment, next === start ? used : next, end).fill(0);
    return next === start ? undefined : { segment, start, end: next };
  }

  /**
   * Whether the image has, to the byte, what was read ahead and may never have got to the disk:
   * what neither the checkpoint covers, nor a frame says had been synced.
   */
  hasAll(loaded: LoadedSegments, { entries, segmentCount }: SegmentSource): boolean {
    const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
    for (let i = 0; i < segmentCount; i++) {
      const segment = i as SegmentId;
      const used = entryUsedBytes(view.getUint32(i * SEGMENT_ENTRY_WORDS * 4, true));
      const start = Math.max(used, loaded.syncedBytes(segment));
      if (!this.#hasPart({ segment, start, end: loaded.readBytes(segment) })) return false;
    }
    return true;
  }

  #hasPart({ segment, start, end }: SegmentPart): boolean {
    const copy = new Uint8Array(Math.max(0, Math.min(COMPARED_BYTES, end - start)));
    for (let from = start; from < end; from += copy.length) {
      const to = Math.min(end, from + copy.length);
      const bytes = copy.subarray(0, to - from);
      const length = readFully(this.#files, this.#file, bytes, this.#offset(segment) + from);
      if (length < bytes.length) return false;
      if (Buffer.compare(bytes, this.bytes(segment, from, to)) !== 0) return false;
    }
    return true;
  }

  /** Whether the image has the header of a frame of this life at an offset. */
  #mayGoOn(segment: SegmentId, offset: number, generation: number): boolean {
    if (offset + FRAME_HEADER_BYTES > this.#pool.geometry.segmentBytes) return false;
    const bytes = new Uint8Array(this.#header.buffer);
    const length = readFully(this.#files, this.#file, bytes, this.#offset(segment) + offset);
    return length === bytes.length && looksLikeFrame(this.#header, 0, generation);
  }

  /** Reads the bytes from one offset in a segment to before another; returns how many there are. */
  #fill(segment: SegmentId, from: number, to: number): number {
    const bytes = this.bytes(segment, from, to);
    return bytes.length === 0
      ? 0
      : readFully(this.#files, this.#file, bytes, this.#offset(segment) + from);
  }

  /** The bytes in memory from one offset in a segment to before another. */
  bytes(segment: SegmentId, from: number, to: number): Uint8Array {
    const address = this.#pool.segmentAddress(segment);
    const at = this.#pool.wordAt(address) * 4;
    return this.#pool.bytesOf(address).subarray(at + from, at + to);
  }

  #offset(segment: SegmentId): number {
    return (this.#pool.segmentAddress(segment) >>> 0) * ADDRESS_UNIT_BYTES;
  }

  #addressAt(segment: SegmentId, offset: number): PoolAddress {
    const start = this.#pool.segmentAddress(segment) >>> 0;
    return ((start + offset / ADDRESS_UNIT_BYTES) | 0) as PoolAddress;
  }
}
