/**
 * Layout of the ordered index: a table of page words, and blocks of 1 KiB, which hold versions of
 * pages. Offsets in words of 4 bytes; see docs/protocols/ordered.md.
 *
 * ```text
 *   table   FORMAT      1 line: entries of a page at most
 *           SPACE       1 line: lock, next page, free pages
 *           ACTIVE      1 line: 1 bit for each agent that has written
 *           AGENTS      1 line for each agent: hazards, announced record
 *           PAGES       1 word for each page: its block, and whether it is dormant
 *
 *   block   0   generation
 *           1   level (24-31) | frozen (16) | entries (0-15)
 *           2   bytes of the prefix (16-31) | of the low fence (0-15)
 *           3   bytes of the high fence; -1: there is none, every key is below it
 *           4   page to the right, or 0
 *           5   blocks in which the texts are; 0: they are in this one
 *           6   entries of 3 words: slice, first and second half; hash, or page of the child
 *           ... free
 *           ... texts, up to the end: low fence, high fence, prefix, each of whole words;
 *               or the numbers of the blocks that they are in
 * ```
 *
 * | word | written by | read by | published |
 * |---|---|---|---|
 * | entries of a page at most | the creator | all | with the pool |
 * | SPACE | writers, see page_space.ts | writers | - |
 * | ACTIVE, AGENTS | the agent | writers | before it reads what it names |
 * | page word | writers, by compare-and-swap; of a dormant page the thread that holds it | all | by that |
 * | generation | the thread that holds the block, before it fills it | readers, twice | by atomic addition |
 * | other words of a block | the thread that holds it | all | by the page word |
 * | next free: word 1 of the block of a free page | the thread that returns the page | holders of the lock | - |
 *
 * The first child of a page has no slice: its low fence is that of the page.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { KEY_BYTES_MAX } from "../core/limits.ts";
import { AGENT_COUNT } from "../pool/control_layout.ts";
import { LINE_WORDS } from "../pool/lines.ts";

/** FORMAT: entries that a page has at most. Constant after creation. */
export const TABLE_ENTRIES_MAX = 0;
/** SPACE: 0, or the agent that holds the lock of the free list + 1. */
export const TABLE_LOCK = LINE_WORDS;
/** The next page that was never handed out. Advanced by compare-and-swap. */
export const TABLE_NEXT = TABLE_LOCK + 1;
/** First free page, linked through {@linkcode BLOCK_NEXT_FREE}, and how many there are. */
export const TABLE_FREE = TABLE_LOCK + 2;
export const TABLE_FREE_COUNT = TABLE_LOCK + 3;
/** ACTIVE: bit agent & 31 of word agent >>> 5. Set by the agent, for good. */
export const TABLE_ACTIVE = 2 * LINE_WORDS;
export const TABLE_ACTIVE_WORDS = Math.ceil(AGENT_COUNT / 32);
/**
 * AGENTS: blocks that the agent looks at, and the record of the key that it has inserted last.
 * What they say later than they have to does no harm.
 */
const TABLE_AGENTS = 3 * LINE_WORDS;
export const HAZARD_COUNT = 3;
export const AGENT_ANNOUNCED = HAZARD_COUNT;
/** PAGES. */
export const TABLE_PAGES = TABLE_AGENTS + AGENT_COUNT * LINE_WORDS;

/** Index of an agent's words in the table; its hazards come first. */
export function agentWord(agent: number): number {
  return TABLE_AGENTS + agent * LINE_WORDS;
}

/** No page. */
export const NO_PAGE = 0;
/** The page at which every search begins. */
export const ROOT_PAGE = 1;
/** Of a page word: no thread may come to the page but from a page that refers to it. */
export const DORMANT = 1 << 31;

/** Bytes of a block: 55 keys of a leaf that is as full as leaves are on average. */
export const BLOCK_BYTES = 1024;
export const BLOCK_WORDS = BLOCK_BYTES / 4;
export const BLOCK_GENERATION = 0;
export const BLOCK_KIND = 1;
export const BLOCK_LENGTHS = 2;
export const BLOCK_HIGH_BYTES = 3;
export const BLOCK_NEXT = 4;
export const BLOCK_TEXT_BLOCKS = 5;
export const BLOCK_ENTRIES = 6;
/** Of the block of a free page: the next free page, or 0. */
export const BLOCK_NEXT_FREE = 1;
/** A block whose generation has come so far is never filled again. */
export const GENERATION_MAX = -2;

export const ENTRY_WORDS = 3;
/** Words of an entry. */
export const ENTRY_HIGH = 0;
export const ENTRY_LOW = 1;
export const ENTRY_VALUE = 2;
/** Half of the lowest slice. */
export const LOWEST_SLICE = 0x80000000 | 0;
/** Bytes of a slice. */
export const SLICE_BYTES = 8;
/** Entries of a page with the shortest texts. */
export const ENTRIES_MAX = Math.floor((BLOCK_WORDS - BLOCK_ENTRIES) / ENTRY_WORDS);
/** A page that cannot be split any more would be stuck. */
export const ENTRIES_MIN = 4;

/** Texts that take more words than this are in blocks of their own. */
export const INLINE_TEXT_WORDS = 64;
/** Words of text in a block: all but the generation, which goes on counting. */
export const TEXT_BLOCK_WORDS = BLOCK_WORDS - 1;
/** Blocks for the texts of a page at most. */
export const TEXT_BLOCKS_MAX = Math.ceil(3 * Math.ceil(KEY_BYTES_MAX / 4) / TEXT_BLOCK_WORDS);

/** Entries for which a block has room beside so many words of text. */
export function roomBeside(textWords: number): number {
  const texts = textWords > INLINE_TEXT_WORDS ? TEXT_BLOCKS_MAX : textWords;
  return Math.floor((BLOCK_WORDS - BLOCK_ENTRIES - texts) / ENTRY_WORDS);
}

const LEVEL_SHIFT = 24;
const FROZEN_BIT = 1 << 16;
const COUNT_MASK = 0xffff;
const PREFIX_SHIFT = 16;
const LENGTH_MASK = 0xfff;

/** Packs the kind of a page. */
export function packKind(level: number, isFrozen: boolean, count: number): number {
  return (level << LEVEL_SHIFT) | (isFrozen ? FROZEN_BIT : 0) | count;
}

/** Level of a page; 0 is a leaf. */
export function kindLevel(kind: number): number {
  return kind >>> LEVEL_SHIFT;
}

/** Whether the page is frozen. */
export function kindIsFrozen(kind: number): boolean {
  return (kind & FROZEN_BIT) !== 0;
}

/** Entries of the page. */
export function kindCount(kind: number): number {
  const count = kind & COUNT_MASK;
  // What is torn must not lead far away.
  return count < ENTRIES_MAX ? count : ENTRIES_MAX;
}

/** Packs the lengths of low fence and prefix. */
export function packLengths(lowBytes: number, prefixBytes: number): number {
  return (prefixBytes << PREFIX_SHIFT) | lowBytes;
}

/** Bytes of the low fence. */
export function lengthOfLow(lengths: number): number {
  return lengths & LENGTH_MASK;
}

/** Bytes of the prefix. */
export function lengthOfPrefix(lengths: number): number {
  return (lengths >>> PREFIX_SHIFT) & LENGTH_MASK;
}

assert(TABLE_ACTIVE_WORDS <= LINE_WORDS, "a bit for each agent is in one line");
assert(KEY_BYTES_MAX <= LENGTH_MASK, "a length has its bits");
assert(
  INLINE_TEXT_WORDS >= TEXT_BLOCKS_MAX &&
    BLOCK_ENTRIES + (ENTRIES_MIN + 1) * ENTRY_WORDS + INLINE_TEXT_WORDS < BLOCK_WORDS,
  "a page with long texts has entries",
);
