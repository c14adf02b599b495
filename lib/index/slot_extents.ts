/**
 * How a slot's table is made of extents, and the META word that publishes it.
 *
 * A table of 2^k buckets consists of an extent of 1 bucket and extents of 1, 2, 4, ... 2^(k-1)
 * buckets: doubling the table adds one extent as large as all before it. Half of the keys move
 * there, the others stay where they are; no table is ever freed, so nothing is left over by growth,
 * and a bucket keeps belonging to its slot.
 *
 * ```text
 *   bucket      0   1   2   3   4   5   6   7   8 ...
 *   extent      0   1   2---2   3-----------3   4 ...
 * ```
 *
 * META = (sequence << 5) | k. The sequence grows with every change of the table's structure. A
 * reader that did not find its key loads META again: if it changed, the key may have moved behind
 * the reader's back, and the reader starts over (I6).
 *
 * @module
 */
import type { BucketId } from "../core/brands.ts";
import { SLOT_EXTENTS } from "../pool/control_layout.ts";

const LOG2_BITS = 5;
const LOG2_MASK = (1 << LOG2_BITS) - 1;

/** log2 of the number of buckets. */
export function metaLog2(meta: number): number {
  return meta & LOG2_MASK;
}

/** The META word after a structural change. */
export function nextMeta(meta: number, log2: number): number {
  return (((meta >>> LOG2_BITS) + 1) << LOG2_BITS) | log2;
}

/** Which bucket of the table a hash belongs to. */
export function bucketIndex(hash: number, meta: number): number {
  return hash & ((1 << (meta & LOG2_MASK)) - 1);
}

/**
 * Finds a bucket of a slot's table.
 *
 * @param control the pool's control words
 * @param slotAt index of the slot's descriptor
 * @param index which bucket of the table
 * @returns its number, or 0 when the slot has no table yet
 */
export function bucketAt(control: Int32Array, slotAt: number, index: number): BucketId {
  const extent = 32 - Math.clz32(index);
  const first = control[slotAt + SLOT_EXTENTS + extent];
  // Extent 0 holds bucket 0; extent e > 0 starts with bucket 2^(e-1). Without a branch: which
  // extent it is no processor can guess.
  return (first + index - ((1 << extent) >>> 1)) as BucketId;
}
