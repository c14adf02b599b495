/**
 * Layout of an ATOMIC request: checks and changes of several keys that are made together or not at
 * all. Offsets in words.
 *
 * ```text
 *   request header     as of any request; the version's low word is the number of entries, and the
 *                      argument where they are staged in the pool, 0 if they are in the request
 *   record             without a key; its hash says the slot by whose owner word the request was
 *                      routed, the lowest of the commit; its length is that of all entries
 *   results            2 words for each entry: the version that the KN has given to the key, 0 for
 *                      one that it has not changed. Written before the answer is prepared
 *   entries            in the order of their slots, each key once: each is the request that its
 *                      change would be alone, a PUT, DELETE or ADD; or a PAD, for a check
 * ```
 *
 * The address in the completion of a commit that was refused is the number of the entry that it was
 * refused for.
 *
 * @module
 */
import {
  packMeta,
  RECORD_CLIENT,
  RECORD_HASH,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RecordKind,
  recordWords,
} from "../log/record_layout.ts";
import {
  Condition,
  Operation,
  packOperation,
  REQUEST_LENGTH,
  REQUEST_OPERATION,
  REQUEST_RECORD,
  REQUEST_VERSION_LOW,
} from "./ring_layout.ts";

const HEAD_META = packMeta(0, RecordKind.PUT, 0);
const RESULTS = REQUEST_RECORD + recordWords(HEAD_META, 0);
const RESULT_WORDS = 2;

/** Number of entries of the request at an index of a ring. */
export function entryCount(ring: Int32Array, at: number): number {
  return ring[at + REQUEST_VERSION_LOW];
}

/** Words of a request in front of so many entries. */
export function commitHeadWords(count: number): number {
  return RESULTS + count * RESULT_WORDS;
}

/** Bytes that all entries take. */
export function entriesBytes(ring: Int32Array, at: number): number {
  return ring[at + REQUEST_RECORD + RECORD_VALUE_BYTES];
}

/** Makes a request of its entries, which are in the order of their slots. */
export function commitRequest(entries: readonly Int32Array[], mustSync: boolean): Int32Array {
  const entryWords = entries.reduce((sum, entry) => sum + entry.length, 0);
  let next = commitHeadWords(entries.length);
  const words = new Int32Array(next + entryWords);
  for (const entry of entries) {
    words.set(entry, next);
    next += entry.length;
  }
  const first = entries[0]!;
  words[REQUEST_LENGTH] = words.length;
  words[REQUEST_OPERATION] = packOperation(Operation.ATOMIC, Condition.NONE, mustSync);
  words[REQUEST_VERSION_LOW] = entries.length;
  words[REQUEST_RECORD + RECORD_VALUE_BYTES] = entryWords * 4;
  words[REQUEST_RECORD + RECORD_META] = HEAD_META;
  words[REQUEST_RECORD + RECORD_HASH] = first[REQUEST_RECORD + RECORD_HASH];
  words[REQUEST_RECORD + RECORD_CLIENT] = first[REQUEST_RECORD + RECORD_CLIENT];
  return words;
}

/** Leaves the version that an entry's key has been given. */
export function leaveVersion(
  ring: Int32Array,
  at: number,
  entry: number,
  low: number,
  high: number,
): void {
  ring[at + RESULTS + entry * RESULT_WORDS] = low;
  ring[at + RESULTS + entry * RESULT_WORDS + 1] = high;
}

/** The version that an entry's key has been given; 0 if it was not changed. */
export function versionLeft(ring: Int32Array, at: number, entry: number): number {
  const low = ring[at + RESULTS + entry * RESULT_WORDS] >>> 0;
  return ring[at + RESULTS + entry * RESULT_WORDS + 1] * 2 ** 32 + low;
}
