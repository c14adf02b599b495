/**
 * What happens when the pool is full: puts are refused, or what was not read for long is dropped.
 * The words are constant after creation, so every thread of a pool agrees.
 *
 * @module
 */
import { ENTRIES_MAX, WHEN_FULL } from "./control_layout.ts";
import { isLogged } from "./durability.ts";
import type { Pool } from "./pool.ts";

/** Values of the word WHEN_FULL. */
export const WhenFull = { REFUSE: 0, EVICT: 1 } as const;

/**
 * Makes a pool a cache, before any other thread sees it.
 *
 * @param entriesMax most keys that it may hold; 0 if only its bytes are bounded
 * @param ghostWords words of the table of ghosts, a power of two
 * @param ghostWordsMax words of it when the pool has all of its segments
 */
export function evictWhenFull(
  pool: Pool,
  entriesMax: number,
  ghostWords: number,
  ghostWordsMax: number = ghostWords,
): void {
  pool.control[WHEN_FULL] = WhenFull.EVICT;
  pool.control[ENTRIES_MAX] = entriesMax;
  pool.addGhosts(ghostWords, ghostWordsMax);
}

/** Whether a pool drops records when it is full. */
export function evicts(pool: Pool): boolean {
  return pool.control[WHEN_FULL] === WhenFull.EVICT;
}

/**
 * Whether a key that is not there may come back in a crash: what is dropped is not logged, so the
 * newest checkpoint may still have it. It comes back as it was, which does no harm to a cache; but
 * it must not once a client has deleted it. So here deletes are logged of keys that are not there,
 * too, and slots are cleared that seem to be empty.
 */
export function mayComeBack(pool: Pool): boolean {
  return evicts(pool) && isLogged(pool);
}

/** Most keys that a pool may hold; 0 if only its bytes are bounded. */
export function entriesMax(pool: Pool): number {
  return pool.control[ENTRIES_MAX];
}
