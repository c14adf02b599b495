/**
 * What each thread has done with a store: counted for each operation, of attached threads and of
 * those that have left, too.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { attach, open, type OpenOptions, type OperationStats, type Store } from "../../mod.ts";
import { AttachedThread } from "../support/attached_thread.ts";

const NOTHING: OperationStats = {
  reads: 0,
  hits: 0,
  misses: 0,
  puts: 0,
  deletes: 0,
  updates: 0,
  bytesRead: 0,
  bytesWritten: 0,
};

const PLACES: readonly OpenOptions<string>[] = [
  { capacity: "4MiB", codec: "json" },
  { capacity: "4MiB", codec: "json", cache: "1MiB" },
  { capacity: "4MiB", codec: "json", placement: "far" },
];

/** 100 bytes of JSON. */
const VALUE = "x".repeat(98);

/** What an operation has added to the counters of this thread, which are those of all. */
async function added(store: Store<string>, run: () => unknown): Promise<OperationStats> {
  const before = store.stats().operations;
  const result = run();
  if (result instanceof Promise) await result.catch(() => {});
  const { operations, threads } = store.stats();
  const own = threads.find(({ isThis }) => isThis)!;
  const difference = { ...operations };
  for (const name of Object.keys(operations) as (keyof OperationStats)[]) {
    difference[name as "reads"] = operations[name] - before[name];
    assert.is(own[name], operations[name], name);
  }
  return difference;
}

async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _item of items);
}

for (const options of PLACES) {
  const hit = { reads: 1, hits: 1 };
  const miss = { reads: 1, misses: 1 };
  const put = { puts: 1, bytesWritten: 100 };
  const isCached = options.cache !== undefined;
  const bytes = (count: number) => isCached ? {} : { bytesRead: 100 * count };

  test(`each operation counts (${options.placement ?? "near"}, cache ${options.cache})`, async () => {
    await using store = await open<string>(options);
    assert.equal(store.stats().operations, NOTHING);
    const expect = async (run: () => unknown, expected: Partial<OperationStats>) =>
      assert.equal(await added(store, run), { ...NOTHING, ...expected }, String(run));
    await expect(() => store.put("a", VALUE), put);
    await expect(() => store.putSync("b", VALUE), put);
    await expect(() => store.putMany([["a", VALUE], ["c", VALUE]]), { puts: 2, bytesWritten: 200 });
    await expect(() => store.compareAndSet("a", null, VALUE), put);
    await expect(() => store.compareAndSetSync("d", null, VALUE), put);
    await expect(() => store.put("a", (() => 0) as never), {});
    await expect(() => store.put("", VALUE), {});
    if (isCached) await store.getMany(["a", "b", "c", "d"]);
    await expect(() => store.get("a"), { ...hit, ...bytes(1) });
    await expect(() => store.getSync("a"), { ...hit, ...bytes(1) });
    await expect(() => store.getEntry("a"), { ...hit, ...bytes(1) });
    await expect(() => store.getEntrySync("b"), { ...hit, ...bytes(1) });
    await expect(() => store.get("none"), miss);
    await expect(() => store.getSync("none"), miss);
    await expect(() => store.getEntry("none"), miss);
    await expect(() => store.has("a"), hit);
    await expect(() => store.hasSync("none"), miss);
    const many = { reads: 3, hits: 2, misses: 1, ...bytes(2) };
    await expect(() => store.getMany(["a", "none", "b"]), many);
    for (const consistent of [false, true]) {
      const keys = ["a", "none", "b"];
      // What is read at one moment is not taken from the cache.
      const each = consistent ? { ...many, bytesRead: 200 } : many;
      await expect(() => store.getMany(keys, { consistent }), each);
      await expect(() => store.getManySync(keys, { consistent }), each);
      await expect(() => store.getEntries(keys, { consistent }), each);
      await expect(() => store.getEntriesSync(keys, { consistent }), each);
    }
    await expect(() => store.hasMany(["a", "none", "b"]), { reads: 3, hits: 2, misses: 1 });
    await expect(() => store.hasManySync(["none"]), miss);
    await expect(() => drain(store.entries()), { reads: 4, hits: 4, ...bytes(4) });
    await expect(() => [...store.entriesSync()], { reads: 4, hits: 4, ...bytes(4) });
    await expect(() => drain(store.keys()), { reads: 4, hits: 4 });
    await expect(() => [...store.keysSync()], { reads: 4, hits: 4 });
    await expect(() => store.delete("b"), { deletes: 1 });
    await expect(() => store.deleteSync("b"), { deletes: 1 });
    await expect(() => store.deleteMany(["c", "none"]), { deletes: 2 });
    await expect(() => store.compareAndDelete("a", 1), { deletes: 1 });
    await expect(() => store.update("u", () => VALUE), { updates: 1, bytesWritten: 100 });
    await expect(() => store.getAndDelete("u"), { updates: 1 });
    await expect(() => store.updateSync("u", () => VALUE), { updates: 1, bytesWritten: 100 });
    await expect(() => store.getAndDeleteSync("u"), { updates: 1 });
    await expect(() => store.putManySync([["x:a", VALUE], ["x:b", VALUE]]), {
      puts: 2,
      bytesWritten: 200,
    });
    await expect(() => store.deleteManySync(["none", "x:b"]), { deletes: 2 });
    const view = store.namespace("x:");
    await expect(() => view.put("b", VALUE), put);
    await expect(() => view.has("b"), hit);
    await expect(() => view.clear(), { reads: 2, hits: 2, deletes: 2 });
    await expect(() => store.clear(), {});
    await expect(() => void store.count, {});
  });
}

test("bytes that a cache has to read are counted once", async () => {
  await using store = await open<string>(PLACES[1]!);
  await store.put("a", VALUE);
  assert.is((await added(store, () => store.get("a"))).bytesRead, 100);
  assert.is((await added(store, () => store.get("a"))).bytesRead, 0);
});

test("each attached thread has its own, and what has left is part of the sum", async () => {
  await using store = await open<number>({ capacity: "4MiB" });
  await store.put("a", 1);
  const other = await AttachedThread.start(store.share());
  for (let i = 0; i < 5; i++) await other.call("get", "a");
  await other.call("get", "none");
  await other.call("put", "b", 2);
  const here = await attach<number>(store.share());
  await here.put("c", 3);
  const { operations, threads } = store.stats();
  assert.equal(threads.map(({ client, isThis }) => [client, isThis]), [
    [0, true],
    [1, false],
    [2, false],
  ]);
  assert.equal(threads.map(({ puts, hits, misses }) => [puts, hits, misses]), [
    [1, 0, 0],
    [1, 5, 1],
    [1, 0, 0],
  ]);
  assert.is(operations.puts, 3);
  assert.is(operations.hits, 5);
  assert.is(here.stats().threads.find(({ isThis }) => isThis)!.client, 2);
  assert.equal(here.stats().operations, operations);
  await here.close();
  assert.is(store.stats().operations.puts, 3);
  assert.is(store.stats().threads.length, 2);
  // The next thread that has the place begins anew.
  const next = await attach<number>(store.share());
  const own = next.stats().threads.find(({ isThis }) => isThis)!;
  assert.equal({ ...own }, { ...NOTHING, client: 2, isThis: true });
  await next.close();
  await other.terminate();
});

test.run();
