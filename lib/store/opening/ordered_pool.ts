/**
 * Gives a pool that was created or restored an order of its keys, before any other thread sees it.
 *
 * The order is nowhere in the files. It is found from the index: its records are sorted by their
 * keys, and the tree is built from left to right.
 *
 * @module
 */
import type { PoolAddress, Slot } from "../../core/brands.ts";
import { PoolFullError } from "../../core/errors.ts";
import { SLOT_COUNT } from "../../core/limits.ts";
import { IndexSpace } from "../../index/index_space.ts";
import { keysOfSlots } from "../../index/key_count.ts";
import { SlotTable } from "../../index/slot_table.ts";
import { KeySort } from "../../ordered/key_sort.ts";
import { addOrderedIndex } from "../../ordered/ordered_index.ts";
import { TreeLoader } from "../../ordered/tree_loader.ts";
import { loopTurn } from "../../platform/loop_turn.ts";
import { AGENT_HOST } from "../../pool/control_layout.ts";
import type { Pool } from "../../pool/pool.ts";
import type { Progress } from "./opening_progress.ts";

/** Share of the time that sorting takes; the rest is for building. */
const SORTING_SHARE = 0.7;
/** Keys that are added in a step. */
const KEYS_PER_STEP = 1024;
/** A step costs as much as so many bytes that are copied, or much more. */
const STEP_BYTES = 64 * 1024;

/**
 * Orders the keys of a pool, and lets the event loop have its turns meanwhile.
 *
 * @param onProgress called with the share that is done, from 0 to 1
 * @throws {PoolFullError} when the operating system has no memory for the order
 */
export async function orderPool(pool: Pool, onProgress: Progress): Promise<void> {
  for (const share of orderInSteps(pool)) {
    if (!loopTurn.count(STEP_BYTES)) continue;
    onProgress(share);
    await loopTurn.next();
  }
  onProgress(1);
}

/**
 * The same in steps, each of which yields the share that is done.
 *
 * @throws {PoolFullError} as {@linkcode orderPool} does
 */
export function* orderInSteps(pool: Pool): IterableIterator<number> {
  addOrderedIndex(pool);
  const records = recordsOf(pool);
  const { length } = records;
  const sort = new KeySort(pool, records);
  const open = length === 0 ? [] : [{ from: 0, to: length, offset: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    sort.split(next, open);
    // They are taken from the end: what lies behind is sorted.
    yield SORTING_SHARE * (1 - next.to / length);
  }
  const loader = new TreeLoader(pool);
  for (let i = 0; i < length; i++) {
    if (!loader.add(records[i] as PoolAddress)) throw new PoolFullError(NO_MEMORY);
    if (i % KEYS_PER_STEP === 0) yield SORTING_SHARE + (1 - SORTING_SHARE) * i / length;
  }
  if (!loader.finish()) throw new PoolFullError(NO_MEMORY);
}

const NO_MEMORY = "the operating system has no memory for the order of the keys";

/** The records that the index points at, in the order in which they lie in the log. */
function recordsOf(pool: Pool): Int32Array {
  const table = new SlotTable(pool, new IndexSpace(pool, AGENT_HOST));
  const records = new Int32Array(keysOfSlots(pool));
  let count = 0;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    table.forEach(pool.slotAt(slot as Slot), (address) => {
      records[count++] = address;
    });
  }
  new Uint32Array(records.buffer).sort();
  return records;
}
