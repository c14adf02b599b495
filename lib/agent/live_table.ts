/**
 * The tables of a pool that is in use, by which keys come and go.
 *
 * @module
 */
import type { IndexSpace } from "../index/index_space.ts";
import { SlotTable } from "../index/slot_table.ts";
import { isOrdered } from "../ordered/ordered_index.ts";
import { OrderedWriter } from "../ordered/ordered_writer.ts";
import type { Pool } from "../pool/pool.ts";

/**
 * Makes the writer's view of the tables for an agent that adds and removes keys: the order of the
 * keys follows, if the pool has one.
 */
export function liveTable(pool: Pool, space: IndexSpace): SlotTable {
  return new SlotTable(
    pool,
    space,
    isOrdered(pool) ? new OrderedWriter(pool, space.agent) : undefined,
  );
}
