/**
 * Builds the tree from keys in their order, by one thread that is alone with the pool: when it is
 * opened, before there are writers.
 *
 * Leaves are filled one after the other, with prefixes as long as they can be; then the levels
 * above them. The tree shows when its root is published, which is the last step.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { PoolAddress } from "../core/brands.ts";
import { RecordKey } from "../log/record_key.ts";
import { AGENT_HOST } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { commonBytes, compareKeys, KeyBuffer } from "./key_order.ts";
import type { OrderedMemory } from "./ordered_memory.ts";
import { PageImage } from "./page_image.ts";
import {
  ENTRY_HIGH,
  ENTRY_LOW,
  ENTRY_VALUE,
  ENTRY_WORDS,
  LOWEST_SLICE,
  NO_PAGE,
  ROOT_PAGE,
  TABLE_ENTRIES_MAX,
  TEXT_BLOCK_WORDS,
} from "./page_layout.ts";
import { PageSpace } from "./page_space.ts";

/** Share of a page that is filled, so that the next inserts find room. */
const FILLED_SHARE = 0.8;
/** Entries that fit beside the longest texts which are not in blocks of their own. */
const SAFE_ENTRIES = 62;

/** A page that was written, and where its keys begin. */
interface LoadedPage {
  readonly page: number;
  readonly low: KeyBuffer;
}

/** Builds the tree of a pool whose ordered index is empty. */
export class TreeLoader {
  readonly #pool: Pool;
  readonly #space: PageSpace;
  readonly #memory: OrderedMemory;
  /** Entries of a page that is loaded. */
  readonly #filled: number;
  readonly #image = new PageImage();
  readonly #key = new RecordKey();
  readonly #last = new RecordKey();
  /** Records of the leaf that is being filled. */
  readonly #records: PoolAddress[] = [];
  #leaves: LoadedPage[] = [];
  #low = new KeyBuffer();
  /** The page that is written when it is known where it ends; it is reserved from the beginning. */
  #page: number;

  /** Begins without keys. */
  constructor(pool: Pool) {
    this.#pool = pool;
    this.#space = PageSpace.of(pool);
    this.#memory = this.#space.memory;
    const entriesMax = this.#memory.table[TABLE_ENTRIES_MAX]!;
    this.#filled = Math.max(
      2,
      Math.floor(FILLED_SHARE * Math.min(SAFE_ENTRIES / FILLED_SHARE, entriesMax)),
    );
    this.#page = this.#takePage();
  }

  /**
   * Adds a key, which is above all that were added before.
   *
   * @param record of the key
   * @returns false if there is no room
   */
  add(record: PoolAddress): boolean {
    const records = this.#records;
    if (records.length === this.#filled && !this.#endLeaf(record)) return false;
    records.push(record);
    return true;
  }

  /** Publishes the tree; false if there is no room. */
  finish(): boolean {
    if (this.#page === NO_PAGE || !this.#writeLeaf(NO_PAGE, undefined)) return false;
    let pages = this.#leaves;
    let level = 1;
    while (pages.length > this.#filled) {
      const above = this.#writeLevel(pages, level++);
      if (above === undefined) return false;
      pages = above;
    }
    const image = this.#image;
    this.#fillInner(image, pages, 0, pages.length, level);
    const block = this.#write(image);
    if (block === 0) return false;
    this.#memory.storePage(ROOT_PAGE, block);
    this.#space.returnAll(AGENT_HOST + 1);
    return true;
  }

  /** Writes the leaf whose keys end in front of a record's, and begins the next one. */
  #endLeaf(record: PoolAddress): boolean {
    const next = this.#takePage();
    if (this.#page === NO_PAGE || next === NO_PAGE) return false;
    const separator = new KeyBuffer();
    const last = this.#show(this.#last, this.#records.at(-1)!);
    const { words, start, byteLength } = this.#show(this.#key, record);
    const order = compareKeys(
      last.words,
      last.start,
      last.byteLength,
      words,
      start,
      byteLength,
    );
    assert(order < 0, "keys are loaded in their order");
    separator.set(words, start, this.#common(last, this.#key) + 1);
    if (!this.#writeLeaf(next, separator)) return false;
    this.#page = next;
    this.#low = separator;
    this.#records.length = 0;
    return true;
  }

  #writeLeaf(next: number, high: KeyBuffer | undefined): boolean {
    const image = this.#image;
    const records = this.#records;
    image.reset(0);
    this.#setFences(image, this.#low, high, next);
    if (records.length > 0) {
      const first = this.#show(this.#last, records[0]!);
      const common = this.#common(first, this.#show(this.#key, records.at(-1)!));
      image.prefix.set(first.words, first.start, common);
    }
    for (const record of records) {
      const key = this.#show(this.#key, record);
      const place = image.place(key, key.hash);
      if (place < 0) image.insert(-1 - place, key, key.hash);
    }
    return this.#publish(this.#page, image, this.#low, this.#leaves);
  }

  /** Writes the pages above some; undefined if there is no room. */
  #writeLevel(below: readonly LoadedPage[], level: number): LoadedPage[] | undefined {
    const above: LoadedPage[] = [];
    const image = this.#image;
    let page = this.#takePage();
    for (let from = 0; from < below.length; from += this.#filled) {
      const to = Math.min(from + this.#filled, below.length);
      const next = to < below.length ? this.#takePage() : NO_PAGE;
      if (page === NO_PAGE || (next === NO_PAGE && to < below.length)) return undefined;
      this.#fillInner(image, below, from, to, level);
      image.next = next;
      if (!this.#publish(page, image, below[from]!.low, above)) return undefined;
      page = next;
    }
    return above;
  }

  #fillInner(
    image: PageImage,
    below: readonly LoadedPage[],
    from: number,
    to: number,
    level: number,
  ): void {
    image.reset(level);
    this.#setFences(image, below[from]!.low, below[to]?.low, NO_PAGE);
    image.count = to - from;
    if (image.count > 1) {
      const first = below[from + 1]!.low;
      image.prefix.copy(first);
      image.prefix.truncate(this.#common(first, below[to - 1]!.low));
    }
    for (let i = from; i < to; i++) {
      const at = (i - from) * ENTRY_WORDS;
      if (i > from) image.setSlice(i - from, below[i]!.low);
      else image.entries[at + ENTRY_HIGH] = image.entries[at + ENTRY_LOW] = LOWEST_SLICE;
      image.entries[at + ENTRY_VALUE] = below[i]!.page;
    }
  }

  #setFences(image: PageImage, low: KeyBuffer, high: KeyBuffer | undefined, next: number): void {
    image.low.copy(low);
    image.hasHigh = high !== undefined;
    if (high !== undefined) image.high.copy(high);
    image.next = next;
  }

  #publish(page: number, image: PageImage, low: KeyBuffer, pages: LoadedPage[]): boolean {
    const block = this.#write(image);
    if (block === 0) return false;
    this.#memory.storePage(page, block);
    pages.push({ page, low });
    return true;
  }

  #write(image: PageImage): number {
    if (image.hasLongTexts) {
      const texts = image.gatherTexts();
      for (let from = 0; from < texts.length; from += TEXT_BLOCK_WORDS) {
        const block = this.#space.reserve(AGENT_HOST + 1) ? this.#space.takeBlock() : 0;
        if (block === 0) return 0;
        image.textBlocks[image.textBlockCount++] = block;
        const region = this.#memory.regionOf(block);
        region.set(texts.subarray(from, from + TEXT_BLOCK_WORDS), this.#memory.wordOf(block) + 1);
      }
    }
    const block = this.#space.reserve(AGENT_HOST + 1) ? this.#space.takeBlock() : 0;
    if (block !== 0) image.write(this.#memory, block);
    return block;
  }

  #takePage(): number {
    return this.#space.reserve(AGENT_HOST + 1) ? this.#space.takePage() : NO_PAGE;
  }

  #show(key: RecordKey, record: PoolAddress): RecordKey {
    return key.show(this.#pool.wordsOf(record), this.#pool.wordAt(record));
  }

  #common(a: RecordKey | KeyBuffer, b: RecordKey | KeyBuffer): number {
    return commonBytes(a.words, a.start, a.byteLength, b.words, b.start, b.byteLength);
  }
}
