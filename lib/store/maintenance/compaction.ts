/**
 * Gives back what a store does not need any more: the order of its steps.
 *
 * 1. KNs whose open segments are at the pool's end begin others.
 * 2. A DPM processor moves what is live to the pool's start (dpm/compaction.ts).
 * 3. A checkpoint frees what was emptied, and cuts the image off; a pool that is not logged gets a
 *    snapshot, if that was asked for.
 * 4. A DPM processor gives the memory of free segments back (dpm/memory_release.ts).
 *
 * Operations go on all the while.
 *
 * @module
 */
import { neededCount } from "../../dpm/compaction.ts";
import type { DpmProcessors } from "../../dpm/dpm_processors.ts";
import type { NodeManager } from "../../mnode/node_manager.ts";
import { monotonicMs } from "../../platform/runtime.ts";
import { isLogged } from "../../pool/durability.ts";
import type { Pool } from "../../pool/pool.ts";
import { SegmentTable } from "../../pool/segment_table.ts";

/** What compacting a store has come to. */
export interface CompactReport {
  /** Segments whose records were moved to the pool's start. */
  readonly segmentsMoved: number;
  /** Bytes by which the pool's file has become shorter; 0 without a path. */
  readonly fileBytes: number;
  /**
   * Bytes of memory that were given back to the operating system; 0 where the runtime cannot do
   * that.
   */
  readonly memoryBytes: number;
  /** How long it took, in milliseconds. */
  readonly durationMs: number;
}

/** What compaction works with. */
export interface CompactionParts {
  readonly pool: Pool;
  readonly nodes: NodeManager;
  readonly dpm: DpmProcessors;
  /** Writes what makes the files as short as they can be; undefined if there are none to write. */
  readonly write: (() => Promise<unknown>) | undefined;
  /** Bytes of the image; 0 if there is none. */
  readonly imageBytes: () => Promise<number>;
}

/** Compacts a store. */
export async function compactStore(parts: CompactionParts): Promise<CompactReport> {
  const { pool, nodes, dpm, write, imageBytes } = parts;
  const startMs = monotonicMs();
  const segments = new SegmentTable(pool);
  const bytesBefore = await imageBytes();
  await nodes.sealOpenFrom(neededCount(pool, segments));
  let segmentsMoved = 0;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const moved = await dpm.compact();
    segmentsMoved += moved;
    await write?.();
    // What a checkpoint has freed may be lower than what could be filled before.
    if (moved === 0 || !isLogged(pool)) break;
  }
  const memoryBytes = await dpm.releaseMemory();
  return {
    segmentsMoved,
    fileBytes: Math.max(0, bytesBefore - await imageBytes()),
    memoryBytes,
    durationMs: monotonicMs() - startMs,
  };
}

/** Rounds of moving and freeing: the first packs, the next moves down; others write meanwhile. */
const ROUNDS_MAX = 4;
