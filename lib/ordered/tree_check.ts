/**
 * Checks the ordered index: its order, its fences and links, and that every key of the hash index
 * is found in it.
 *
 * @module
 */
import type { PoolAddress, Slot } from "../core/brands.ts";
import { SLOT_COUNT } from "../core/limits.ts";
import { IndexSpace } from "../index/index_space.ts";
import { SlotTable } from "../index/slot_table.ts";
import { RecordKey } from "../log/record_key.ts";
import { AGENT_HOST } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { compareKeys, KeyBuffer } from "./key_order.ts";
import { PageImage } from "./page_image.ts";
import {
  ENTRY_HIGH,
  ENTRY_LOW,
  ENTRY_VALUE,
  ENTRY_WORDS,
  NO_PAGE,
  ROOT_PAGE,
} from "./page_layout.ts";
import { PageSpace } from "./page_space.ts";
import { PageView } from "./page_view.ts";
import { Side } from "./side.ts";
import { TreeWalk } from "./tree_walk.ts";

/** What was found. */
export interface OrderedIndexReport {
  /** Levels, the leaves included. */
  levels: number;
  /** Pages that can be reached, and how many of them are leaves. */
  pages: number;
  leaves: number;
  /** Leaves without entries; pages that are frozen, and such that were not born yet. */
  emptyLeaves: number;
  frozenPages: number;
  dormantPages: number;
  /** Entries of leaves. */
  entries: number;
  /** Keys of the hash index. */
  keys: number;
  /** What is wrong, as sentences; the first of it. */
  readonly problems: string[];
}

/** Problems that are described. */
const PROBLEMS_MAX = 20;

/** Checks the index of a pool in which nothing changes meanwhile. */
export function checkOrderedIndex(pool: Pool): OrderedIndexReport {
  return new TreeCheck(pool).run();
}

class TreeCheck {
  readonly #pool: Pool;
  readonly #space: PageSpace;
  readonly #view: PageView;
  readonly #child: PageView;
  readonly #image = new PageImage();
  readonly #report: OrderedIndexReport = {
    levels: 0,
    pages: 0,
    leaves: 0,
    emptyLeaves: 0,
    frozenPages: 0,
    dormantPages: 0,
    entries: 0,
    keys: 0,
    problems: [],
  };

  constructor(pool: Pool) {
    this.#pool = pool;
    this.#space = PageSpace.of(pool);
    this.#view = new PageView(this.#space.memory);
    this.#child = new PageView(this.#space.memory);
  }

  run(): OrderedIndexReport {
    const root = this.#show(this.#view, ROOT_PAGE);
    this.#report.levels = root.level + 1;
    let first: number = ROOT_PAGE;
    for (let level = root.level; level >= 0; level--) first = this.#checkLevel(first, level);
    this.#checkKeys();
    return this.#report;
  }

  /**
   * Checks the pages of a level from the first one on; returns the first page of the next level.
   */
  #checkLevel(first: number, level: number): number {
    const report = this.#report;
    const end = new KeyBuffer();
    let below: number = NO_PAGE;
    let pagesLeft = this.#space.memory.pageCount;
    for (let page = first; page !== NO_PAGE; pagesLeft--) {
      const view = this.#show(this.#view, page);
      const image = this.#image;
      image.read(view);
      report.pages += 1;
      if (view.isFrozen) report.frozenPages += 1;
      if (view.word < 0) report.dormantPages += 1;
      const begins = image.low;
      this.#expect(view.level === level, `page ${page} has level ${view.level}, not ${level}`);
      this.#expect(pagesLeft > 0, `the links of level ${level} do not end`);
      const isNext = compareTexts(begins, end) === 0;
      this.#expect(isNext, `page ${page} does not begin where the one before it ends`);
      const isBounded = !image.hasHigh || compareTexts(image.high, begins) > 0;
      this.#expect(isBounded, `page ${page} ends where it begins`);
      this.#expect(image.count <= image.room, `page ${page} has too many entries`);
      this.#checkOrder(page, image);
      if (level > 0) {
        if (below === NO_PAGE) below = image.valueOf(0);
        this.#checkChildren(page, image);
      } else {
        report.leaves += 1;
        report.entries += image.count;
        if (image.count === 0) report.emptyLeaves += 1;
      }
      this.#expect(
        image.hasHigh === (image.next !== NO_PAGE),
        `page ${page} has a link or a high fence, and not both`,
      );
      end.copy(image.high);
      page = pagesLeft > 0 ? image.next : NO_PAGE;
    }
    return below;
  }

  #checkOrder(page: number, image: PageImage): void {
    const { entries } = image;
    for (let i = image.firstSlice + 1; i < image.count; i++) {
      const at = i * ENTRY_WORDS;
      const before = at - ENTRY_WORDS;
      const order = entries[before + ENTRY_HIGH]! - entries[at + ENTRY_HIGH]! ||
        entries[before + ENTRY_LOW]! - entries[at + ENTRY_LOW]! ||
        (image.level > 0 ? -1 : entries[before + ENTRY_VALUE]! - entries[at + ENTRY_VALUE]!);
      this.#expect(order < 0, `entry ${i} of page ${page} is not above the one before it`);
    }
  }

  #checkChildren(page: number, image: PageImage): void {
    this.#expect(image.count > 0, `page ${page} has no children`);
    const before = new KeyBuffer();
    before.copy(image.low);
    for (let i = 0; i < image.count; i++) {
      const child = this.#show(this.#child, image.valueOf(i));
      const place = `child ${i} of page ${page}`;
      this.#expect(child.level === image.level - 1, `${place} has level ${child.level}`);
      const low = new KeyBuffer();
      low.set(child.text, child.textAt, child.lowBytes);
      // Taken over, maybe, by a neighbour that has been split at the same place since.
      if (child.isFrozen) continue;
      const order = compareTexts(low, before);
      this.#expect(i === 0 ? order === 0 : order > 0, `${place} begins at a wrong place`);
      this.#expect(image.hasWithinFences(low), `${place} begins beyond the fences`);
      before.copy(low);
      if (i === 0) continue;
      image.share(low);
      const expected = image.entries.slice(i * ENTRY_WORDS, i * ENTRY_WORDS + ENTRY_VALUE);
      image.setSlice(i, low);
      const isSame = expected.every((half, j) => half === image.entries[i * ENTRY_WORDS + j]);
      this.#expect(isSame, `${place} has another slice than its low fence`);
    }
  }

  #checkKeys(): void {
    const pool = this.#pool;
    const table = new SlotTable(pool, new IndexSpace(pool, AGENT_HOST));
    const walk = new TreeWalk(this.#space.memory);
    const key = new RecordKey();
    const visit = (record: PoolAddress) => {
      this.#report.keys += 1;
      key.show(pool.wordsOf(record), pool.wordAt(record));
      const image = this.#image;
      image.read(walk.find(key, 0, Side.AT));
      const { byteLength } = image.prefix;
      const isThere = image.place(key, key.hash) >= 0 && image.prefix.byteLength === byteLength;
      this.#expect(isThere, `the key of the record at ${record} has no entry`);
    };
    for (let slot = 0; slot < SLOT_COUNT; slot++) table.forEach(pool.slotAt(slot as Slot), visit);
  }

  #show(view: PageView, page: number): PageView {
    const word = this.#space.memory.loadPage(page);
    // One that a thread has died before it gave birth to it is read like any other.
    view.show(page, word);
    return view;
  }

  #expect(condition: boolean, problem: string): void {
    const { problems } = this.#report;
    if (!condition && problems.length < PROBLEMS_MAX) problems.push(problem);
  }
}

function compareTexts(a: KeyBuffer, b: KeyBuffer): number {
  return compareKeys(a.words, 0, a.byteLength, b.words, 0, b.byteLength);
}
