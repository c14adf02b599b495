/**
 * Guesses which leaf a key belongs to, for a writer.
 *
 * Everything above the leaves is a hint (docs/protocols/ordered.md): on whatever way a leaf was
 * found, it is that of a key if its fences contain the key. So the way down is not confirmed: no
 * version, no generation and no fence of an inner page is looked at, and words are loaded by plain
 * loads. A page that changes meanwhile, a link that has no entry above it yet, and slices that do
 * not tell children apart, lead to another leaf, or to a page that is none. The writer notices, as
 * it looks at the leaf's fences when it holds it, and searches as readers do.
 *
 * @module
 */
import { keySlice } from "./key_order.ts";
import type { OrderedMemory } from "./ordered_memory.ts";
import { ENTRY_HIGH, ENTRY_LOW, ENTRY_WORDS, NO_PAGE, ROOT_PAGE } from "./page_layout.ts";
import { type KeyText, PageView } from "./page_view.ts";

/** Guesses leaves. */
export class LeafGuess {
  readonly #memory: OrderedMemory;
  readonly #view: PageView;

  /** Guesses leaves of an index. */
  constructor(memory: OrderedMemory) {
    this.#memory = memory;
    this.#view = new PageView(memory);
  }

  /** The number of a page that may be the leaf of a key; `NO_PAGE` if it was led astray. */
  leafOf(key: KeyText): number {
    const memory = this.#memory;
    const view = this.#view;
    view.show(ROOT_PAGE, memory.peekPage(ROOT_PAGE));
    if (view.level === 0) return ROOT_PAGE;
    for (;;) {
      const { level } = view;
      const page = view.childOf(lastNotAbove(view, key));
      if (level === 1) return page;
      view.show(page, memory.peekPage(page));
      // What is torn may say anything: each step leads down, so that they end.
      if (view.level !== level - 1) return NO_PAGE;
    }
  }
}

/** The last child of an inner page whose slice is not above that of a key. */
function lastNotAbove(view: PageView, key: KeyText): number {
  const order = view.comparePrefix(key);
  if (order !== 0) return order < 0 || view.count === 0 ? 0 : view.count - 1;
  const { words } = view;
  const first = view.entryAt(0);
  const high = keySlice(key.words, key.start, key.byteLength, view.prefixBytes);
  const low = keySlice(key.words, key.start, key.byteLength, view.prefixBytes + 4);
  let from = 1;
  let to = view.count;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const at = first + middle * ENTRY_WORDS;
    const seen = words[at + ENTRY_HIGH];
    if (seen < high || (seen === high && words[at + ENTRY_LOW] <= low)) from = middle + 1;
    else to = middle;
  }
  return from - 1;
}
