/**
 * Fills one slot after the other, a key at a time, so that tables double, chains grow, and doubling
 * compacts them; deletes keys and puts them again in between.
 *
 * @module
 */
import { indexBytes } from "../../lib/index/index_space.ts";
import { sleepSync } from "../../lib/platform/sleep_sync.ts";
import { Pool, type PoolHandle } from "../../lib/pool/pool.ts";
import { opponent } from "./outcome_race.ts";
import { mixBelow } from "./outcome_random.ts";
import {
  isVolatile,
  packTableProgress,
  TABLE_KEYS,
  TABLE_ROUNDS_MAX,
  tableHash,
  tableKey,
  tableValue,
} from "./outcome_table_keys.ts";
import { PoolFixture } from "./pool_fixture.ts";

/** What it is given. */
export interface TablesData {
  readonly pool: PoolHandle;
  /** One word, see `packTableProgress`. */
  readonly progress: SharedArrayBuffer;
}

/** What it did. */
export interface TablesReport {
  readonly rounds: number;
  /** Times that a doubling returned overflow buckets. */
  readonly compactions: number;
}

opponent<TablesData>(({ pool: handle, progress: buffer }, turns): TablesReport => {
  const pool = Pool.attach(handle);
  const fixture = PoolFixture.over(pool);
  const progress = new Int32Array(buffer);
  let compactions = 0;
  let freeSeen = 0;
  const absent = new Set<number>();
  // Made ahead: the fewer other things the writer does, the more of the race is about the table.
  const keys = Array.from({ length: TABLE_KEYS }, (_, i) => tableKey(i));

  function put(round: number, i: number): void {
    if (!fixture.put(keys[i], tableValue(round, i), tableHash(round, i))) {
      throw new Error(`the pool is full in round ${round}, at key ${i}`);
    }
  }

  /** Deletes a volatile key, or puts it back. */
  function toggle(round: number, i: number): void {
    if (absent.delete(i)) return put(round, i);
    absent.add(i);
    if (!fixture.delete(keys[i], tableHash(round, i))) {
      throw new Error(`key ${i} of round ${round} was lost`);
    }
  }

  let round = 0;
  while (turns.next()) {
    if (round === TABLE_ROUNDS_MAX) {
      sleepSync(0.1);
      continue;
    }
    absent.clear();
    for (let i = 0; i < TABLE_KEYS && !turns.isAborted; i++) {
      put(round, i);
      Atomics.store(progress, 0, packTableProgress(round, i + 1));
      const other = mixBelow(round, i, 8 * (i + 1));
      if (other <= i && isVolatile(other)) toggle(round, other);
      const { free } = indexBytes(pool);
      if (free > freeSeen) compactions += 1;
      freeSeen = free;
    }
    round += 1;
  }
  return { rounds: round, compactions };
});
