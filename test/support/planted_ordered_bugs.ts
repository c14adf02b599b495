/**
 * Planted bugs in the ordered index.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const EDITOR = "lib/ordered/page_editor.ts";
const IMAGE = "lib/ordered/page_image.ts";
const SPACE = "lib/ordered/page_space.ts";
const SPLIT = "lib/ordered/page_split.ts";
const STRUCTURE = "lib/ordered/tree_structure.ts";
const WALK = "lib/ordered/tree_walk.ts";
const WRITER = "lib/ordered/ordered_writer.ts";
const CURSOR = "lib/ordered/range_cursor.ts";
const RESOLVER = "lib/ordered/key_resolver.ts";
const LOOKAHEAD = "lib/ordered/key_lookahead.ts";

const KEYS = "test/property/ordered_keys.test.ts";
const STEPS = "test/simulation/ordered_steps.test.ts";
const INDEX = "test/unit/ordered_index.test.ts";
const AHEAD = "test/unit/key_lookahead.test.ts";
const INTERLEAVINGS = "test/simulation/ordered_interleavings.test.ts";
const DEATHS = "test/simulation/death_in_trees.test.ts";

/** Bugs of the ordered index. */
export const ORDERED_BUGS: readonly PlantedBug[] = [
  {
    name: "keys that are about to come are not looked for when a page is built anew",
    breaks: "a key that exists has an entry",
    file: RESOLVER,
    edits: [["if (withAnnounced) this.#scanAnnounced(hash);", ""]],
    caughtBy: [INDEX],
    inTest: "shorter prefix",
  },
  {
    name: "a block is filled again that a hazard word names",
    breaks: "no change is lost",
    file: SPACE,
    edits: [["if (hazards.includes(block)) retired[kept++] = block; else", ""]],
    caughtBy: [INDEX],
  },
  {
    name: "the generation of a block stays as it was when it is filled again",
    breaks: "I6",
    file: SPACE,
    edits: [["Atomics.add(region, at, 1);", ""]],
    caughtBy: [INDEX],
  },
  {
    name: "the page word is not looked at again after a hazard word was set",
    breaks: "no change is lost",
    file: EDITOR,
    edits: [["if (memory.loadPage(page) !== word) return false; view.show", "view.show"]],
    caughtBy: [INDEX],
  },
  {
    name:
      "a version that was read before it was held is believed though its block was filled again",
    breaks: "no change is lost",
    file: EDITOR,
    edits: [[
      "return memory.loadPage(view.page) === view.word && view.isIntact;",
      "return memory.loadPage(view.page) === view.word;",
    ]],
    caughtBy: [INDEX],
  },
  {
    name: "a key goes to a guessed page without a look at the fences",
    breaks: "a key that exists has an entry",
    file: WRITER,
    edits: [[
      "this.#memory.touch(view.word); return this.#walk.contains(view, key, Side.AT);",
      "return true;",
    ]],
    caughtBy: [KEYS],
  },
  {
    name: "the page word is not looked at again after the generation was loaded",
    breaks: "I6",
    file: "lib/ordered/page_view.ts",
    edits: [["if (memory.loadPage(page) !== word) return false; this.show", "this.show"]],
    caughtBy: [INDEX],
  },
  {
    name: "a reader believes texts that were filled again since a later version had them",
    breaks: "I6",
    file: "lib/ordered/page_view.ts",
    edits: [[
      "this.show(page, word); return this.hasWholeTexts;",
      "this.show(page, word); return true;",
    ]],
    caughtBy: [INDEX],
    inTest: "texts of a version",
  },
  {
    name: "a writer believes texts that were filled again since a later version had them",
    breaks: "no change is lost",
    file: EDITOR,
    edits: [["return view.hasWholeTexts;", "return true;"]],
    caughtBy: [INDEX],
    inTest: "texts of a version",
  },
  {
    name: "a frozen page goes before its neighbour has taken over",
    breaks: "the leaves divide all keys among them",
    file: STRUCTURE,
    edits: [["if (view.compareHigh(low) === 0 && view.next === page) {", "if (page < 0) {"]],
    caughtBy: [STEPS],
  },
  {
    name: "an entry is removed that another key of the same hash needs",
    breaks: "a key that exists has an entry",
    file: WRITER,
    edits: [["|| this.#isNeeded(key, view)) return;", ") return;"]],
    caughtBy: [KEYS],
  },
  {
    name: "a scan yields keys of an entry that belong to another page",
    breaks: "a scan sees no key twice",
    file: CURSOR,
    edits: [["!(this.#from.isAbove(key) || this.#to.isBelow(key))", "true"]],
    caughtBy: [KEYS],
  },
  {
    name: "a page is divided between keys that slices do not tell apart",
    breaks: "the leaves divide all keys among them",
    file: SPLIT,
    edits: [["if (isLeaf && image.isTied(index - 1, index)) return false;", ""]],
    caughtBy: [INDEX],
    inTest: "stay in one page",
  },
  {
    name: "a search does not compare a key with the low fence",
    breaks: "a search is not led astray",
    file: WALK,
    edits: [["if (side === Side.AT ? below < 0 : below <= 0) return false;", ""]],
    caughtBy: [INTERLEAVINGS],
  },
  {
    name: "a reader takes the leaf to which the pages above lead without a look at its fences",
    breaks: "a search is not led astray",
    file: WALK,
    edits: [["      this.contains(view, key, side);", "      true;"]],
    caughtBy: [INDEX],
    inTest: "begins at its bound",
  },
  {
    name: "a page gets an entry without a look at it after its parent was held",
    breaks: "no entry leads to a page that is gone",
    file: STRUCTURE,
    edits: [["if (before < 0 || !this.#isStill(page, separator, level - 1)) continue;", ""]],
    caughtBy: [INTERLEAVINGS],
  },
  {
    name: "a low fence is believed whose block may have been filled again",
    breaks: "a search is not led astray",
    file: WALK,
    edits: [["return child.isIntact ? order : NaN;", "return order;"]],
    caughtBy: [INTERLEAVINGS],
  },
  {
    name: "a parent is not published again when a page is taken out that has no entry in it",
    breaks: "no entry leads to a page that is gone",
    file: STRUCTURE,
    edits: [[
      "const edit = editor.replace(view, image); if (edit === Edit.LOST) continue; if (edit === Edit.NO_ROOM) return NO_PAGE;",
      "const edit = index < 0 ? Edit.DONE : editor.replace(view, image); if (edit === Edit.LOST) continue; if (edit === Edit.NO_ROOM) return NO_PAGE;",
    ]],
    caughtBy: [INTERLEAVINGS],
  },
  {
    name: "entries stay as they are when a shorter prefix makes their slices the same",
    breaks: "the order of entries",
    file: IMAGE,
    edits: [["if (this.level === 0) this.#sortTies();", ""]],
    caughtBy: [INDEX],
  },
  {
    name: "entries that a shorter prefix makes the same are all kept",
    breaks: "one entry stands for all keys of one hash that have the same slice",
    file: IMAGE,
    edits: [["if (place >= 0) continue;", ""]],
    caughtBy: [INDEX],
  },
  {
    name: "a page that has lost all entries while it was divided is left out",
    breaks: "the leaves divide all keys among them",
    file: EDITOR,
    edits: [[
      "if (division === Division.WHOLE)",
      "if (division === Division.WHOLE || right.count === 0)",
    ]],
    caughtBy: [INDEX],
  },
  {
    name: "no writer gives birth to a page whose writer has died",
    breaks: "others go on",
    file: EDITOR,
    edits: [["if (this.isCurrent(view)) memory.swapPage(page, word, word & ~DORMANT);", ""]],
    caughtBy: [DEATHS],
  },
  {
    name: "keys that a slice does not tell apart are not sorted",
    breaks: "the order of keys",
    file: CURSOR,
    edits: [["if (!isSorted) this.#sort();", ""]],
    caughtBy: [KEYS],
  },
  {
    name: "keys that a slice does not tell apart are looked for at different times",
    breaks: "the order of keys",
    file: CURSOR,
    edits: [["while (end < this.#count && this.#isTied(end - 1, end)) end += 1;", ""]],
    caughtBy: [INDEX],
    inTest: "does not tell apart",
  },
  {
    name: "of several keys of one hash only one is taken",
    breaks: "a scan sees every key",
    file: LOOKAHEAD,
    edits: [["if (pairCount !== 1) this.#pairs[i] = 0;", ""]],
    caughtBy: [KEYS],
  },
  {
    name: "a key that is looked up ahead is looked for in its first bucket only",
    breaks: "a scan sees every key",
    file: LOOKAHEAD,
    edits: [["if (overflow !== NO_BUCKET || tags > 1) {", "if (tags > 1) {"]],
    caughtBy: [AHEAD],
  },
  {
    name: "a key is looked up ahead in a table that is being changed",
    breaks: "a scan sees every key",
    file: LOOKAHEAD,
    edits: [["|| meta !== metas[i]", ""]],
    caughtBy: [AHEAD],
  },
  {
    name: "a key that is looked up ahead may have been torn",
    breaks: "none is seen that was never there",
    file: LOOKAHEAD,
    edits: [["generation !== generations[i] ||", ""]],
    caughtBy: [AHEAD],
  },
  {
    name: "a leaf is divided between keys that slices do not tell apart",
    breaks: "the order of keys",
    file: CURSOR,
    edits: [[
      "while (cut > first && cut < end && commonBytesAt(view, cut) === SLICE_BYTES) cut += step;",
      "",
    ]],
    caughtBy: [KEYS],
  },
  {
    name: "a leaf is divided by a text that is above keys behind it",
    breaks: "a scan sees every key",
    file: CURSOR,
    edits: [["Math.min(SLICE_BYTES, commonBytesAt(view, index) + 1)", "SLICE_BYTES"]],
    caughtBy: [KEYS],
  },
  {
    name: "leaves that are empty stay",
    breaks: "a queue takes no more pages than it needs",
    file: WRITER,
    edits: [["if (edit === Edit.DONE && view.count === 1) this.#structure.prune(page);", ""]],
    caughtBy: [STEPS],
    inTest: "queue",
  },
  {
    name: "inner pages with one child stay",
    breaks: "a queue takes no more pages than it needs",
    file: STRUCTURE,
    edits: [["if (thinParent !== NO_PAGE) this.prune(thinParent);", ""]],
    caughtBy: [STEPS],
    inTest: "queue",
  },
];
