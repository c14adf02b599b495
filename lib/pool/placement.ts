/**
 * Where the pool is thought to be. In the *near* placement an access to it is a cache miss; in the
 * *far* one it would cross a network.
 *
 * In the far placement reads are routed to the KNs that own the slots, writes are acknowledged when
 * they are logged, and what was logged is merged into the index later. The words are constant after
 * creation, so every thread of a pool agrees.
 *
 * @module
 */
import { BACKLOG_BYTES_MAX, PLACEMENT } from "./control_layout.ts";
import type { Pool } from "./pool.ts";

/** Values of the word PLACEMENT. */
export const Placement = { NEAR: 0, FAR: 1 } as const;

/**
 * Share of the capacity that a KN may have logged and not merged, unless told otherwise, and the
 * most bytes of it.
 */
const BACKLOG_SHARE = 1 / 64;
const BACKLOG_BYTES_DEFAULT_MAX = 8 * 1024 * 1024;

/** Makes a pool a far one, before any other thread sees it. */
export function placeFar(pool: Pool, backlogBytesMax: number): void {
  pool.control[PLACEMENT] = Placement.FAR;
  pool.control[BACKLOG_BYTES_MAX] = backlogBytesMax;
}

/** Whether a pool is a far one. */
export function isFar(pool: Pool): boolean {
  return pool.control[PLACEMENT] === Placement.FAR;
}

/** Bytes that each KN may have logged and not merged. */
export function backlogBytesMax(pool: Pool): number {
  return pool.control[BACKLOG_BYTES_MAX];
}

/**
 * The limit for a pool of these sizes unless told otherwise: at least a segment, so that a group
 * always fits.
 */
export function defaultBacklogBytes(capacityBytes: number, segmentBytes: number): number {
  const share = Math.min(BACKLOG_BYTES_DEFAULT_MAX, Math.floor(capacityBytes * BACKLOG_SHARE));
  return Math.max(segmentBytes, share);
}
