/**
 * The memory of a pool, or a refusal that says so.
 *
 * @module
 */
import { InvalidOptionError } from "../core/errors.ts";
import { formatBytes } from "../core/units.ts";
import type { Geometry } from "./geometry.ts";
import { Pool } from "./pool.ts";

/**
 * Allocates an empty pool, as {@linkcode Pool.create}.
 *
 * @throws {InvalidOptionError} when this process cannot have as much address space
 */
export function allocatePool(geometry: Geometry, hashKey: readonly [number, number]): Pool {
  try {
    return Pool.create(geometry, hashKey);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const capacity = formatBytes(geometry.segmentCount * geometry.segmentBytes);
    throw new InvalidOptionError(
      "capacity must be one for which this process can reserve address space, half of it again for the index, " +
        `got ${capacity}: ${error.message}`,
      { cause: error },
    );
  }
}
