/**
 * Finds the page of a key, from any thread, without locks and without writing anything (I6).
 *
 * Every page that a search comes to is read as a version of it, and compared with the key: see
 * docs/protocols/ordered.md for why it cannot be led astray. What a search does with the page that
 * it has found counts only if the view is {@linkcode PageView.isIntact} afterwards.
 *
 * @module
 */
import { KeyBuffer } from "./key_order.ts";
import { guessLeaf } from "./leaf_guess.ts";
import type { OrderedMemory } from "./ordered_memory.ts";
import { NO_PAGE, ROOT_PAGE } from "./page_layout.ts";
import { type KeyText, PageView } from "./page_view.ts";
import { Side } from "./side.ts";

/** What a writer does with a page that is about to be born. */
export interface Midwife {
  /** Gives birth to a page that another one referred to when it was looked at. */
  giveBirth(from: PageView, page: number, word: number): void;
}

/** Searches from the root. */
export class TreeWalk {
  /** The page that was found. */
  view: PageView;
  /** A page to which a link has led at that level: its parent has no entry for it. */
  linkedPage: number = NO_PAGE;
  /** A frozen page to which an entry above has led; `NO_PAGE` if none has. */
  frozenPage: number = NO_PAGE;
  /**
   * The page above, and which child of it the page is; -1 if the search has come there over a link.
   */
  parentPage: number = NO_PAGE;
  childIndex = -1;
  /** Children of that page. */
  childCount = 0;
  readonly #memory: OrderedMemory;
  readonly #midwife: Midwife | undefined;
  /** Where the next page is read, while the present one is still needed. */
  #other: PageView;
  readonly #child: PageView;

  /** Searches an index; a reader has no midwife. */
  constructor(memory: OrderedMemory, midwife?: Midwife) {
    this.#memory = memory;
    this.#midwife = midwife;
    this.view = new PageView(memory);
    this.#other = new PageView(memory);
    this.#child = new PageView(memory);
  }

  /** Finds the page of a key at a level that the tree has. */
  find(key: KeyText, level: number, side: Side): PageView {
    this.frozenPage = NO_PAGE;
    while (!this.#search(key, level, side));
    return this.view;
  }

  /**
   * Finds the leaf of a key, for a reader: the one that is guessed, if it is that of the key and is
   * not on its way in or out.
   */
  findLeaf(key: KeyText, side: Side): PageView {
    const memory = this.#memory;
    const page = guessLeaf(memory, key, side, true);
    const word = memory.loadPage(page);
    const { view } = this;
    // As most leaves are not in the cache.
    memory.touch(word);
    const isFound = word > 0 && view.begin(page, word) && view.level === 0 && !view.isFrozen &&
      this.contains(view, key, side);
    return isFound ? view : this.find(key, 0, side);
  }

  /** Whether the fences of a page contain a key. */
  contains(view: PageView, key: KeyText, side: Side): boolean {
    const below = view.compareLow(key);
    const above = view.compareHigh(key);
    return side === Side.AT ? below >= 0 && above < 0 : below > 0 && above <= 0;
  }

  /**
   * Goes from the page in view to the one on its right; false if the way has to begin at the root.
   */
  follow(): boolean {
    const { next, level } = this.view;
    return this.view.isIntact && this.#step(next, level);
  }

  /**
   * The last child of an inner page whose keys may be the key, or just below it; -1 if the page is
   * changing.
   */
  childFor(view: PageView, key: KeyText, side: Side): number {
    const order = view.comparePrefix(key);
    if (order < 0) return 0;
    if (order > 0) return view.count - 1;
    let index = view.lowerBound(key, 1);
    while (index < view.count && view.hasSlice(index, key)) {
      // What slices cannot tell apart, low fences can.
      const seen = this.compareWithLow(view.childOf(index), key);
      if (Number.isNaN(seen)) return -1;
      if (side === Side.AT ? seen < 0 : seen <= 0) break;
      index += 1;
    }
    return index - 1;
  }

  /** Compares a key with the low fence of a page; NaN if it changes just now. */
  compareWithLow(page: number, key: KeyText): number {
    const child = this.#child;
    if (!child.begin(page, this.#memory.loadPage(page))) return NaN;
    const order = child.compareLow(key);
    return child.isIntact ? order : NaN;
  }

  /** One try; false if it has to start over. */
  #search(key: KeyText, level: number, side: Side): boolean {
    this.linkedPage = NO_PAGE;
    this.childIndex = -1;
    if (!this.view.begin(ROOT_PAGE, this.#memory.loadPage(ROOT_PAGE))) return false;
    for (;;) {
      const { view } = this;
      const below = view.compareLow(key);
      if (side === Side.AT ? below < 0 : below <= 0) return false;
      const above = view.compareHigh(key);
      if (side === Side.AT ? above >= 0 : above > 0) {
        const { next } = view;
        if (!this.follow()) return false;
        if (this.view.level === level) this.linkedPage = next;
        this.childIndex = -1;
      } else if (view.level <= level) {
        return view.level === level;
      } else if (!this.#descend(key, level, side)) {
        return false;
      }
    }
  }

  #descend(key: KeyText, level: number, side: Side): boolean {
    const { view } = this;
    const index = this.childFor(view, key, side);
    if (index < 0) return false;
    const { page, count } = view;
    const child = view.childOf(index);
    if (!view.isIntact || !this.#step(child, view.level - 1)) return false;
    this.parentPage = page;
    this.childIndex = index;
    this.childCount = count;
    // A frozen page that is reached from above may have been taken over by its left neighbour.
    return !this.view.isFrozen || this.#goLeft(level);
  }

  /** Goes to a page that the page in view refers to; false if the search has to start over. */
  #step(page: number, level: number): boolean {
    const from = this.view;
    const memory = this.#memory;
    const target = this.#other;
    const word = memory.loadPage(page);
    if (level === 0) memory.touch(word);
    if (!target.begin(page, word) || target.level !== level) return false;
    if (word < 0) {
      // It is about to be born; or it was once, and this thread has come too late.
      const isReferred = !from.isFrozen && memory.loadPage(from.page) === from.word &&
        from.isIntact;
      if (!isReferred) return false;
      if (this.#midwife !== undefined) {
        this.#midwife.giveBirth(from, page, word);
        return false;
      }
    }
    this.#other = from;
    this.view = target;
    return true;
  }

  /** Goes to the left neighbour of the frozen page in view, on the way to a level. */
  #goLeft(level: number): boolean {
    const { view } = this;
    this.frozenPage = view.page;
    const low = new KeyBuffer();
    low.set(view.text, view.textAt, view.lowBytes);
    if (!view.isIntact || !this.#search(low, view.level, Side.BELOW)) return false;
    if (view.level !== level) this.linkedPage = NO_PAGE;
    return true;
  }
}
