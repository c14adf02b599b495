/**
 * Whether the pool of a simulation knows the order of its keys: half of them do, by their seeds.
 *
 * @module
 */
import { addOrderedIndex } from "../../lib/ordered/ordered_index.ts";
import type { Pool } from "../../lib/pool/pool.ts";

/** Gives an empty pool an order of its keys, or not. */
export function orderSome(pool: Pool, seed: number, isOrdered = isOrderedBy(seed)): void {
  if (isOrdered) addOrderedIndex(pool);
}

/** Whether the pool of a seed has one; what else is decided by a seed does not depend on it. */
export function isOrderedBy(seed: number): boolean {
  return ((seed >>> 3) & 1) === 0;
}
