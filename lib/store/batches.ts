/**
 * What the operations on many keys do with the iterables that they are given.
 *
 * So that the event loop gets its turns, a large batch is not taken from its iterable at once: the
 * first {@linkcode TAKEN_IN_CALL_MIN} items are, in the call, and the others in as many turns as
 * they need. Until then the caller may go on, so an array is copied.
 *
 * @module
 */
import type { Key } from "../core/key_encoder.ts";
import { loopTurn } from "../core/loop_turn.ts";
import { ownKey } from "./arguments.ts";

/**
 * Items that are taken in the call, however long it takes: the order of a batch of no more than
 * these and of what is issued after it depends on nothing else.
 */
export const TAKEN_IN_CALL_MIN = 1024;

/** The items of an iterable, of which the caller may change an array meanwhile. */
export function stableItems<Item>(items: Iterable<Item>): Iterable<Item> {
  return Array.isArray(items) ? items.slice() : items;
}

/** Takes the keys of a batch, as they are: in the call, unless there are many. */
export function ownKeys(keys: Iterable<Key>): Key[] | Promise<Key[]> {
  const items = stableItems(keys)[Symbol.iterator]();
  const list: Key[] = [];
  return takeKeys(items, list) ? list : takeOtherKeys(items, list);
}

async function takeOtherKeys(items: Iterator<Key>, list: Key[]): Promise<Key[]> {
  do await loopTurn.next(); while (!takeKeys(items, list));
  return list;
}

/** Takes keys as long as the turn may last; returns whether there are no more. */
function takeKeys(items: Iterator<Key>, list: Key[]): boolean {
  for (let item = items.next(); !item.done; item = items.next()) {
    list.push(ownKey(item.value));
    if (loopTurn.count(0) && list.length >= TAKEN_IN_CALL_MIN) return false;
  }
  return true;
}
