/**
 * Gives a store that is open a larger capacity (pool/segment_growth.ts).
 *
 * @module
 */
import { InvalidArgumentError } from "../../core/errors.ts";
import { formatBytes } from "../../core/units.ts";
import { ghostWords } from "../../eviction/ghost_table.ts";
import type { Pool } from "../../pool/pool.ts";
import { wantSegments } from "../../pool/segment_growth.ts";

/**
 * Gives a pool so many bytes, rounded down to whole segments.
 *
 * @param admit admits the segments that the pool is to have
 * @throws {InvalidArgumentError} when that is less than it has, or more than it may have
 */
export async function growPool(
  pool: Pool,
  capacityBytes: number,
  admit: () => Promise<void>,
): Promise<void> {
  const { segmentBytes } = pool.geometry;
  const count = Math.floor(capacityBytes / segmentBytes);
  if (count < pool.segmentLimit) {
    throw new InvalidArgumentError(
      `capacity must be at least the ${formatBytes(pool.capacityBytes)} that the store has, ` +
        `got ${formatBytes(capacityBytes)}: grow takes what it is to have in all, and a store ` +
        "gets smaller by being opened with less capacity",
    );
  }
  if (count > pool.geometry.segmentCount) {
    throw new InvalidArgumentError(
      `capacity must be at most ${pool.capacityBytesMax} bytes (${
        formatBytes(pool.capacityBytesMax)
      }), for which address space is reserved, got ${
        formatBytes(capacityBytes)
      }: open the store with a larger capacityMax`,
    );
  }
  if (count === pool.segmentLimit) return;
  // Agents look for a longer table when they see more segments.
  pool.growGhosts(ghostWords(count * segmentBytes));
  wantSegments(pool, count);
  await admit();
}
