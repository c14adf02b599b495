/**
 * Hands out pages and blocks to the writers of one thread, and reuses blocks that were replaced.
 *
 * Pages and blocks come in pairs: page i is handed out with block i, and a page that is free is
 * dormant and has a block, which may be another one by then. As in index/index_space.ts **no thread
 * waits for another one**: the untouched end is one word, which is advanced by compare-and-swap,
 * and the free list is guarded by a lock that is only tried. A thread that does not get it takes
 * pages from the end, and keeps those that it wanted to return.
 *
 * A block that was replaced is filled again only when no hazard word names it: see
 * docs/protocols/ordered.md. The thread that has replaced it keeps it until then; it is then
 * *ready*. Only blocks that are ready are returned, so another thread need not look.
 *
 * A thread that dies loses what it has kept. The free list is valid at every instant.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { LINE_WORDS } from "../pool/lines.ts";
import type { Pool } from "../pool/pool.ts";
import { OrderedMemory } from "./ordered_memory.ts";
import {
  agentWord,
  BLOCK_GENERATION,
  BLOCK_NEXT_FREE,
  DORMANT,
  GENERATION_MAX,
  HAZARD_COUNT,
  NO_PAGE,
  TABLE_ACTIVE,
  TABLE_ACTIVE_WORDS,
  TABLE_ENTRIES_MAX,
  TABLE_FREE,
  TABLE_FREE_COUNT,
  TABLE_LOCK,
  TABLE_NEXT,
  TEXT_BLOCKS_MAX,
} from "./page_layout.ts";

/** Attempts to take the lock, each about as long as a holder needs it. */
const LOCK_ATTEMPTS = 64;
/**
 * Blocks that an insert may need: those of a leaf that is split, of both halves and of the texts.
 */
const RESERVED_BLOCKS = 3 * (1 + TEXT_BLOCKS_MAX);
/** Pages that an insert may need: two if the leaf is the root. */
const RESERVED_PAGES = 2;
/** Pairs that are kept; what is more than that is returned. */
const KEPT_MAX = 2 * RESERVED_BLOCKS;
/** Replaced blocks that are kept until the hazard words are looked at; fewer if pages are small. */
const RETIRED_MAX = 16;

const spaces = new WeakMap<Pool, PageSpace>();

/** The space of a thread. */
export class PageSpace {
  readonly memory: OrderedMemory;
  readonly #ready: number[] = [];
  readonly #retired: number[] = [];
  readonly #pages: number[] = [];
  readonly #hazards: number[] = [];
  readonly #retiredMax: number;

  private constructor(pool: Pool) {
    const { ordered } = pool.handle;
    assert(ordered !== undefined, "the pool is ordered");
    this.memory = new OrderedMemory(ordered);
    this.#retiredMax = Math.min(RETIRED_MAX, this.memory.table[TABLE_ENTRIES_MAX]);
  }

  /** The space of this thread in a pool. */
  static of(pool: Pool): PageSpace {
    let space = spaces.get(pool);
    if (space === undefined) spaces.set(pool, space = new PageSpace(pool));
    return space;
  }

  /** Makes sure that there is what an insert may need; false when there is no room. */
  reserve(holder: number): boolean {
    if (this.#ready.length >= RESERVED_BLOCKS && this.#pages.length >= RESERVED_PAGES) return true;
    if (this.#retired.length >= this.#retiredMax) this.#scan();
    while (this.#ready.length < RESERVED_BLOCKS || this.#pages.length < RESERVED_PAGES) {
      if (!this.#takePair(holder)) return false;
    }
    return true;
  }

  /** Takes a block that can be filled, with its generation raised; 0 if there is none. */
  takeBlock(): number {
    if (this.#ready.length === 0) this.#scan();
    for (;;) {
      const block = this.#ready.pop();
      if (block === undefined) return 0;
      const region = this.memory.regionOf(block);
      const at = this.memory.wordOf(block) + BLOCK_GENERATION;
      if (region[at] === GENERATION_MAX) continue;
      // From here on readers of what it held notice.
      Atomics.add(region, at, 1);
      return block;
    }
  }

  /** Takes a page, dormant; `NO_PAGE` if there is none. */
  takePage(): number {
    return this.#pages.pop() ?? NO_PAGE;
  }

  /** Takes back a block that no other thread has seen, or whose page was dormant all the time. */
  putBack(block: number): void {
    this.#ready.push(block);
  }

  /** Takes a block that this thread has replaced. */
  retire(block: number): void {
    this.#retired.push(block);
    if (this.#retired.length >= this.#retiredMax) this.#scan();
  }

  /** Takes a page that is dormant, and to which no other refers. */
  putPage(page: number): void {
    this.#pages.push(page);
  }

  /** Returns what is more than this thread keeps. */
  returnSurplus(holder: number): void {
    if (this.#pages.length > KEPT_MAX) this.#returnPairs(RESERVED_BLOCKS, holder);
  }

  /** Returns everything: this thread writes no more. */
  returnAll(holder: number): void {
    this.#scan();
    this.#returnPairs(0, holder);
  }

  /** Keeps the retired blocks that a hazard word names; the others are ready. */
  #scan(): void {
    const hazards = this.#hazards;
    hazards.length = 0;
    const { table } = this.memory;
    for (let i = 0; i < TABLE_ACTIVE_WORDS; i++) {
      for (let bits = Atomics.load(table, TABLE_ACTIVE + i); bits !== 0; bits &= bits - 1) {
        const at = agentWord(32 * i + 31 - Math.clz32(bits & -bits));
        for (let word = at; word < at + HAZARD_COUNT; word++) {
          const block = Atomics.load(table, word);
          if (block !== 0) hazards.push(block);
        }
      }
    }
    const retired = this.#retired;
    let kept = 0;
    for (let i = 0; i < retired.length; i++) {
      const block = retired[i]!;
      if (hazards.includes(block)) retired[kept++] = block;
      else this.#ready.push(block);
    }
    retired.length = kept;
  }

  #takePair(holder: number): boolean {
    const page = this.#takeFree(holder);
    if (page !== NO_PAGE) {
      const block = this.memory.loadPage(page) & ~DORMANT;
      this.#pages.push(page);
      this.#ready.push(block);
      return true;
    }
    const { table } = this.memory;
    for (;;) {
      const next = Atomics.load(table, TABLE_NEXT);
      if (next >= this.memory.pageCount || !this.memory.cover(next)) return false;
      if (Atomics.compareExchange(table, TABLE_NEXT, next, next + 1) !== next) continue;
      this.memory.storePage(next, DORMANT | next);
      this.#pages.push(next);
      this.#ready.push(next);
      return true;
    }
  }

  #takeFree(holder: number): number {
    const { table } = this.memory;
    if (Atomics.load(table, TABLE_FREE) === NO_PAGE || !this.#tryLock(holder)) return NO_PAGE;
    const page = table[TABLE_FREE];
    if (page !== NO_PAGE) {
      // From here on the page is this thread's.
      Atomics.store(table, TABLE_FREE, nextFree(this.memory, page));
      table[TABLE_FREE_COUNT] -= 1;
    }
    Atomics.store(table, TABLE_LOCK, 0);
    return page;
  }

  /** Puts pairs into the free list until so many are left, if its lock can be had. */
  #returnPairs(kept: number, holder: number): void {
    const { memory } = this;
    const { table } = memory;
    if (!this.#tryLock(holder)) return;
    while (this.#pages.length > kept && this.#ready.length > kept) {
      // Its generation is raised: a link is no part of what readers of it may have seen.
      const block = this.takeBlock();
      if (block === 0) break;
      const page = this.#pages.pop()!;
      const link = memory.wordOf(block) + BLOCK_NEXT_FREE;
      memory.regionOf(block)[link] = table[TABLE_FREE];
      memory.storePage(page, DORMANT | block);
      Atomics.store(table, TABLE_FREE, page);
      table[TABLE_FREE_COUNT] += 1;
    }
    Atomics.store(table, TABLE_LOCK, 0);
  }

  #tryLock(holder: number): boolean {
    const { table } = this.memory;
    for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
      if (Atomics.compareExchange(table, TABLE_LOCK, 0, holder) === 0) return true;
    }
    return false;
  }
}

/** The free page behind another one. */
export function nextFree(memory: OrderedMemory, page: number): number {
  const block = memory.loadPage(page) & ~DORMANT;
  return memory.regionOf(block)[memory.wordOf(block) + BLOCK_NEXT_FREE];
}

assert(LINE_WORDS > HAZARD_COUNT, "an agent's words are in one line");
