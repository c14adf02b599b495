/**
 * Requests whose length and every word follow from their number.
 *
 * @module
 */
import { Operation, REQUEST_OPERATION } from "../../lib/rings/ring_layout.ts";
import { mix, mixBelow } from "./outcome_random.ts";

/** Words of request number `n`: even, from its two-word header to `wordsMax`, mostly short. */
export function ringRequestWords(n: number, wordsMax: number): number {
  const isLong = mixBelow(n, 1, 8) === 0;
  return 2 + 2 * mixBelow(n, 2, isLong ? wordsMax / 2 : 16);
}

/** Writes all of a request but its length. */
export function writeRingRequest(words: Int32Array, at: number, n: number, length: number): void {
  words[at + REQUEST_OPERATION] = operationWord(n);
  for (let i = 2; i < length; i++) words[at + i] = mix(n, i);
}

/** What is wrong with a request; undefined if nothing. */
export function ringRequestError(
  words: Int32Array,
  at: number,
  n: number,
  length: number,
): string | undefined {
  if (words[at] !== length) return `request ${n} has ${words[at]} words instead of ${length}`;
  if (words[at + REQUEST_OPERATION] !== operationWord(n)) return `request ${n} has another header`;
  for (let i = 2; i < length; i++) {
    if (words[at + i] !== mix(n, i)) return `word ${i} of ${length} of request ${n} is wrong`;
  }
  return undefined;
}

function operationWord(n: number): number {
  return Operation.PUT | (mix(n, 3) & ~0xff);
}
