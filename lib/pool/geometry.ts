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

/** The sizes of a pool; immutable, and part of its file format. */
export interface Geometry {
  /** Bytes of one segment, a power of two. */
  readonly segmentBytes: number;
  /** Number of segments; `segmentCount * segmentBytes` is the pool's capacity. */
  readonly segmentCount: number;
  /** Number of index buckets, bucket 0 (unused) included. */
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
  const indexBytes = Math.max(INDEX_BYTES_MIN, (segmentCount * segmentBytes) / 2);
  return {
    segmentBytes,
    segmentCount,
    bucketCount: Math.floor(indexBytes / BUCKET_BYTES),
    segmentShift: Math.log2(segmentBytes / ADDRESS_UNIT_BYTES),
  };
}

/** Smallest index: a first bucket for each of the 4096 slots, and as many again to grow into. */
const INDEX_BYTES_MIN = 1024 * 1024;
