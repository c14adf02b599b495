/**
 * What a standby has in memory of the segments of a pool, and how that is known to be right.
 *
 * ```text
 *   segment   | its CRC is known                           | not read, or not believed
 *             0                walkedBytes            readBytes
 *             | every record was looked at |
 * ```
 *
 * All of it is about one life of the segment, and about the bytes in memory, whatever has become of
 * the file.
 *
 * @module
 */
import type { SegmentId } from "../core/brands.ts";

/** Of each segment what was read of it. */
export class LoadedSegments {
  readonly #generations: Int32Array;
  readonly #readBytes: Int32Array;
  readonly #crcs: Uint32Array;
  readonly #walkedBytes: Int32Array;
  readonly #syncedBytes: Int32Array;

  /** Nothing of so many segments. */
  constructor(segmentCount: number) {
    this.#generations = new Int32Array(segmentCount);
    this.#readBytes = new Int32Array(segmentCount);
    this.#crcs = new Uint32Array(segmentCount);
    this.#walkedBytes = new Int32Array(segmentCount);
    this.#syncedBytes = new Int32Array(segmentCount);
  }

  /** Whether what is in memory of a segment is of this life of it. */
  isOf(segment: SegmentId, generation: number): boolean {
    return this.#generations[segment] === generation;
  }

  /** Bytes from the segment's start that are in memory. */
  readBytes(segment: SegmentId): number {
    return this.#readBytes[segment];
  }

  /** CRC-32 of the {@linkcode readBytes}. */
  crc(segment: SegmentId): number {
    return this.#crcs[segment];
  }

  /** Bytes from the segment's start in which every record has been looked at. */
  walkedBytes(segment: SegmentId): number {
    return this.#walkedBytes[segment];
  }

  /** Bytes from the segment's start of which a frame says that they had been synced. */
  syncedBytes(segment: SegmentId): number {
    return this.#syncedBytes[segment];
  }

  /** Forgets a segment, before its memory is written anew from the start. */
  forget(segment: SegmentId, generation: number): void {
    this.#generations[segment] = generation;
    this.#readBytes[segment] = this.#crcs[segment] = this.#walkedBytes[segment] = 0;
    this.#syncedBytes[segment] = 0;
  }

  /** Notes how much of a segment is in memory; what is behind that is written anew. */
  noteRead(segment: SegmentId, bytes: number, crc: number): void {
    this.#readBytes[segment] = bytes;
    this.#crcs[segment] = crc;
    this.#walkedBytes[segment] = Math.min(this.#walkedBytes[segment], bytes);
  }

  /** Notes what a frame says. */
  noteSynced(segment: SegmentId, bytes: number): void {
    this.#syncedBytes[segment] = Math.max(this.#syncedBytes[segment], bytes);
  }

  /** Notes that the records up to an offset have been looked at. */
  noteWalked(segment: SegmentId, bytes: number): void {
    this.#walkedBytes[segment] = bytes;
  }
}
