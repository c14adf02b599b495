/**
 * When the threads of KNs are started: not before there is more to do than the threads do
 * themselves that ask for it.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LifeState, lifeState } from "../../lib/agent/liveness.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { checkHandle } from "../../lib/store/parts/handle.ts";
import { attach, open, type OpenOptions, type Store } from "../../mod.ts";
import { until } from "../support/store_suite.ts";
import { temporaryPath } from "../support/temporary.ts";

const OPTIONS = { capacity: "1MiB", segmentBytes: "16KiB" } as const;
/** More than a client executes itself. */
const BURST = 300;

/** Whether the thread of the only KN was started. */
function isStarted(store: Store<unknown>): boolean {
  const pool = Pool.attach(checkHandle(store.share()).pool);
  return lifeState(pool, pool.agentAt(0)) !== LifeState.NONE;
}

async function burst(store: Store<number>): Promise<void> {
  await Promise.all(Array.from({ length: BURST }, (_, i) => store.put(`key ${i}`, i)));
}

const STORES: readonly (readonly [string, () => OpenOptions<number>])[] = [
  ["in memory", () => OPTIONS],
  ["logged", () => ({ ...OPTIONS, path: temporaryPath() })],
  ["synced", () => ({ ...OPTIONS, path: temporaryPath(), durability: "disk" })],
];

for (const [name, options] of STORES) {
  test(`a store that is opened for a few operations starts no thread: ${name}`, async () => {
    const given = options();
    const store = await open<number>(given);
    const attached = await attach<number>(store.share());
    for (let i = 0; i < 100; i++) await store.put(`key ${i}`, i);
    await Promise.all([1, 2, 3].map((i) => attached.update(`key ${i}`, (old) => old! + 1)));
    await store.deleteMany(["key 4", "key 5"]);
    store.putSync("key 6", 600);
    assert.equal([await store.get("key 1"), attached.getSync("key 6")], [2, 600]);
    assert.not(isStarted(store));
    await attached.close();
    await store.close();
    if (given.path === undefined) return;
    await using again = await open<number>({ path: given.path });
    assert.is(again.count, 98);
    assert.not(isStarted(again));
  });

  test(`a burst starts the thread, and a store that is closed meanwhile loses nothing: ${name}`, async () => {
    const given = options();
    const store = await open<number>(given);
    void burst(store);
    await store.close();
    if (given.path !== undefined) {
      await using again = await open<number>({ path: given.path });
      assert.is(again.count, BURST);
    }
    await using other = await open<number>(options());
    await burst(other);
    assert.ok(isStarted(other));
  });
}

test("bursts of a thread that has attached start it, too", async () => {
  await using store = await open<number>(OPTIONS);
  await using attached = await attach<number>(store.share());
  await until(async () => {
    await burst(attached);
    return isStarted(store);
  });
});

test.run();
