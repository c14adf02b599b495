/**
 * What the ordered index takes.
 *
 * @module
 */
import type { Pool } from "../pool/pool.ts";
import { OrderedMemory } from "./ordered_memory.ts";
import { BLOCK_BYTES, TABLE_FREE_COUNT, TABLE_NEXT } from "./page_layout.ts";

/** Bytes of the ordered index; zeros in a pool that is not ordered. */
export interface OrderedFigures {
  /** Bytes of its buffers, as far as they have grown. */
  readonly sharedBytes: number;
  /** Bytes of pages that were handed out to threads, with their words; and how many of them wait in
   * the free list. */
  readonly allocated: number;
  readonly free: number;
}

/** The figures of a pool. */
export function orderedFigures(pool: Pool): OrderedFigures {
  const { ordered } = pool.handle;
  if (ordered === undefined) return { sharedBytes: 0, allocated: 0, free: 0 };
  const memory = new OrderedMemory(ordered);
  const pageBytes = BLOCK_BYTES + 4;
  return {
    sharedBytes: memory.sharedBytes,
    allocated: (Atomics.load(memory.table, TABLE_NEXT) - 1) * pageBytes,
    free: Atomics.load(memory.table, TABLE_FREE_COUNT) * pageBytes,
  };
}
