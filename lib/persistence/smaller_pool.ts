/**
 * Gives a pool that has just been restored a smaller capacity: it is copied (pool_copy.ts) into a
 * pool of that capacity, which replaces it in the directory.
 *
 * Where writes are logged the copy is written like a snapshot: a new image, and a checkpoint that
 * takes the place of the old one by a rename. Until then the directory has the old pool, whole and
 * unchanged; from then on the new one, and the old image is removed. Nothing has been written to
 * the old one meanwhile. Without a log nothing is written: the next snapshot is of the smaller
 * pool.
 *
 * For a moment memory has both pools, and the disk both images.
 *
 * @module
 */
import { InvalidOptionError } from "../core/errors.ts";
import { SEGMENT_COUNT_MIN } from "../core/limits.ts";
import { formatBytes } from "../core/units.ts";
import { EVICTING_SEGMENTS_MIN } from "../eviction/eviction_policy.ts";
import { epochMs } from "../platform/runtime.ts";
import { allocatePool } from "../pool/allocate_pool.ts";
import { HEADER_KEY_TYPES } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { liveBytesMax } from "../pool/space_budget.ts";
import type { FileSystem } from "./file_system.ts";
import { handOverLedger } from "./ledger_copy.ts";
import { copyLive, dropRule, neededSpace } from "./pool_copy.ts";
import type { RestoredPool } from "./snapshot_reader.ts";
import { writeSnapshot } from "./snapshot_writer.ts";

/** What is wanted of the smaller pool. */
export interface SmallerPoolOptions {
  readonly capacityBytes: number;
  readonly capacityBytesMax: number | undefined;
  /**
   * KNs that it is to have at first, and segments without which it cannot have as many as it may.
   */
  readonly nodes: number;
  /** See {@linkcode nodes}. */
  readonly segmentCountMin: number;
  /** Whether it evicts: then what does not fit is dropped. */
  readonly evicts: boolean;
  /** Where it is written; undefined if it is not. */
  readonly target: { readonly files: FileSystem; readonly directory: string } | undefined;
}

/**
 * Share of what a cache may hold that is filled when not all fits: which records stand beside each
 * other, and so what is lost at the ends of segments, is not known before.
 */
const FILLED_SHARE = 0.9;

/**
 * Copies a pool into a smaller one.
 *
 * @throws {InvalidOptionError} when what is in it does not fit; nothing has changed then
 * @throws {SnapshotError} when it cannot be written; nothing has changed then
 */
export function makeSmaller(restored: RestoredPool, options: SmallerPoolOptions): RestoredPool {
  const from = restored.pool;
  const { segmentBytes } = from.geometry;
  const nowMs = epochMs();
  const space = neededSpace(from, nowMs);
  const { capacityBytes, capacityBytesMax, nodes, evicts, target } = options;
  const countMin = Math.max(
    options.segmentCountMin,
    evicts ? EVICTING_SEGMENTS_MIN : SEGMENT_COUNT_MIN,
  );
  const count = Math.floor(capacityBytes / segmentBytes);
  const countNeeded = evicts ? countMin : leastCount(from, countMin, nodes, space.occupiedBytes);
  if (count < countNeeded) throw tooSmall(options, from, countNeeded);
  const sizes = { segmentBytes, segmentCount: count, capacityBytesMax };
  const pool = allocatePool(sizes, from.hashKey);
  pool.control[HEADER_KEY_TYPES] = from.control[HEADER_KEY_TYPES];
  handOverLedger(from, pool);
  const bytesMax = liveBytesMax(count, segmentBytes, nodes);
  const keptBytes = space.occupiedBytes <= bytesMax ? Infinity : bytesMax * FILLED_SHARE;
  const rule = evicts ? dropRule(space, keptBytes) : undefined;
  if (!copyLive(from, pool, nowMs, rule)) throw tooSmall(options, from, from.segmentLimit);
  const recovery = { ...restored.recovery, damages: [], lostFrames: [], mustCheckpoint: false };
  if (target === undefined) return { ...restored, pool, recovery };
  const number = restored.number + 1;
  writeSnapshot(pool, target.files, target.directory, { number, codec: restored.codec });
  return { ...restored, pool, recovery, number, image: number };
}

/** Fewest segments, `countMin` at least, of a pool that admits so many bytes. */
function leastCount(pool: Pool, countMin: number, nodes: number, bytes: number): number {
  const { segmentBytes } = pool.geometry;
  let count = countMin;
  while (count < pool.segmentLimit && liveBytesMax(count, segmentBytes, nodes) < bytes) count += 1;
  return count;
}

function tooSmall(
  { capacityBytes }: SmallerPoolOptions,
  { geometry: { segmentBytes } }: Pool,
  count: number,
): InvalidOptionError {
  const leastBytes = count * segmentBytes;
  return new InvalidOptionError(
    `capacity must be at least ${leastBytes} bytes (${
      formatBytes(leastBytes)
    }), which the pool at ` +
      `path needs in segments of ${formatBytes(segmentBytes)}, or left out, got ${
        formatBytes(capacityBytes)
      }`,
  );
}
