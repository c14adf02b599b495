/**
 * The keys of tables that grow: each round of a race fills one slot from empty to its last key.
 *
 * @module
 */
import type { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { mix } from "./outcome_random.ts";
import { hashIn, valueOf } from "./pool_fixture.ts";

/** Keys of one slot. */
export const TABLE_KEYS = 2500;
/** Slots that are filled at most; the pool has room for them. */
export const TABLE_ROUNDS_MAX = 400;

/** Text of a key. */
export function tableKey(i: number): string {
  return `k${i}`;
}

/** Its hash in the slot of a round. */
export function tableHash(round: number, i: number): number {
  return hashIn(round * 31, mix(round, i));
}

/** Encodes a key for the slot of a round. */
export function encodeTableKey(round: number, i: number, encoder: KeyEncoder): KeyEncoder {
  encoder.encode(tableKey(i));
  encoder.hash = tableHash(round, i);
  return encoder;
}

/** Its value, which says which key of which round it is. */
export function tableValue(round: number, i: number): Uint8Array {
  return valueOf(tableTag(round, i), 8);
}

/** The number at the beginning of its value. */
export function tableTag(round: number, i: number): number {
  return round * 4096 + i;
}

/** Whether a key is deleted and put again once it exists; the others stay for good. */
export function isVolatile(i: number): boolean {
  return i % 4 === 3;
}

/** Packs how far the race has come: the round, and how many keys of it were inserted. */
export function packTableProgress(round: number, insertedCount: number): number {
  return round * 4096 + insertedCount;
}

/** The round, and how many of its keys exist or are volatile. */
export function unpackTableProgress(word: number): { round: number; insertedCount: number } {
  return { round: Math.floor(word / 4096), insertedCount: word % 4096 };
}
