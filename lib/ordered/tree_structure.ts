/**
 * Keeps the upper levels of the tree: entries for new pages, and pages that are taken out. See
 * docs/protocols/ordered.md.
 *
 * Nothing here has to be done for the tree to be right. Whatever is left undone, because a thread
 * has died or there is no room, costs searches a step to the right, or leaves an empty page.
 *
 * @module
 */
import { KeyBuffer } from "./key_order.ts";
import type { OrderedMemory } from "./ordered_memory.ts";
import { Edit, type PageEditor } from "./page_editor.ts";
import { PageImage } from "./page_image.ts";
import { DORMANT, NO_PAGE, ROOT_PAGE } from "./page_layout.ts";
import { PageView } from "./page_view.ts";
import { Side } from "./side.ts";
import { TreeWalk } from "./tree_walk.ts";

/** Hazard words: for the page that is replaced, and for one that is taken out meanwhile. */
export const HAZARD_REPLACED = 0;
const HAZARD_FROZEN = 2;
/** In the place of a page: it has to be tried again. */
const AGAIN = -1;

/** Changes the upper levels on behalf of one agent. */
export class TreeStructure {
  readonly #memory: OrderedMemory;
  readonly #editor: PageEditor;
  readonly #walk: TreeWalk;
  readonly #view: PageView;
  readonly #childView: PageView;
  readonly #frozenView: PageView;
  readonly #image = new PageImage();
  readonly #separator = new KeyBuffer();
  readonly #low = new KeyBuffer();

  /** Changes what an editor publishes. */
  constructor(memory: OrderedMemory, editor: PageEditor) {
    this.#memory = memory;
    this.#editor = editor;
    this.#walk = new TreeWalk(memory, editor);
    this.#view = new PageView(memory);
    this.#childView = new PageView(memory);
    this.#frozenView = new PageView(memory);
  }

  /** Adds the entry of a page to its parent, unless it is there. */
  addToParent(page: number): void {
    for (let child = page; child !== NO_PAGE;) child = this.#addChild(child);
  }

  /**
   * Takes a frozen page out of the tree, as far as that is not done.
   *
   * @returns false if there is no room for that
   */
  takeOut(page: number): boolean {
    for (;;) {
      const outcome = this.#tryTakeOut(page);
      if (outcome === Edit.DONE) return true;
      if (outcome === Edit.NO_ROOM) return false;
    }
  }

  /**
   * Takes a page out that is no longer needed, if it is one: an empty leaf, or an inner page with
   * one child, which has a left neighbour under the same parent, and a right one.
   */
  prune(page: number): void {
    while (this.#tryPrune(page) === Edit.LOST);
  }

  /** One try to add an entry; returns the page whose entry is to be added next, or `NO_PAGE`. */
  #addChild(page: number): number {
    const child = this.#childView;
    const separator = this.#separator;
    for (;;) {
      if (!this.#readLow(page, separator)) return NO_PAGE;
      const level = child.level + 1;
      if (separator.byteLength === 0 || page === ROOT_PAGE) return NO_PAGE;
      const parent = this.#walk.find(separator, level, Side.AT).page;
      const linked = this.#walk.linkedPage;
      const view = this.#view;
      if (!this.#editor.hold(HAZARD_REPLACED, view, parent)) continue;
      if (view.level !== level || !this.#walk.contains(view, separator, Side.AT)) continue;
      if (view.isFrozen) {
        if (!this.takeOut(parent)) return NO_PAGE;
        continue;
      }
      if (indexOf(view, page) >= 0) return NO_PAGE;
      const before = this.#walk.childFor(view, separator, Side.AT);
      // After the parent was held: one that takes the page out will publish the parent once more.
      if (before < 0 || !this.#isStill(page, separator, level - 1)) continue;
      const order = this.#walk.compareWithLow(view.childOf(before), separator);
      if (Number.isNaN(order)) continue;
      const image = this.#image;
      image.read(view);
      const index = before + 1;
      if (order === 0) {
        // One that was taken over, and whose place the page has by now.
        image.setChild(before, page);
      } else {
        image.share(separator);
        image.insert(index, separator, page);
      }
      if (!this.#editor.sharpen(image)) continue;
      const edit = this.#editor.replaceOrSplit(view, image, index, separator);
      if (edit === Edit.LOST) continue;
      return edit === Edit.SPLIT ? this.#editor.newPage : edit === Edit.DONE ? linked : NO_PAGE;
    }
  }

  #tryTakeOut(page: number): Edit {
    const frozen = this.#frozenView;
    const editor = this.#editor;
    if (!editor.hold(HAZARD_FROZEN, frozen, page) || !frozen.isFrozen) return Edit.DONE;
    const { level } = frozen;
    const low = this.#low;
    low.set(frozen.text, frozen.textAt, frozen.lowBytes);
    const left = this.#walk.find(low, level, Side.BELOW).page;
    const view = this.#view;
    if (!editor.hold(HAZARD_REPLACED, view, left) || !editor.isCurrent(frozen)) return Edit.LOST;
    if (view.level !== level || !this.#walk.contains(view, low, Side.BELOW)) return Edit.LOST;
    let newPage = NO_PAGE;
    // As long as it is not taken over, its left neighbour leads to it.
    if (view.compareHigh(low) === 0 && view.next === page) {
      if (view.isFrozen) return this.takeOut(left) ? Edit.LOST : Edit.NO_ROOM;
      const edit = this.#takeOver(view, frozen, low);
      if (edit !== Edit.DONE && edit !== Edit.SPLIT) return edit;
      if (edit === Edit.SPLIT) newPage = editor.newPage;
    }
    const child = level > 0 ? frozen.childOf(0) : NO_PAGE;
    const thinParent = this.#removeFromParent(frozen, low);
    if (thinParent === AGAIN) return Edit.LOST;
    if (newPage !== NO_PAGE) this.addToParent(newPage);
    if (child !== NO_PAGE) this.prune(child);
    if (thinParent !== NO_PAGE) this.prune(thinParent);
    return Edit.DONE;
  }

  /**
   * Lets the left neighbour, which is held, take over the range of a frozen page, and its child.
   */
  #takeOver(left: PageView, frozen: PageView, low: KeyBuffer): Edit {
    const image = this.#image;
    image.read(left);
    image.next = frozen.next;
    image.hasHigh = frozen.highBytes >= 0;
    image.high.set(frozen.text, frozen.highAt, image.hasHigh ? frozen.highBytes : 0);
    image.renewTexts();
    if (frozen.level > 0) {
      image.share(low);
      image.insert(image.count, low, frozen.childOf(0));
      if (!this.#editor.sharpen(image)) return Edit.LOST;
    }
    return this.#editor.replaceOrSplit(left, image, -1, low);
  }

  /**
   * Removes the entry of a frozen page that was taken over, and the page itself; returns the parent
   * if that has only one child left, or {@linkcode AGAIN}.
   */
  #removeFromParent(frozen: PageView, low: KeyBuffer): number {
    const editor = this.#editor;
    const view = this.#view;
    const { level } = frozen;
    for (;;) {
      const parent = this.#walk.find(low, level + 1, Side.AT).page;
      if (!editor.hold(HAZARD_REPLACED, view, parent)) continue;
      if (view.level !== level + 1 || !this.#walk.contains(view, low, Side.AT)) continue;
      if (!editor.isCurrent(frozen)) return NO_PAGE;
      if (view.isFrozen) {
        // The frozen page is looked at from the beginning then: that uses the same words.
        return this.takeOut(parent) ? AGAIN : NO_PAGE;
      }
      const index = indexOf(view, frozen.page);
      // Hinted at for as long as the parent exists; searches go to its left neighbour.
      if (index === 0) return NO_PAGE;
      const image = this.#image;
      image.read(view);
      if (index > 0) image.remove(index);
      const edit = editor.replace(view, image);
      if (edit === Edit.LOST) continue;
      if (edit === Edit.NO_ROOM) return NO_PAGE;
      editor.remove(frozen);
      return image.count === 1 ? parent : NO_PAGE;
    }
  }

  #tryPrune(page: number): Edit {
    const editor = this.#editor;
    const view = this.#view;
    const low = this.#separator;
    if (!this.#readLow(page, low)) return Edit.DONE;
    if (low.byteLength === 0 || page === ROOT_PAGE) return Edit.DONE;
    const walk = this.#walk;
    if (walk.find(low, this.#childView.level, Side.AT).page !== page) return Edit.DONE;
    const { childIndex, childCount, parentPage } = walk;
    if (!editor.hold(HAZARD_REPLACED, view, page)) return Edit.LOST;
    if (view.isFrozen || view.highBytes < 0) return Edit.DONE;
    if (view.count !== (view.level === 0 ? 0 : 1)) return Edit.DONE;
    if (childIndex === 0 && childCount === 1) this.prune(parentPage);
    if (childIndex <= 0) return Edit.DONE;
    // What a frozen page refers to has to be born.
    if ((this.#memory.loadPage(view.next) & DORMANT) !== 0) return Edit.DONE;
    const image = this.#image;
    image.read(view);
    image.isFrozen = true;
    const edit = editor.replace(view, image);
    if (edit === Edit.DONE) this.takeOut(page);
    return edit;
  }

  /** Reads a page that is in the tree, and copies its low fence. */
  #readLow(page: number, low: KeyBuffer): boolean {
    const child = this.#childView;
    for (;;) {
      const word = this.#memory.loadPage(page);
      if (word < 0) return false;
      if (!child.begin(page, word)) continue;
      low.set(child.text, child.textAt, child.lowBytes);
      const { isFrozen } = child;
      if (child.isIntact) return !isFrozen;
    }
  }

  /** Whether a page is in the tree, at a level, and begins where it did. */
  #isStill(page: number, low: KeyBuffer, level: number): boolean {
    const child = this.#childView;
    const word = this.#memory.loadPage(page);
    if (word < 0 || !child.begin(page, word)) return false;
    const isSame = child.level === level && !child.isFrozen && child.compareLow(low) === 0;
    return isSame && child.isIntact;
  }
}

/** Which entry of an inner page is that of a child; -1 if none is. */
function indexOf(view: PageView, page: number): number {
  for (let i = 0; i < view.count; i++) if (view.childOf(i) === page) return i;
  return -1;
}
