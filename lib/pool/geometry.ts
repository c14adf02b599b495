/**
 * Sizes of a pool, all derived from the capacity and the segment size.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import {
  ADDRESS_UNIT_BYTES,
  CAPACITY_BYTES_MAX,
  REGION_BYTES,
  SEGMENT_BYTES_MAX,
  SEGMENT_BYTES_MIN,
  SEGMENT_COUNT_MAX,
  SEGMENT_COUNT_MIN,
} from "../core/limits.ts";

/** Bytes of an index bucket: one cache line. */
export const BUCKET_BYTES = 64;
/** log2 of the buckets in one region. */
export const REGION_BUCKETS_LOG2 = Math.log2(REGION_BYTES / BUCKET_BYTES);
/** log2 of the address units in one region. */
export const REGION_UNITS_LOG2 = Math.log2(REGION_BYTES / ADDRESS_UNIT_BYTES);
/** Mask that takes an address to its place in the region. */
export const REGION_UNITS_MASK = 2 ** REGION_UNITS_LOG2 - 1;
/** Mask that takes a bucket number to its place in the region. */
export const REGION_BUCKETS_MASK = 2 ** REGION_BUCKETS_LOG2 - 1;

/**
 * The sizes of a pool, by which its buffers are laid out; immutable. How many of the segments and
 * buckets it has at the moment is another matter: see segment_growth.ts.
 */
export interface Geometry {
  /** Bytes of one segment, a power of two; part of the file format. */
  readonly segmentBytes: number;
  /**
   * Most segments that the pool may have: `segmentCount * segmentBytes` is its largest capacity.
   */
  readonly segmentCount: number;
  /** Most index buckets, bucket 0 (unused) included. */
  readonly bucketCount: number;
  /** Right shift that takes an address to its segment. */
  readonly segmentShift: number;
}

/**
 * Derives the sizes of a pool.
 *
 * The index may grow to half of the capacity: with the smallest useful records (48 bytes) it needs
 * about that much. Pages are committed on first touch, so what is not used costs address space
 * only.
 *
 * @param capacityBytes bytes of all segments, rounded down to whole segments
 * @param segmentBytes bytes of one segment, a power of two
 */
export function geometryOf(capacityBytes: number, segmentBytes: number): Geometry {
  assert(Math.log2(segmentBytes) % 1 === 0, "segments are powers of two");
  assert(segmentBytes >= SEGMENT_BYTES_MIN && segmentBytes <= SEGMENT_BYTES_MAX, "segment size");
  assert(capacityBytes <= CAPACITY_BYTES_MAX, "capacity");
  const segmentCount = Math.floor(capacityBytes / segmentBytes);
  assert(segmentCount >= SEGMENT_COUNT_MIN && segmentCount <= SEGMENT_COUNT_MAX, "segment count");
  return {
    segmentBytes,
    segmentCount,
    bucketCount: bucketCountOf(segmentCount * segmentBytes),
    segmentShift: Math.log2(segmentBytes / ADDRESS_UNIT_BYTES),
  };
}

/** Buckets that the index of a pool with so many bytes of segments may have. */
export function bucketCountOf(capacityBytes: number): number {
  return Math.floor(Math.max(INDEX_BYTES_MIN, capacityBytes / 2) / BUCKET_BYTES);
}

/** Smallest index: a first bucket for each of the 4096 slots, and as many again to grow into. */
const INDEX_BYTES_MIN = 1024 * 1024;
