/**
 * Whether words that came from another process are an atomic commit that a KN may execute: see
 * rings/commit_words.ts. Each of its entries is checked as the request that its change would be
 * alone.
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import { COMMIT_KEYS_MAX, SLOT_SHIFT } from "../core/limits.ts";
import {
  keyEquals,
  metaKeyBytes,
  packMeta,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_REQUEST_POSITION,
  RECORD_VALUE_BYTES,
  RecordKind,
} from "../log/record_layout.ts";
import { commitHeadWords, entryBehind, entryCount, firstEntry } from "../rings/commit_words.ts";
import {
  Condition,
  mustSyncOf,
  Operation,
  packOperation,
  REQUEST_ARGUMENT,
  REQUEST_LENGTH,
  REQUEST_OPERATION,
  REQUEST_OWNER_WORD,
  REQUEST_RECORD,
  REQUEST_VERSION_HIGH,
} from "../rings/ring_layout.ts";

const HEAD_META = packMeta(0, RecordKind.PUT, 0);

/** Checks the words of one entry: the rule that they break, as the end of "a request must ...". */
export type CheckEntry = (words: Int32Array, at: number, end: number) => string | undefined;

/** The rule that a commit breaks; undefined if none. */
export function brokenCommitRule(
  words: Int32Array,
  at: number,
  checkEntry: CheckEntry,
): string | undefined {
  const end = at + words[at + REQUEST_LENGTH]!;
  const count = entryCount(words, at);
  if (count < 1 || count > COMMIT_KEYS_MAX) return `commit 1 to ${COMMIT_KEYS_MAX} keys`;
  const first = at + commitHeadWords(count);
  const record = at + REQUEST_RECORD;
  const mustSync = mustSyncOf(words[at + REQUEST_OPERATION]!);
  const isHead = first < end && words[record + RECORD_META] === HEAD_META &&
    words[at + REQUEST_OPERATION] ===
      packOperation(Operation.ATOMIC, Condition.NONE, mustSync) &&
    words[at + REQUEST_OWNER_WORD] === 0 && words[at + REQUEST_VERSION_HIGH] === 0 &&
    words[at + REQUEST_ARGUMENT] === 0 &&
    words[record + RECORD_VALUE_BYTES] === (end - first) * 4 &&
    words[record + RECORD_HASH] === words[first + REQUEST_RECORD + RECORD_HASH] &&
    isZeroInHead(words, record, first);
  if (!isHead) return "have the head of a commit";
  let previous = -1;
  let next = first;
  for (let entry = 0; entry < count; entry++) {
    const rule = checkEntry(words, next, end);
    if (rule !== undefined) return rule;
    if (words[next + REQUEST_RECORD + RECORD_REQUEST_POSITION] !== 0) {
      return "number no entry of a commit";
    }
    if (previous >= 0 && !isBehind(words, previous, next)) {
      return "have the keys of a commit in order";
    }
    previous = next;
    next = entryBehind(words, next);
  }
  return next === end ? undefined : "be as long as its entries";
}

/** The slots of a commit that has been checked, ascending. */
export function slotsOf(words: Int32Array): Slot[] {
  const slots: Slot[] = [];
  const end = words[REQUEST_LENGTH]!;
  for (let at = firstEntry(words); at < end; at = entryBehind(words, at)) {
    const slot = (words[at + REQUEST_RECORD + RECORD_HASH]! >>> SLOT_SHIFT) as Slot;
    if (slots.at(-1) !== slot) slots.push(slot);
  }
  return slots;
}

/** Whether all words behind the head's record are zero, and those of it that say nothing. */
function isZeroInHead(words: Int32Array, record: number, first: number): boolean {
  for (let i = record; i < first; i++) {
    const isSaid = i === record + RECORD_META || i === record + RECORD_VALUE_BYTES ||
      i === record + RECORD_HASH || i === record + RECORD_REQUEST_POSITION;
    if (!isSaid && words[i] !== 0) return false;
  }
  return true;
}

/** Whether an entry's key comes behind that of the one before: by its hash, and not the same. */
function isBehind(words: Int32Array, previous: number, at: number): boolean {
  const before = words[previous + REQUEST_RECORD + RECORD_HASH]! >>> 0;
  const hash = words[at + REQUEST_RECORD + RECORD_HASH]! >>> 0;
  if (hash !== before) return hash > before;
  return !isSameAsOneBefore(words, previous, at);
}

/** Keys with the same hash are few. */
function isSameAsOneBefore(words: Int32Array, previous: number, at: number): boolean {
  const record = at + REQUEST_RECORD;
  const keyBytes = metaKeyBytes(words[record + RECORD_META]!);
  return keyEquals(words, previous + REQUEST_RECORD, words, record + RECORD_KEY, keyBytes);
}
