/**
 * Publishes versions of pages on behalf of one agent: the one place in which page words are
 * swapped, but for that of a page which is taken out of the tree. See docs/protocols/ordered.md.
 *
 * @module
 */
import { type KeyBuffer, keySlice } from "./key_order.ts";
import type { KeyResolver } from "./key_resolver.ts";
import type { OrderedMemory } from "./ordered_memory.ts";
import { PageImage } from "./page_image.ts";
import {
  agentWord,
  BLOCK_ENTRIES,
  BLOCK_GENERATION,
  BLOCK_KIND,
  BLOCK_WORDS,
  DORMANT,
  ENTRY_HIGH,
  ENTRY_LOW,
  ENTRY_VALUE,
  ENTRY_WORDS,
  LOWEST_SLICE,
  NO_PAGE,
  packKind,
  ROOT_PAGE,
  TABLE_ACTIVE,
  TABLE_ENTRIES_MAX,
  TEXT_BLOCK_WORDS,
} from "./page_layout.ts";
import type { PageSpace } from "./page_space.ts";
import { Division, PageSplit } from "./page_split.ts";
import { type KeyText, PageView } from "./page_view.ts";

/** What became of a change. */
export const Edit = {
  /** It is published. */
  DONE: 0,
  /** It is published, and the page has a new neighbour on its right. */
  SPLIT: 1,
  /** The page has changed meanwhile: look again. */
  LOST: 2,
  /** There is no room; nothing has changed. */
  NO_ROOM: 3,
} as const;
/** One of {@linkcode Edit}. */
export type Edit = typeof Edit[keyof typeof Edit];

/** Publishes for one agent. */
export class PageEditor {
  readonly space: PageSpace;
  /** Entries that a page has at most. */
  readonly entriesMax: number;
  /** The page that the last split has made; `NO_PAGE` if it was the root that was split. */
  newPage: number = NO_PAGE;
  readonly #memory: OrderedMemory;
  readonly #agentAt: number;
  readonly #split: PageSplit;
  readonly #right = new PageImage();
  readonly #root = new PageImage();
  readonly #birthView: PageView;

  /** Publishes on behalf of an agent. */
  constructor(space: PageSpace, agent: number, resolver: KeyResolver) {
    this.space = space;
    this.#memory = space.memory;
    const { table } = this.#memory;
    this.entriesMax = table[TABLE_ENTRIES_MAX];
    this.#agentAt = agentWord(agent);
    this.#split = new PageSplit(this.#memory, resolver, this.entriesMax);
    this.#birthView = new PageView(this.#memory);
    // Before its first hazard: a thread that does not see the bit has not replaced what it names.
    Atomics.or(table, TABLE_ACTIVE + (agent >>> 5), 1 << (agent & 31));
  }

  /**
   * Names the block of a version that was read without a hazard, so that it stays as it is.
   *
   * @returns false if the page has changed meanwhile
   */
  holdShown(hazard: number, view: PageView): boolean {
    const memory = this.#memory;
    Atomics.store(memory.table, this.#agentAt + hazard, view.word);
    // The same word may name the block anew, filled again: then the generation is another one.
    return memory.loadPage(view.page) === view.word && view.isIntact;
  }

  /**
   * Shows the present version of a page, which stays as it is until the hazard names another block.
   *
   * @param hazard which of the hazard words to use
   * @returns false if the page is dormant, or changes just now
   */
  hold(hazard: number, view: PageView, page: number): boolean {
    const memory = this.#memory;
    const word = memory.loadPage(page);
    if (word < 0) return false;
    Atomics.store(memory.table, this.#agentAt + hazard, word);
    if (memory.loadPage(page) !== word) return false;
    view.show(page, word);
    return view.hasWholeTexts;
  }

  /** Whether a page still is the version that is shown. */
  isCurrent(view: PageView): boolean {
    return this.#memory.loadPage(view.page) === view.word;
  }

  /** Publishes the version in an image that fits; `view` is held. */
  replace(view: PageView, image: PageImage): Edit {
    const block = this.#write(image);
    if (block === 0) return Edit.NO_ROOM;
    if (!this.#swap(view, image, block)) {
      this.#discard(image, block);
      return Edit.LOST;
    }
    return Edit.DONE;
  }

  /**
   * Publishes a version of a leaf with one entry more, for which there is room: what inserts come
   * to, so the block is copied once, and not by way of an image. `view` is held.
   *
   * @param index of the entry
   * @param key that has the prefix
   */
  insertEntry(view: PageView, index: number, key: KeyText, value: number): Edit {
    const block = this.space.takeBlock();
    if (block === 0) return Edit.NO_ROOM;
    const words = this.#memory.regionOf(block);
    const at = this.#memory.wordOf(block);
    copyVersion(view, words, at, index, 1);
    const entry = at + BLOCK_ENTRIES + index * ENTRY_WORDS;
    const { start, byteLength } = key;
    words[entry + ENTRY_HIGH] = keySlice(key.words, start, byteLength, view.prefixBytes);
    words[entry + ENTRY_LOW] = keySlice(key.words, start, byteLength, view.prefixBytes + 4);
    words[entry + ENTRY_VALUE] = value;
    return this.#publishCopy(view, block);
  }

  /** Publishes a version of a leaf with one entry less; `view` is held. */
  removeEntry(view: PageView, index: number): Edit {
    const block = this.space.takeBlock();
    if (block === 0) return Edit.NO_ROOM;
    const words = this.#memory.regionOf(block);
    copyVersion(view, words, this.#memory.wordOf(block), index + 1, -1);
    return this.#publishCopy(view, block);
  }

  #publishCopy(view: PageView, block: number): Edit {
    if (this.#memory.swapPage(view.page, view.word, block)) {
      this.#retire(view, false);
      return Edit.DONE;
    }
    this.space.putBack(block);
    return Edit.LOST;
  }

  /**
   * Publishes the version in an image, in two pages if it does not fit.
   *
   * @param added which entry is new; -1 if none is
   * @param key of that entry, in a leaf
   */
  replaceOrSplit(view: PageView, image: PageImage, added: number, key: KeyText): Edit {
    if (image.count <= Math.min(image.room, this.entriesMax)) return this.replace(view, image);
    const right = this.#right;
    const division = this.#split.divide(image, right, added, key);
    if (division === Division.LOST) return Edit.LOST;
    if (division === Division.WHOLE) return this.replace(view, image);
    if (image.count > image.room || right.count > right.room) return Edit.NO_ROOM;
    return view.page === ROOT_PAGE
      ? this.#splitRoot(view, image, right)
      : this.#splitPage(view, image, right);
  }

  /** Makes the prefix of an inner page longer if slices do not tell its children apart. */
  sharpen(image: PageImage): boolean {
    return this.#split.sharpen(image);
  }

  /** Gives birth to a page that another one referred to when it was looked at. */
  giveBirth(from: PageView, page: number, word: number): void {
    const memory = this.#memory;
    const view = this.#birthView;
    if (!this.hold(0, view, from.page) || view.word !== from.word) return;
    Atomics.store(memory.table, this.#agentAt + 1, word & ~DORMANT);
    let isReferred = view.next === page;
    for (let i = 0; view.level > 0 && i < view.count; i++) {
      if (view.childOf(i) === page) isReferred = true;
    }
    // The word is looked at before the page that refers to it: it is what is referred to.
    if (view.isFrozen || !isReferred || memory.loadPage(page) !== word) return;
    if (this.isCurrent(view)) memory.swapPage(page, word, word & ~DORMANT);
  }

  /** Takes a frozen page out, to which no other refers; `view` is held. */
  remove(view: PageView): boolean {
    if (!this.#memory.swapPage(view.page, view.word, view.word | DORMANT)) return false;
    this.#retire(view, true);
    this.space.putPage(view.page);
    return true;
  }

  #splitPage(view: PageView, left: PageImage, right: PageImage): Edit {
    const page = this.space.takePage();
    if (page === NO_PAGE) return Edit.NO_ROOM;
    left.next = page;
    const rightBlock = this.#write(right);
    const leftBlock = rightBlock === 0 ? 0 : this.#write(left);
    if (leftBlock !== 0) {
      this.#memory.storePage(page, rightBlock | DORMANT);
      if (this.#swap(view, left, leftBlock)) {
        this.#memory.swapPage(page, rightBlock | DORMANT, rightBlock);
        this.newPage = page;
        return Edit.SPLIT;
      }
      this.#discard(left, leftBlock);
    }
    if (rightBlock !== 0) this.#discard(right, rightBlock);
    this.space.putPage(page);
    return leftBlock === 0 ? Edit.NO_ROOM : Edit.LOST;
  }

  #splitRoot(view: PageView, left: PageImage, right: PageImage): Edit {
    const { space } = this;
    const memory = this.#memory;
    const leftPage = space.takePage();
    const rightPage = space.takePage();
    const root = this.#root;
    const hasPages = rightPage !== NO_PAGE;
    left.next = rightPage;
    if (hasPages) growRoot(root, left.level + 1, leftPage, right.low, rightPage);
    const leftBlock = hasPages ? this.#write(left) : 0;
    const rightBlock = leftBlock === 0 ? 0 : this.#write(right);
    const rootBlock = rightBlock === 0 ? 0 : this.#write(root);
    if (rootBlock !== 0) {
      memory.storePage(leftPage, leftBlock | DORMANT);
      memory.storePage(rightPage, rightBlock | DORMANT);
      if (this.#swap(view, root, rootBlock)) {
        memory.swapPage(leftPage, leftBlock | DORMANT, leftBlock);
        memory.swapPage(rightPage, rightBlock | DORMANT, rightBlock);
        this.newPage = NO_PAGE;
        return Edit.SPLIT;
      }
      this.#discard(root, rootBlock);
    }
    if (rightBlock !== 0) this.#discard(right, rightBlock);
    if (leftBlock !== 0) this.#discard(left, leftBlock);
    if (leftPage !== NO_PAGE) space.putPage(leftPage);
    if (rightPage !== NO_PAGE) space.putPage(rightPage);
    return rootBlock === 0 ? Edit.NO_ROOM : Edit.LOST;
  }

  /** Writes a version to a block of its own; 0 if there is none. */
  #write(image: PageImage): number {
    if (image.areTextsNew && image.hasLongTexts && !this.#writeTexts(image)) return 0;
    const block = this.space.takeBlock();
    if (block === 0) this.#discardTexts(image);
    else image.write(this.#memory, block);
    return block;
  }

  #writeTexts(image: PageImage): boolean {
    const memory = this.#memory;
    const texts = image.gatherTexts();
    for (let from = 0; from < texts.length; from += TEXT_BLOCK_WORDS) {
      const block = this.space.takeBlock();
      if (block === 0) {
        this.#discardTexts(image);
        return false;
      }
      image.textBlocks[image.textBlockCount++] = block;
      const region = memory.regionOf(block);
      const first = memory.wordOf(block) + BLOCK_GENERATION + 1;
      const count = Math.min(TEXT_BLOCK_WORDS, texts.length - from);
      for (let i = 0; i < count; i++) region[first + i] = texts[from + i];
    }
    return true;
  }

  /** Publishes a block as the version of a page that is held; pairs with the load of its word. */
  #swap(view: PageView, image: PageImage, block: number): boolean {
    if (!this.#memory.swapPage(view.page, view.word, block)) return false;
    this.#retire(view, image.areTextsNew);
    return true;
  }

  #retire(view: PageView, withTexts: boolean): void {
    const { space } = this;
    if (withTexts && view.textBlocks !== 0) {
      for (let i = 0; i < view.textBlocks; i++) space.retire(view.textBlock(i));
    }
    space.retire(view.block);
  }

  /** Takes back what was not published. */
  #discard(image: PageImage, block: number): void {
    this.space.putBack(block);
    this.#discardTexts(image);
  }

  #discardTexts(image: PageImage): void {
    if (!image.areTextsNew) return;
    for (let i = 0; i < image.textBlockCount; i++) this.space.putBack(image.textBlocks[i]!);
    image.textBlockCount = 0;
  }
}

/** Copies a version to a block: the entries from one on are moved by as many as there are more. */
function copyVersion(
  view: PageView,
  to: Int32Array,
  at: number,
  movedFrom: number,
  more: number,
): void {
  const { words } = view;
  // All but the generation: a call that copies more than it has to takes less time than loops.
  copy(words, view.at + BLOCK_KIND, to, at + BLOCK_KIND, BLOCK_WORDS - BLOCK_KIND);
  to[at + BLOCK_KIND] = packKind(view.level, view.isFrozen, view.count + more);
  // But not where words move by an odd number: V8 then copies shared memory byte by byte.
  const end = view.entryAt(view.count);
  let next = at + BLOCK_ENTRIES + (movedFrom + more) * ENTRY_WORDS;
  for (let from = view.entryAt(movedFrom); from < end; from += ENTRY_WORDS, next += ENTRY_WORDS) {
    to[next + ENTRY_HIGH] = words[from + ENTRY_HIGH];
    to[next + ENTRY_LOW] = words[from + ENTRY_LOW];
    to[next + ENTRY_VALUE] = words[from + ENTRY_VALUE];
  }
}

function copy(from: Int32Array, fromAt: number, to: Int32Array, toAt: number, count: number): void {
  if (from === to) to.copyWithin(toAt, fromAt, fromAt + count);
  else for (let i = 0; i < count; i++) to[toAt + i] = from[fromAt + i];
}

/** Makes a root with two children. */
function growRoot(
  root: PageImage,
  level: number,
  left: number,
  separator: KeyBuffer,
  right: number,
): void {
  root.reset(level);
  root.entries[ENTRY_HIGH] = root.entries[ENTRY_LOW] = LOWEST_SLICE;
  root.entries[ENTRY_VALUE] = left;
  root.count = 1;
  root.insert(1, separator, right);
}
