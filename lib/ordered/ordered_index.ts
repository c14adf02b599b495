/**
 * Whether a pool has an ordered index, and an empty one for a pool that is to have one.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { Pool } from "../pool/pool.ts";
import { allocateOrdered, OrderedMemory } from "./ordered_memory.ts";
import { PageImage } from "./page_image.ts";
import {
  BLOCK_BYTES,
  ENTRIES_MAX,
  ENTRIES_MIN,
  ROOT_PAGE,
  TABLE_ENTRIES_MAX,
  TABLE_NEXT,
} from "./page_layout.ts";

/** Smallest index: pages for the writers of 32 threads, and as many again for the keys. */
const PAGES_MIN = 2048;

/** What can be chosen. */
export interface OrderedIndexOptions {
  /** Entries of a page at most. @default as many as there is room for */
  readonly entriesMax?: number | undefined;
  /** Pages at most. @default for half of the capacity */
  readonly pageCount?: number | undefined;
}

/**
 * Gives a pool an empty ordered index, before any other thread sees it.
 *
 * The index may take half of the capacity, as the hash index may: with the smallest useful records
 * it needs about that much.
 */
export function addOrderedIndex(pool: Pool, options: OrderedIndexOptions = {}): void {
  const { entriesMax = ENTRIES_MAX } = options;
  assert(entriesMax >= ENTRIES_MIN && entriesMax <= ENTRIES_MAX, "entries of a page");
  const { pageCount = Math.max(PAGES_MIN, Math.ceil(pool.capacityBytesMax / 2 / BLOCK_BYTES)) } =
    options;
  const handle = allocateOrdered(pageCount);
  const memory = new OrderedMemory(handle);
  memory.table[TABLE_ENTRIES_MAX] = entriesMax;
  memory.table[TABLE_NEXT] = ROOT_PAGE + 1;
  memory.cover(ROOT_PAGE);
  new PageImage().write(memory, ROOT_PAGE);
  memory.storePage(ROOT_PAGE, ROOT_PAGE);
  pool.addOrdered(handle);
}

/** Whether a pool has an ordered index. */
export function isOrdered(pool: Pool): boolean {
  return pool.handle.ordered !== undefined;
}
