/**
 * An address of a record in the two words that a cache keeps of one (cache/cache.ts).
 *
 *     address     lower 32 bits of the sequence
 *     generation  upper 8 bits of the sequence | 10 bits node | 14 bits place / 32
 *
 * No two records of a message begin in the same 32 bytes, as each has a longer header. One that is
 * alone in a longer message than places reach into has place 0, where no other one can be.
 *
 * @module
 */
import { assert } from "../../core/assert.ts";
import { NODE_ID_COUNT } from "../../core/limits.ts";
import { PLAIN_MESSAGE_BYTES_MAX } from "../messages/message_limits.ts";
import type { RecordAddress } from "../node/record_table.ts";

const PLACE_UNIT_BYTES = 32;
const PLACE_BITS = 14;
const NODE_BITS = 10;
const WORD = 2 ** 32;
/** Sequences below this one can be packed: at 1,000 appends a second they last for 34 years. */
const SEQUENCE_MAX = WORD * 2 ** (32 - PLACE_BITS - NODE_BITS);

assert(NODE_ID_COUNT <= 2 ** NODE_BITS, "the number of a node fits its bits");
assert(PLAIN_MESSAGE_BYTES_MAX / PLACE_UNIT_BYTES <= 2 ** PLACE_BITS, "a place fits its bits");

/** The words of an address. */
export function packAddress(
  { node, sequence, place }: RecordAddress,
): [address: number, generation: number] {
  assert(sequence < SEQUENCE_MAX, "the sequences of a log can be packed");
  const upper = Math.floor(sequence / WORD);
  const placeUnits = Math.floor(place / PLACE_UNIT_BYTES);
  return [
    sequence | 0,
    (upper << (NODE_BITS + PLACE_BITS)) | (node << PLACE_BITS) | placeUnits,
  ];
}

/** The address of two words; its place is that where the 32 bytes begin. */
export function cachedAddress(address: number, generation: number): RecordAddress {
  const upper = generation >>> (NODE_BITS + PLACE_BITS);
  return {
    node: (generation >>> PLACE_BITS) & (2 ** NODE_BITS - 1),
    sequence: upper * WORD + (address >>> 0),
    place: (generation & (2 ** PLACE_BITS - 1)) * PLACE_UNIT_BYTES,
  };
}

/** Whether a record that begins at one place is the one at another, which may have been packed. */
export function isAtPlace(place: number, other: number): boolean {
  return Math.floor(place / PLACE_UNIT_BYTES) === Math.floor(other / PLACE_UNIT_BYTES);
}
