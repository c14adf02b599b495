/**
 * Iterating, counting and clearing.
 *
 * @module
 */
import * as assert from "uvu/assert";
import type { Key, Store } from "../../mod.ts";
import { contentsOf, storeSuite } from "../support/store_suite.ts";

const test = storeSuite("iteration");

async function keysOf(store: Store<unknown, Key>, prefix?: Key): Promise<Key[]> {
  const keys: Key[] = [];
  for await (const key of store.keys(prefix === undefined ? undefined : { prefix })) keys.push(key);
  return keys;
}

test("an empty store has nothing to iterate over", async (store) => {
  assert.equal(await contentsOf(store), []);
  assert.equal(await keysOf(store), []);
  for await (const value of store.values()) assert.unreachable(String(value));
});

test("every key once, with its value", async (store) => {
  const expected: [string, number][] = [];
  for (let i = 0; i < 1200; i++) {
    void store.put(`key ${String(i).padStart(4, "0")}`, i);
    expected.push([`key ${String(i).padStart(4, "0")}`, i]);
  }
  assert.equal(await contentsOf(store), expected);
  assert.equal((await keysOf(store)).sort(), expected.map(([key]) => key));
  const values: unknown[] = [];
  for await (const value of store.values()) values.push(value);
  assert.equal((values as number[]).sort((a, b) => a - b), expected.map(([, value]) => value));
});

test("a key that was waited for is read, and not what others read meanwhile", async (store) => {
  const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`);
  await store.putMany(keys.map((key) => [key, key]));
  const entries = store.entries()[Symbol.asyncIterator]();
  for (let next = await entries.next(); !next.done;) {
    assert.is(next.value[1], next.value[0]);
    // All of them are on their way, and their ends are learned of together.
    const puts = keys.map((key) => store.put(key, key));
    const reading = entries.next();
    const gets = keys.map((key) => store.get(key));
    next = await reading;
    assert.equal(await Promise.all(gets), keys);
    await Promise.all(puts);
  }
});

test("a prefix selects, as a string or as bytes", async (store) => {
  const keys = ["user:1", "user:2", "user:10", "users", "use", "other", "日本", "日曜"];
  await store.putMany(keys.map((key) => [key, key]));
  const cases: readonly [Key, string[]][] = [
    ["user:", ["user:1", "user:10", "user:2"]],
    ["user:1", ["user:1", "user:10"]],
    ["use", ["use", "user:1", "user:10", "user:2", "users"]],
    ["users", ["users"]],
    ["日", ["日曜", "日本"]],
    ["", keys],
    ["user:1000", []],
    ["x".repeat(2000), []],
    [new TextEncoder().encode("日").subarray(0, 1), ["日曜", "日本"]],
  ];
  for (const [prefix, expected] of cases) {
    assert.equal((await keysOf(store, prefix)).sort(), expected.toSorted(), String(prefix));
  }
});

test("keys come back as they were put: text as text, bytes as bytes", async (store) => {
  const text = ["plain", "é日🦖", "\ufeffbom", "\0", " "];
  const bytes = [Uint8Array.of(0xff), Uint8Array.of(1, 0, 2), new TextEncoder().encode("bytes")];
  for (const key of [...text, ...bytes]) await store.put(key, 1);
  const keys = await keysOf(store);
  assert.equal(keys.filter((key) => typeof key === "string").sort(), text.toSorted());
  const binary = keys.filter((key) => typeof key !== "string").map((key) => [...key]);
  assert.equal(binary.sort(), bytes.map((key) => [...key]).sort());
  for (const key of keys) assert.is(await store.get(key), 1);
});

test("the key names that a codec keeps in the store are not the application's", async (store) => {
  await store.put("a", { some: 1, names: 2 });
  await store.put("b", { other: 1, names: 2 });
  assert.equal((await keysOf(store)).sort(), ["a", "b"]);
  assert.is(store.count, 2);
  await store.clear();
  assert.is(store.count, 0);
  await store.put("c", { some: 3, names: 4 });
  assert.equal(await store.get("c"), { some: 3, names: 4 });
  assert.is(store.count, 1);
});

test("an iteration sees what was issued before it began", async (store) => {
  for (let i = 0; i < 50; i++) void store.put(`key ${i}`, i);
  for (let i = 0; i < 50; i += 2) void store.delete(`key ${i}`);
  assert.is((await keysOf(store)).length, 25);
});

test("keys that stay are seen exactly once, whatever else comes and goes", async (store) => {
  for (let i = 0; i < 400; i++) void store.put(`stays ${i}`, i);
  await store.flush();
  const seen = new Map<string, number>();
  let step = 0;
  for await (const [key, value] of store.entries()) {
    seen.set(String(key), (seen.get(String(key)) ?? 0) + 1);
    if (String(key).startsWith("stays")) assert.is(`stays ${value}`, key);
    step += 1;
    void store.put(`comes ${step % 500}`, -1);
    void store.put(`stays ${(step * 7) % 400}`, (step * 7) % 400);
    if (step % 3 === 0) void store.delete(`comes ${(step * 5) % 500}`);
  }
  for (let i = 0; i < 400; i++) assert.is(seen.get(`stays ${i}`), 1, `stays ${i}`);
});

test("the value is the one at the moment at which it is yielded", async (store) => {
  await store.putMany(Array.from({ length: 100 }, (_, i) => [`key ${i}`, "old"]));
  let isFirst = true;
  for await (const [key, value] of store.entries()) {
    if (isFirst) {
      assert.is(value, "old");
      isFirst = false;
      for (let i = 0; i < 100; i++) store.putSync(`key ${i}`, "new");
    } else {
      assert.is(value, "new", String(key));
    }
  }
  assert.is(isFirst, false);
});

test("an iteration can be left early, and several run at once", async (store) => {
  await store.putMany(Array.from({ length: 100 }, (_, i) => [`key ${i}`, i]));
  let seen = 0;
  for await (const _key of store.keys()) {
    if (++seen === 10) break;
  }
  const [one, other] = await Promise.all([keysOf(store), keysOf(store)]);
  assert.is(one.length, 100);
  assert.equal(one, other);
});

test("a synchronous iteration gives the same, without a turn of the event loop", async (store) => {
  assert.equal([...store.entriesSync()], []);
  for (let i = 0; i < 600; i++) void store.put(`key ${i}`, i);
  for (let i = 0; i < 600; i += 2) void store.delete(`key ${i}`);
  void store.update("key 1", (old) => Number(old) + 0.5);
  let ticks = 0;
  void Promise.resolve().then(() => ticks += 1);
  const entries = [...store.entriesSync()];
  const keys = [...store.keysSync()];
  const values = [...store.valuesSync()];
  assert.is(ticks, 0);
  assert.is(entries.length, 300);
  assert.is(new Map(entries).get("key 1"), 1.5);
  assert.equal(entries.sort(), await contentsOf(store));
  assert.equal(keys.sort(), entries.map(([key]) => key));
  assert.equal(new Set(values), new Set(entries.map(([, value]) => value)));
  assert.is(values.length, 300);
  const tens = [...store.keysSync({ prefix: "key 10" })].map(String).sort();
  assert.equal(tens, ["key 101", "key 103", "key 105", "key 107", "key 109"]);
});

test("a synchronous iteration yields the value of the moment, and can be left", async (store) => {
  await store.putMany(Array.from({ length: 100 }, (_, i) => [`key ${i}`, "old"]));
  let seen = 0;
  for (const [key, value] of store.entriesSync()) {
    assert.is(value, seen === 0 ? "old" : "new", String(key));
    if (seen++ === 0) { for (let i = 0; i < 100; i++) store.putSync(`key ${i}`, "new"); }
    if (seen === 50) break;
  }
  assert.is(seen, 50);
  for (const value of store.valuesSync()) assert.is(value, "new");
});

test("clear deletes everything that was issued before it", async (store) => {
  for (let i = 0; i < 500; i++) void store.put(`key ${i}`, i);
  await store.clear();
  assert.is(store.count, 0);
  assert.equal(await contentsOf(store), []);
  assert.is(await store.get("key 1"), undefined);
  await store.put("key 1", 1);
  assert.is(store.count, 1);
  await store.clear();
  await store.clear();
  assert.is(store.count, 0);
});

test("clear asks KNs for the slots that have keys, no others", async (store) => {
  const requests = () => store.stats().nodes.reduce((sum, node) => sum + node.requests, 0);
  await store.putMany(Array.from({ length: 10 }, (_, i) => [`key ${i}`, i]));
  // Where changes are merged later, they are by now.
  assert.is(store.count, 10);
  const before = requests();
  await store.clear();
  assert.ok(requests() - before <= 11, `${requests() - before} requests`);
  assert.is(store.count, 0);
  const empty = requests();
  await store.clear();
  assert.ok(requests() - empty <= 1);
});

test("clear keeps its place among pipelined operations", async (store) => {
  void store.put("a", 1);
  const cleared = store.clear();
  void store.put("a", 2);
  const entry = store.getEntry("a");
  await cleared;
  assert.is((await entry)?.value, 2);
  assert.equal(await contentsOf(store), [["a", 2]]);
});

test("clear leaves what objects share alone: those put right after it come back", async (store) => {
  for (let i = 0; i < 20; i++) {
    await store.put("a", { [`before ${i}`]: i });
    await store.clear();
    const value = { [`after ${i}`]: i };
    store.putSync("b", value);
    assert.equal(store.getSync("b"), value);
    assert.equal(await store.get("b"), value);
  }
});

test("clear gives space back, and versions still grow", async (store) => {
  await store.put("a", 1);
  const { version } = (await store.getEntry("a"))!;
  // Where changes are merged later, they are by now.
  assert.is(store.count, 1);
  const { liveBytes } = store.stats();
  await store.putMany(Array.from({ length: 300 }, (_, i) => [`key ${i}`, i]));
  await store.clear();
  await store.put("a", 1);
  assert.is(store.count, 1);
  assert.is(store.stats().liveBytes, liveBytes);
  assert.ok((await store.getEntry("a"))!.version > version);
});

test("the count follows every change", async (store) => {
  for (let i = 0; i < 30; i++) {
    await store.put(`key ${i % 10}`, i);
    assert.is(store.count, Math.min(10, i + 1));
  }
  await store.compareAndSet("key 0", null, 1);
  await store.compareAndSet("key 10", null, 1);
  assert.is(store.count, 11);
  await store.deleteMany(["key 0", "key 1", "nothing"]);
  assert.is(store.count, 9);
});

test.run();
