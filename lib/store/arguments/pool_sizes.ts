/**
 * The sizes of a pool: how many bytes, in segments of how many, for how many KNs.
 *
 * @module
 */
import { InvalidOptionError } from "../../core/errors.ts";
import {
  NODE_COUNT_MAX,
  PUT_SEGMENT_RESERVE,
  SEGMENT_BYTES_DEFAULT,
  SEGMENT_BYTES_MIN,
  SEGMENT_COUNT_MAX,
  SEGMENT_COUNT_MIN,
} from "../../core/limits.ts";
import { EVICTING_SEGMENTS_MIN } from "../../eviction/eviction_policy.ts";
import { formatBytes } from "../../core/units.ts";

const CAPACITY_BYTES_DEFAULT = 2 ** 30;
/**
 * Segments that a default segment size aims at: the more there are, the less each of those costs
 * that are held open or in reserve, and the better cleaning chooses; and a value must fit into one.
 */
const SEGMENT_COUNT_AIM = 128;
/** The same where segments would be so small that ordinary values would not fit. */
const SEGMENT_COUNT_LOW = 16;
const SEGMENT_BYTES_LOW = 64 * 1024;

/** Sizes that were given; undefined where they were not. */
export interface GivenSizes {
  readonly capacityBytes: number | undefined;
  readonly segmentBytes: number | undefined;
  /** Undefined unless the pool evicts. */
  readonly evictedEntriesMax?: number | undefined;
}

/**
 * The sizes of a new pool.
 *
 * @throws {InvalidOptionError} when they contradict each other or the number of KNs
 */
export function sizesOf(
  options: GivenSizes,
): { capacityBytes: number; segmentBytes: number } {
  const capacityBytes = options.capacityBytes ?? CAPACITY_BYTES_DEFAULT;
  const evicts = options.evictedEntriesMax !== undefined;
  const countLow = evicts ? EVICTING_SEGMENTS_MIN : SEGMENT_COUNT_LOW;
  const segmentBytes = options.segmentBytes ?? defaultSegmentBytes(capacityBytes, countLow);
  const count = Math.floor(capacityBytes / segmentBytes);
  const countMin = evicts ? EVICTING_SEGMENTS_MIN : SEGMENT_COUNT_MIN;
  if (count < countMin || count > SEGMENT_COUNT_MAX) {
    throw new InvalidOptionError(
      `capacity must be ${countMin} to ${SEGMENT_COUNT_MAX} times segmentBytes` +
        `${evicts ? ' with whenFull "evict"' : ""}, got ${formatBytes(capacityBytes)} and ${
          formatBytes(segmentBytes)
        }`,
    );
  }
  return { capacityBytes, segmentBytes };
}

/**
 * Most KNs that a pool of so many segments can serve: each holds one open, and the reserve stays
 * free.
 */
export function nodeCountMax(segmentCount: number): number {
  return Math.min(NODE_COUNT_MAX, segmentCount - PUT_SEGMENT_RESERVE - 2);
}

/** Fewest segments of a pool that can serve so many KNs. */
export function segmentCountFor(nodes: number): number {
  return nodes + PUT_SEGMENT_RESERVE + 2;
}

function defaultSegmentBytes(capacityBytes: number, countLow: number): number {
  const low = Math.min(SEGMENT_BYTES_LOW, powerBelow(capacityBytes / countLow));
  const bytes = Math.max(low, powerBelow(capacityBytes / SEGMENT_COUNT_AIM), SEGMENT_BYTES_MIN);
  return Math.min(SEGMENT_BYTES_DEFAULT, bytes);
}

function powerBelow(bytes: number): number {
  return 2 ** Math.floor(Math.log2(bytes));
}
