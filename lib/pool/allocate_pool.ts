/**
 * The memory of a pool, or a refusal that says so.
 *
 * @module
 */
import { InvalidOptionError } from "../core/errors.ts";
import { CAPACITY_BYTES_MAX, GROWTH_BYTES, SEGMENT_COUNT_MAX } from "../core/limits.ts";
import { formatBytes } from "../core/units.ts";
import { geometryOf } from "./geometry.ts";
import { CAN_GROW } from "./growable_buffer.ts";
import { Pool } from "./pool.ts";

/**
 * How many times its capacity a pool can grow to unless told otherwise. Address space costs nothing
 * that can be measured where buffers can grow: for 4 GiB of log instead of 1, 0.1 ms on Node and
 * Deno, 0.8 ms on Bun, and no resident memory.
 */
const CAPACITY_FACTOR = 4;

/** How large a pool is, and may become. */
export interface PoolSizes {
  /** Bytes of one segment, a power of two. */
  readonly segmentBytes: number;
  /** Segments that it has. */
  readonly segmentCount: number;
  /** Bytes of the segments that it may have, and for which there is to be address space. */
  readonly capacityBytesMax?: number | undefined;
}

/**
 * Allocates an empty pool, as {@linkcode Pool.create}.
 *
 * @throws {InvalidOptionError} when it may have fewer segments than it has, or more than any, or
 *   this process cannot have as much address space
 */
export function allocatePool(sizes: PoolSizes, hashKey: readonly [number, number]): Pool {
  const { segmentBytes, segmentCount } = sizes;
  const countMax = segmentCountMax(sizes);
  try {
    return create(countMax * segmentBytes, sizes, hashKey);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    if (sizes.capacityBytesMax === undefined && countMax > segmentCount) {
      return allocatePool({ ...sizes, capacityBytesMax: segmentCount * segmentBytes }, hashKey);
    }
    const isGiven = countMax > segmentCount;
    throw new InvalidOptionError(
      `${isGiven ? "capacityMax" : "capacity"} must be one for which this process can reserve ` +
        `address space, half of it again for the index, got ${
          formatBytes(countMax * segmentBytes)
        }: ${error.message}`,
      { cause: error },
    );
  }
}

function create(
  capacityBytesMax: number,
  { segmentBytes, segmentCount }: PoolSizes,
  hashKey: readonly [number, number],
): Pool {
  const geometry = geometryOf(capacityBytesMax, segmentBytes);
  return Pool.create(geometry, hashKey, GROWTH_BYTES, segmentCount);
}

function segmentCountMax({ segmentBytes, segmentCount, capacityBytesMax }: PoolSizes): number {
  if (capacityBytesMax === undefined) {
    const count = CAN_GROW ? CAPACITY_FACTOR * segmentCount : segmentCount;
    return Math.min(count, SEGMENT_COUNT_MAX, CAPACITY_BYTES_MAX / segmentBytes);
  }
  const count = Math.floor(capacityBytesMax / segmentBytes);
  if (count >= segmentCount && count <= SEGMENT_COUNT_MAX) return count;
  throw new InvalidOptionError(
    `capacityMax must be at least the capacity, and at most ${SEGMENT_COUNT_MAX} times the ` +
      `${segmentBytes} bytes of a segment, got ${formatBytes(capacityBytesMax)} for ${
        formatBytes(segmentCount * segmentBytes)
      }`,
  );
}
