/**
 * Growing: a pool gets more segments while it is used.
 *
 * ```text
 *   segment   0 ................ LIMIT ............... WANTED ............ geometry.segmentCount
 *             in use, or free    named by checkpoints   address space only
 * ```
 *
 * Buffers are laid out for the largest capacity, `geometry.segmentCount` segments, and have address
 * space for it from the beginning; pages are committed when they are touched, and buffers get
 * longer when they are needed (growable_buffer.ts). What the pool *has* is a word, SEGMENT_LIMIT.
 * All threads load it whenever they need it, so they learn of a growth without a message: budgets,
 * the share of probation, how many cleaners KNs share. Layout is by the geometry alone.
 *
 * ```text
 *   want    WANTED = max(WANTED, count)                                  the host
 *   admit   LIMIT = count, then each new segment joins the free ones     with the checkpoint lock
 * ```
 *
 * **Nothing is ever at or beyond LIMIT**: no agent has a segment there, since a segment is taken
 * from the set of free ones only, which it joins after LIMIT was stored. So a thread that scans the
 * segments up to a LIMIT that is no longer the newest one sees all that were in use when it loaded
 * that. It misses what has been taken since, as a scan always may; and one that must not, scans
 * while the pool is paused, and loads LIMIT then. The index likewise: buckets are handed out below
 * the number that LIMIT allows.
 *
 * **Nothing is logged in a segment that no checkpoint on the disk knows**: a replay looks for
 * frames in the segments of its checkpoint only, so what is logged elsewhere would be lost (I3). A
 * checkpoint has the WANTED that it has loaded before its pause. Where writes are logged, segments
 * are admitted by the agent that has written a checkpoint, when that is in its place, and up to the
 * number in it: as those are freed that were emptied (persistence/checkpointer.ts). It has the
 * checkpoint lock, so no older checkpoint takes that one's place later. A process that is killed
 * has the old capacity on the disk, or the new one with nothing in it yet.
 *
 * A pool that is not logged has nothing to wait for. A snapshot of it loads WANTED in its pause: it
 * is no less than LIMIT, and no segment is taken as long as the pause lasts.
 *
 * **A thread that dies while it admits** has stored LIMIT, and added some of the new segments. The
 * others are free and not in the set, below LIMIT: exactly what a repair of the pool's books adds
 * (segment_table.ts), and never beyond LIMIT. A repair has the checkpoint lock, too; so none runs
 * beside an agent that admits, and no segment is added twice: added again after it was taken, it
 * would have two owners. Were the segments added first, a dead thread could leave some beyond LIMIT
 * to takers, where neither a repair nor a checkpoint looks.
 *
 * Neither word ever falls: a pool gets smaller by being copied when it is opened
 * (persistence/pool_copy.ts).
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { SegmentId } from "../core/brands.ts";
import { CHECKPOINT_LOCK, SEGMENT_LIMIT, SEGMENT_LIMIT_WANTED } from "./control_layout.ts";
import { FreeSegments } from "./free_segments.ts";
import type { Pool } from "./pool.ts";

/** Segments that the pool is to have, and that a checkpoint names. */
export function wantedSegments(pool: Pool): number {
  return Atomics.load(pool.control, SEGMENT_LIMIT_WANTED);
}

/** Says that the pool is to have so many segments; called by the host. */
export function wantSegments(pool: Pool, count: number): void {
  assert(count <= pool.geometry.segmentCount, "there is address space for the segments");
  if (count > wantedSegments(pool)) Atomics.store(pool.control, SEGMENT_LIMIT_WANTED, count);
}

/**
 * Admits segments up to a number of them. The caller has the checkpoint lock; where writes are
 * logged, the checkpoint on the disk names as many.
 */
export function admitSegments(pool: Pool, count: number): void {
  const { control } = pool;
  assert(Atomics.load(control, CHECKPOINT_LOCK) !== 0, "segments are admitted under the lock");
  const first = pool.segmentLimit;
  if (count <= first) return;
  Atomics.store(control, SEGMENT_LIMIT, count);
  const free = new FreeSegments(pool);
  for (let segment = first; segment < count; segment++) free.add(segment as SegmentId);
}
