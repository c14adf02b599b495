/**
 * The number of keys as a sum that agents keep: it is that of the slots, whatever died in between.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_ADDRESS } from "../../lib/core/brands.ts";
import { IndexSpace } from "../../lib/index/index_space.ts";
import { keyCount, keysOfSlot, keysOfSlots, recountKeys } from "../../lib/index/key_count.ts";
import { SlotTable } from "../../lib/index/slot_table.ts";
import {
  AGENT_KEYS_ADDED,
  KEY_COUNT_IS_DOUBTFUL,
  SLOT_RECORD_COUNT,
} from "../../lib/pool/control_layout.ts";
import { repairPool } from "../../lib/recovery/reconciliation.ts";
import { createRing } from "../../lib/rings/ring_layout.ts";
import { PoolFixture } from "../support/pool_fixture.ts";
import { seeded } from "../support/random.ts";

const VALUE = new Uint8Array(8);

function makeStored(count: number): PoolFixture {
  const fixture = new PoolFixture();
  for (let i = 0; i < count; i++) assert.ok(fixture.put(`key ${i}`, VALUE));
  return fixture;
}

function repair({ pool }: PoolFixture): void {
  assert.ok(repairPool({ pool, deaths: [], ringOf: () => createRing(4096, 16) }));
}

test(
  "what several agents add and remove adds up",
  seeded((random) => {
    const fixture = makeStored(0);
    const { pool } = fixture;
    const tables = [0, 5, 66].map((agent) => new SlotTable(pool, new IndexSpace(pool, agent)));
    const kept = new Map<string, number>();
    for (let step = 0; step < 600; step++) {
      const key = `key ${random.below(60)}`;
      const table = tables[random.below(3)]!;
      const hash = fixture.encode(key).hash;
      const slotAt = fixture.slotAt(hash);
      const address = kept.get(key);
      if (address === undefined) {
        const record = fixture.append(key, VALUE);
        if (record === NO_ADDRESS) break;
        assert.ok(table.insert(slotAt, hash, record));
        kept.set(key, record);
      } else {
        assert.ok(table.findAddress(slotAt, hash, address as never));
        table.remove(slotAt);
        kept.delete(key);
      }
      assert.is(keyCount(pool), kept.size);
      assert.is(keysOfSlots(pool), kept.size);
    }
  }),
);

test("a key is counted before a reader can find it, and until none can", () => {
  const fixture = makeStored(0);
  const { pool } = fixture;
  const { store } = Atomics;
  const seen: number[] = [];
  const slot = () => (fixture.encode("a").hash >>> 20) as never;
  const address = fixture.append("a", VALUE);
  const { hash } = fixture.encode("a");
  // deno-lint-ignore no-explicit-any
  Atomics.store = ((words: any, at: number, value: any) => {
    if (value === address) seen.push(keysOfSlot(pool, slot()));
    if (value === NO_ADDRESS && words[at] === address) seen.push(keysOfSlot(pool, slot()));
    return store(words, at, value);
  }) as typeof Atomics.store;
  try {
    assert.ok(fixture.table.insert(fixture.slotAt(hash), hash, address));
    assert.ok(fixture.table.findAddress(fixture.slotAt(hash), hash, address));
    fixture.table.remove(fixture.slotAt(hash));
  } finally {
    Atomics.store = store;
  }
  assert.equal(seen, [1, 1]);
  assert.is(keysOfSlot(pool, slot()), 0);
});

for (const [what, slotAhead] of [["before it has counted", 0], ["in the middle", 1]] as const) {
  test(`an agent dies ${what}: the count is right from the repair on`, () => {
    const fixture = makeStored(20);
    const { pool, table } = fixture;
    // The pair is there, and the slot's count may be; the agent's is not.
    const { hash } = fixture.encode("key 7");
    const slotAt = fixture.slotAt(hash);
    pool.control[pool.agentAt(0) + AGENT_KEYS_ADDED] -= 1;
    pool.control[slotAt + SLOT_RECORD_COUNT] -= 1 - slotAhead;
    table.repair(slotAt);
    assert.is(keyCount(pool), 20, "the slots are asked");
    assert.ok(fixture.put("one more", VALUE));
    assert.is(keyCount(pool), 21);
    repair(fixture);
    assert.is(pool.control[KEY_COUNT_IS_DOUBTFUL], 0, "the sum is used again");
    assert.is(keyCount(pool), 21);
    assert.ok(fixture.put("another", VALUE));
    assert.is(keyCount(pool), 22);
  });
}

test("a pool that was restored is counted once", () => {
  const fixture = makeStored(20);
  const { pool } = fixture;
  pool.control[pool.agentAt(0) + AGENT_KEYS_ADDED] = 0;
  recountKeys(pool);
  assert.is(keyCount(pool), 20);
  assert.ok(fixture.put("one more", VALUE));
  assert.is(keyCount(pool), 21);
});

test.run();
