/**
 * Keeps the ordered index together with the hash index, on behalf of one agent.
 *
 * Every method expects the slot of the key to be locked by the caller. Any number of agents may
 * change the index at one time, and none waits for another one: see docs/protocols/ordered.md for
 * why that is safe.
 *
 * @module
 */
import type { PoolAddress } from "../core/brands.ts";
import { RecordKey } from "../log/record_key.ts";
import type { Pool } from "../pool/pool.ts";
import { keySlice } from "./key_order.ts";
import { KeyResolver } from "./key_resolver.ts";
import type { OrderedMemory } from "./ordered_memory.ts";
import { guessLeaf } from "./leaf_guess.ts";
import { Edit, PageEditor } from "./page_editor.ts";
import { PageImage } from "./page_image.ts";
import { AGENT_ANNOUNCED, agentWord, NO_PAGE } from "./page_layout.ts";
import { PageSpace } from "./page_space.ts";
import { type KeyText, PageView } from "./page_view.ts";
import { HAZARD_REPLACED, TreeStructure } from "./tree_structure.ts";
import { Side } from "./side.ts";
import { TreeWalk } from "./tree_walk.ts";

/** Inserts and removes keys. */
export class OrderedWriter {
  readonly #pool: Pool;
  readonly #space: PageSpace;
  readonly #memory: OrderedMemory;
  readonly #resolver: KeyResolver;
  readonly #editor: PageEditor;
  readonly #structure: TreeStructure;
  readonly #walk: TreeWalk;
  readonly #view: PageView;
  readonly #image = new PageImage();
  readonly #key = new RecordKey();
  readonly #announcedAt: number;
  readonly #holder: number;
  /** The page that the last key went to, and whether the one before has gone there, too. */
  #lastPage: number = NO_PAGE;
  #isRepeated = false;

  /** Changes the index of a pool that is ordered, in the name of an agent. */
  constructor(pool: Pool, agent: number) {
    this.#pool = pool;
    this.#space = PageSpace.of(pool);
    this.#memory = this.#space.memory;
    this.#resolver = new KeyResolver(pool, this.#memory);
    this.#editor = new PageEditor(this.#space, agent, this.#resolver);
    this.#structure = new TreeStructure(this.#memory, this.#editor);
    this.#walk = new TreeWalk(this.#memory, this.#editor);
    this.#view = new PageView(this.#memory);
    this.#announcedAt = agentWord(agent) + AGENT_ANNOUNCED;
    this.#holder = agent + 1;
  }

  /**
   * Adds the entry of a key that is about to get a pair in the hash index. Doing it again changes
   * nothing.
   *
   * @param record that the pair will point at; it is complete
   * @returns false if there is no room; nothing has changed then
   */
  insert(record: PoolAddress): boolean {
    if (!this.#space.reserve(this.#holder)) return false;
    const words = this.#pool.wordsOf(record);
    const at = this.#pool.wordAt(record);
    const key = this.#key.show(words, at);
    // Before the entry is there: a page that is built anew keeps the entries of announced keys.
    Atomics.store(this.#memory.table, this.#announcedAt, record);
    for (;;) {
      const isGuessed = this.#holdGuess(key);
      const view = isGuessed ? this.#view : this.#walk.find(key, 0, Side.AT);
      const linkedPage = isGuessed ? NO_PAGE : this.#walk.linkedPage;
      const frozenPage = isGuessed ? NO_PAGE : this.#walk.frozenPage;
      const isHeld = isGuessed || this.#editor.holdShown(HAZARD_REPLACED, view);
      const { page } = view;
      const edit = isHeld ? this.#insertInto(view) : Edit.LOST;
      this.#isRepeated = edit === Edit.DONE && page === this.#lastPage;
      this.#lastPage = page;
      if (edit === Edit.LOST) continue;
      if (edit === Edit.NO_ROOM) return false;
      if (edit === Edit.SPLIT) this.#structure.addToParent(this.#editor.newPage);
      // What other writers have begun, and may have died before they had done.
      if (linkedPage !== NO_PAGE) this.#structure.addToParent(linkedPage);
      if (frozenPage !== NO_PAGE) this.#structure.takeOut(frozenPage);
      return true;
    }
  }

  /**
   * Removes the entry of a key whose pair was removed from the hash index. Does nothing if it is
   * not there; leaves it if there is no room to remove it, or if another key needs it.
   *
   * @param record that the pair has pointed at, which was not buried yet
   */
  remove(record: PoolAddress): void {
    const words = this.#pool.wordsOf(record);
    const at = this.#pool.wordAt(record);
    const key = this.#key.show(words, at);
    const view = this.#view;
    this.#space.reserve(this.#holder);
    for (;;) {
      const isGuessed = this.#holdGuess(key);
      if (!isGuessed && !this.#holdLeaf(key, this.#walk.find(key, 0, Side.AT).page)) continue;
      const { page } = view;
      if (view.comparePrefix(key) !== 0) return;
      const index = view.placeOf(key, key.hash);
      if (!view.hasEntry(index, key, key.hash) || this.#isNeeded(key, view)) return;
      const edit = this.#editor.removeEntry(view, index);
      if (edit === Edit.LOST) continue;
      if (edit === Edit.DONE && view.count === 1) this.#structure.prune(page);
      this.#space.returnSurplus(this.#holder);
      return;
    }
  }

  /** Gives back the pages that this thread has kept for its next changes. */
  returnPages(): void {
    this.#space.returnAll(this.#holder);
  }

  /** Shows and holds the leaf of a key without a search, if it can be guessed. */
  #holdGuess(key: RecordKey): boolean {
    const isHeld = (this.#isRepeated && this.#holdLeaf(key, this.#lastPage)) ||
      this.#holdLeaf(key, guessLeaf(this.#memory, key, Side.AT));
    // A frozen leaf may have been taken over by its left neighbour, and still be hinted at.
    return isHeld && !this.#view.isFrozen;
  }

  /** Shows and holds a page if it is the leaf of a key: its fences say so. */
  #holdLeaf(key: RecordKey, page: number): boolean {
    const view = this.#view;
    if (!this.#editor.hold(HAZARD_REPLACED, view, page) || view.level !== 0) return false;
    // One that this thread has just written is in the cache.
    if (page !== this.#lastPage) this.#memory.touch(view.word);
    return this.#walk.contains(view, key, Side.AT);
  }

  /** Inserts into the leaf of the key, which is held. */
  #insertInto(view: PageView): Edit {
    const key = this.#key;
    if (view.isFrozen) return this.#structure.takeOut(view.page) ? Edit.LOST : Edit.NO_ROOM;
    const image = this.#image;
    const isRoomy = view.count < view.room && view.count < this.#editor.entriesMax;
    if (isRoomy && view.comparePrefix(key) === 0) {
      const index = view.placeOf(key, key.hash);
      if (!view.hasEntry(index, key, key.hash)) {
        return this.#editor.insertEntry(view, index, key, key.hash);
      }
    }
    image.read(view);
    const place = image.place(key, key.hash);
    // An entry that is there is published again: a page that is built anew meanwhile might drop it.
    if (place >= 0) return this.#editor.replace(view, image);
    image.insert(-1 - place, key, key.hash);
    return this.#editor.replaceOrSplit(view, image, -1 - place, key);
  }

  /** Whether another key of the same hash has the same entry of a page. */
  #isNeeded(key: RecordKey, view: PageView): boolean {
    const count = this.#resolver.find(key.hash);
    for (let i = 0; i < count; i++) {
      const other = this.#resolver.found[i]!;
      const isSame = view.comparePrefix(other) === 0 && haveSameSlice(key, other, view.prefixBytes);
      if (isSame && this.#walk.contains(view, other, Side.AT)) return true;
    }
    return false;
  }
}

function haveSameSlice(a: KeyText, b: KeyText, offset: number): boolean {
  return keySlice(a.words, a.start, a.byteLength, offset) ===
      keySlice(b.words, b.start, b.byteLength, offset) &&
    keySlice(a.words, a.start, a.byteLength, offset + 4) ===
      keySlice(b.words, b.start, b.byteLength, offset + 4);
}
