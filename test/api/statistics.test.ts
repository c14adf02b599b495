/**
 * The option `statistics`: what `stats()` says about latencies, occupancy and keys, and that
 * nothing of it is there without it.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { attach, type Key, open, type StatisticsWindow, type Store } from "../../mod.ts";
import { AttachedThread } from "../support/attached_thread.ts";
import { until } from "../support/store_suite.ts";
import { applied } from "../support/versions.ts";

const NO_KEYS = { total: 0, keys: [] };
const SIZES = { capacity: "2MiB", segmentBytes: "16KiB" } as const;

/** The first window that has ended and is as it should be. */
async function windowWith(
  store: Store<number, Key>,
  isIt: (window: StatisticsWindow) => boolean,
  work: () => unknown = () => {},
): Promise<StatisticsWindow> {
  let found: StatisticsWindow | undefined;
  await until(async () => {
    await work();
    const { window } = store.stats();
    if (window !== undefined && isIt(window)) found = window;
    return found !== undefined;
  });
  return found!;
}

test("latencies, occupancy and hot keys of the host and of attached threads", async () => {
  await using store = await open<number>({ ...SIZES, keys: "mixed", nodes: 2, statistics: true });
  assert.is(store.stats().window, undefined, "no window has ended");
  const thread = await AttachedThread.start(store.share());
  const bytes = new Uint8Array([1, 2, 3]);
  const work = async () => {
    for (let i = 0; i < 20; i++) {
      await store.put("hot", i);
      await store.put(`cold ${i}`, i);
      if (i % 4 === 0) await store.put(bytes, i);
      store.getSync("read");
    }
    await thread.call("putSync", "attached", 1);
    await thread.call("getSync", "attached");
  };
  const knows = (keys: readonly { key: unknown }[], key: string) =>
    keys.some((known) => known.key === key);
  const window = await windowWith(
    store,
    ({ requestedKeys, readKeys }) =>
      requestedKeys.total >= 100 && knows(requestedKeys.keys, "attached") &&
      knows(readKeys.keys, "attached") && knows(readKeys.keys, "read"),
    work,
  );
  const { requestedKeys, readKeys, nodes } = window;
  assert.is(requestedKeys.keys[0]!.key, "hot");
  assert.ok(requestedKeys.keys[0]!.count > requestedKeys.keys[1]!.count);
  assert.ok(requestedKeys.keys[0]!.meanMicros! > 0);
  const { count, error, writeCount } = requestedKeys.keys[0]!;
  assert.is(writeCount, count - error, "it is put only");
  assert.is(readKeys.keys[0]!.key, "read");
  assert.ok(!knows(readKeys.keys, "hot"), "it was not read");
  assert.equal(requestedKeys.keys.find(({ key }) => key instanceof Uint8Array)!.key, bytes);
  assert.ok(window.sampledCount > 0 && window.sampledCount <= requestedKeys.total);
  assert.ok(window.meanMicros! > 0 && window.p99Micros! > 0);
  assert.equal(nodes.map(({ node }) => node), store.stats().nodes.map(({ id }) => id));
  for (const { occupancy } of nodes) assert.ok(occupancy! > 0 && occupancy! <= 1);
  await thread.call("close");
  await thread.terminate();
  const isIdle = ({ sampledCount, readKeys }: StatisticsWindow) =>
    sampledCount + readKeys.total === 0;
  const idle = await windowWith(store, isIdle);
  assert.equal([idle.meanMicros, idle.p99Micros], [undefined, undefined]);
  assert.equal([idle.requestedKeys, idle.readKeys], [NO_KEYS, NO_KEYS]);
  // A KN looks for expired records now and then.
  for (const { occupancy } of idle.nodes) assert.ok(occupancy! < 0.15, `${occupancy}`);
});

test("reads and writes of a key of a far pool are counted apart", async () => {
  await using store = await open<number>({
    ...SIZES,
    keys: "mixed",
    placement: "far",
    roundTripMicros: 0,
    statistics: true,
  });
  const window = await windowWith(
    store,
    ({ requestedKeys }) => requestedKeys.total >= 100,
    async () => {
      await store.put("key", 1);
      for (let i = 0; i < 9; i++) await store.get("key");
    },
  );
  const [{ count, writeCount } = { count: 0, writeCount: 0 }] = window.requestedKeys.keys;
  assert.ok(writeCount > 0 && writeCount < count / 4, `${writeCount} of ${count}`);
});

test("what is written is what is read, as it is without", async () => {
  await using store = await open<number>({ ...SIZES, keys: "mixed", statistics: true });
  const large = new Array<number>(3000).fill(7);
  for (let i = 0; i < 2000; i++) void store.put(`key ${i}`, i);
  await store.put("large", large as unknown as number);
  assert.is(await applied(store.compareAndSet("key 1", null, 5)), false);
  assert.is(await store.delete("key 2"), true);
  assert.is(await store.delete("key 2"), false);
  assert.is(await store.increment("key 3", 10), 13);
  assert.equal(store.getSync("large"), large);
  assert.is(store.getSync("key 2"), undefined);
  assert.is(store.count, 2000);
  // What is refused is not timed for ever: there is a bounded number of timers.
  for (let i = 0; i < 10_000; i++) {
    const refused = store.put("too large", new Uint8Array(20_000) as unknown as number);
    await refused.then(() => assert.unreachable(), () => {});
  }
  const other = await attach<number>(store.share());
  // In a window that had not begun yet.
  const first = (store.stats().window?.number ?? -1) + 2;
  const { sampledCount } = await windowWith(
    store,
    ({ number, sampledCount }) => number >= first && sampledCount > 0,
    () => store.put("a", 1),
  );
  assert.ok(sampledCount > 0);
  assert.is(other.stats().window, undefined, "windows are the host's");
  await other.close();
});

test("without the option there is no window", async () => {
  await using store = await open<number>(SIZES);
  await store.put("a", 1);
  assert.is(store.stats().window, undefined);
});

test.run();
