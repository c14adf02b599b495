/**
 * One thread's view of the ordered index of a pool: the table, and the blocks. Both grow as they
 * are used, as the buffers of the pool do (pool/growable_buffer.ts).
 *
 * @module
 */
import { REGION_BYTES } from "../core/limits.ts";
import { allocateGrowable, growTo } from "../pool/growable_buffer.ts";
import type { OrderedHandle } from "../pool/pool.ts";
import { BLOCK_BYTES, BLOCK_GENERATION, BLOCK_WORDS, DORMANT, TABLE_PAGES } from "./page_layout.ts";

/** Words of a cache line. */
const CACHE_LINE_WORDS = 16;

const REGION_BLOCKS_LOG2 = Math.log2(REGION_BYTES / BLOCK_BYTES);
const REGION_BLOCKS_MASK = 2 ** REGION_BLOCKS_LOG2 - 1;
/** By how much the blocks and the table grow. */
const BLOCKS_STEP_BYTES = 1024 * 1024;
const TABLE_STEP_BYTES = 64 * 1024;

/** Allocates the buffers for so many pages, the unused page 0 included. */
export function allocateOrdered(pageCount: number): OrderedHandle {
  const tableBytes = (TABLE_PAGES + pageCount) * 4;
  const bytes = pageCount * BLOCK_BYTES;
  const blocks: SharedArrayBuffer[] = [];
  for (let start = 0; start < bytes; start += REGION_BYTES) {
    const maxBytes = Math.min(REGION_BYTES, bytes - start);
    blocks.push(
      allocateGrowable(start === 0 ? Math.min(BLOCKS_STEP_BYTES, maxBytes) : 0, maxBytes),
    );
  }
  return {
    table: allocateGrowable(Math.min(TABLE_STEP_BYTES, tableBytes), tableBytes),
    blocks,
    pageCount,
  };
}

/** The view. */
export class OrderedMemory {
  /** The table, as far as this thread has seen it. */
  table: Int32Array;
  /** What has been touched, which means nothing: so no compiler leaves it out. */
  touched = 0;
  readonly #handle: OrderedHandle;
  readonly #regions: Int32Array[];

  /** Views what another thread has allocated. */
  constructor(handle: OrderedHandle) {
    this.#handle = handle;
    this.table = wordsOfBuffer(handle.table);
    this.#regions = handle.blocks.map(wordsOfBuffer);
  }

  /** Pages for which there is address space. */
  get pageCount(): number {
    return this.#handle.pageCount;
  }

  /** Bytes of the buffers as far as they have grown. */
  get sharedBytes(): number {
    const { table, blocks } = this.#handle;
    return [table, ...blocks].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** The page word; dormant if there is no such page, as a reader that was too late may ask for. */
  loadPage(page: number): number {
    // A number that was torn may be negative.
    const at = TABLE_PAGES + (page >>> 0);
    if (at >= this.table.length) {
      this.table = wordsOfBuffer(this.#handle.table);
      if (at >= this.table.length) return DORMANT;
    }
    return Atomics.load(this.table, at);
  }

  /** What the page word may be, by a plain load: for a thread that confirms what comes of it. */
  peekPage(page: number): number {
    const at = TABLE_PAGES + (page >>> 0);
    return at < this.table.length ? this.table[at] : this.loadPage(page);
  }

  /** Sets the word of a page that this thread holds. */
  storePage(page: number, word: number): void {
    this.loadPage(page);
    Atomics.store(this.table, TABLE_PAGES + page, word);
  }

  /** Swaps a page word; false if it is another one by now. Publishes the block that it names. */
  swapPage(page: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.table, TABLE_PAGES + page, from, to) === from;
  }

  /** The region of a block; good for this block only. */
  regionOf(block: number): Int32Array {
    const region = this.#regions[block >>> REGION_BLOCKS_LOG2];
    return region !== undefined && this.wordOf(block) < region.length ? region : this.#see(block);
  }

  /** Index of a block's first word in its region. */
  wordOf(block: number): number {
    return (block & REGION_BLOCKS_MASK) * BLOCK_WORDS;
  }

  /**
   * Looks at each line of the block that a page word names: the processor then waits for all of
   * them at one time, where a search would have it wait for one after the other.
   */
  touch(word: number): void {
    const block = word & ~DORMANT;
    const region = this.regionOf(block);
    const at = this.wordOf(block);
    let seen = 0;
    for (let i = 0; i < BLOCK_WORDS; i += CACHE_LINE_WORDS) seen ^= region[at + i];
    this.touched ^= seen;
  }

  /** Generation of a block. */
  loadGeneration(block: number): number {
    return Atomics.load(this.regionOf(block), this.wordOf(block) + BLOCK_GENERATION);
  }

  /** Makes sure that a page and the block of its number have memory; false when there is none. */
  cover(page: number): boolean {
    const { table, blocks } = this.#handle;
    const region = blocks[page >>> REGION_BLOCKS_LOG2]!;
    const blockEnd = (this.wordOf(page) + BLOCK_WORDS) * 4;
    return grow(table, (TABLE_PAGES + page + 1) * 4, TABLE_STEP_BYTES) &&
      grow(region, blockEnd, BLOCKS_STEP_BYTES);
  }

  #see(block: number): Int32Array {
    const index = block >>> REGION_BLOCKS_LOG2;
    const buffer = this.#handle.blocks[index];
    // A number that was torn: what is read there is not used.
    if (buffer === undefined) return this.#regions[0]!;
    return this.#regions[index] = wordsOfBuffer(buffer);
  }
}

function grow(buffer: SharedArrayBuffer, byteLength: number, stepBytes: number): boolean {
  if (buffer.byteLength >= byteLength) return true;
  const rounded = Math.ceil(byteLength / stepBytes) * stepBytes;
  return growTo(buffer, Math.min(rounded, buffer.maxByteLength));
}

// With a length: a view without one follows the buffer's, and is slow.
function wordsOfBuffer(buffer: SharedArrayBuffer): Int32Array {
  return new Int32Array(buffer, 0, buffer.byteLength >>> 2);
}
