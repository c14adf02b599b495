/**
 * What is left to do when a thread has died that wrote to the ordered index: little. It leaves a
 * valid tree, and what it has not done of a change other writers do when they come by. Its hazard
 * words only delay the reuse of what they name. But it may have held the lock of the free list,
 * without which the others take new pages.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { Pool } from "../pool/pool.ts";
import { OrderedMemory } from "./ordered_memory.ts";
import {
  AGENT_ANNOUNCED,
  agentWord,
  HAZARD_COUNT,
  NO_PAGE,
  TABLE_FREE,
  TABLE_FREE_COUNT,
  TABLE_LOCK,
} from "./page_layout.ts";
import { nextFree } from "./page_space.ts";

/**
 * Clears the words of an agent whose thread has died, and frees the lock of the free list if that
 * thread held it. Does nothing in a pool that is not ordered. Doing it again changes nothing.
 *
 * Called for a thread that is known to be dead, or outside of any step: it would go on changing the
 * list.
 */
export function repairOrderedIndex(pool: Pool, deadAgent: number): void {
  const { ordered } = pool.handle;
  if (ordered === undefined) return;
  const memory = new OrderedMemory(ordered);
  const { table } = memory;
  const at = agentWord(deadAgent);
  for (let i = 0; i < HAZARD_COUNT; i++) Atomics.store(table, at + i, 0);
  // After its slots are repaired: until then a key of it may be about to come.
  Atomics.store(table, at + AGENT_ANNOUNCED, 0);
  if (Atomics.load(table, TABLE_LOCK) !== deadAgent + 1) return;
  let count = 0;
  for (let page = table[TABLE_FREE]; page !== NO_PAGE; count++) {
    assert(count < memory.pageCount, "the list of free pages ends");
    page = nextFree(memory, page);
  }
  table[TABLE_FREE_COUNT] = count;
  Atomics.store(table, TABLE_LOCK, 0);
}
