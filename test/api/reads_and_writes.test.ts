/**
 * Values go in and come out: one at a time, many at a time, awaited and at once.
 *
 * @module
 */
import * as assert from "uvu/assert";
import { storeSuite } from "../support/store_suite.ts";

const test = storeSuite("reads and writes");

test("a key that was never put does not exist", async (store) => {
  assert.is(await store.get("a"), undefined);
  assert.is(store.getSync("a"), undefined);
  assert.is(await store.getEntry("a"), undefined);
  assert.is(store.getEntrySync("a"), undefined);
  assert.is(await store.has("a"), false);
  assert.is(store.hasSync("a"), false);
  assert.is(await store.delete("a"), false);
  assert.is(store.deleteSync("a"), false);
  assert.is(store.count, 0);
});

test("a value that was put is there for every kind of read", async (store) => {
  const version = await store.put("a", { n: 1 });
  assert.equal(await store.get("a"), { n: 1 });
  assert.equal(store.getSync("a"), { n: 1 });
  assert.equal(await store.getEntry("a"), { value: { n: 1 }, version });
  assert.equal(store.getEntrySync("a"), { value: { n: 1 }, version });
  assert.is(await store.has("a"), true);
  assert.is(store.hasSync("a"), true);
  assert.is(store.count, 1);
});

test("a put replaces, a delete removes", async (store) => {
  await store.put("a", 1);
  await store.put("a", "two");
  assert.is(await store.get("a"), "two");
  assert.is(store.count, 1);
  assert.is(await store.delete("a"), true);
  assert.is(await store.get("a"), undefined);
  assert.is(await store.delete("a"), false);
  assert.is(store.count, 0);
  await store.put("a", 3);
  assert.is(await store.get("a"), 3);
});

test("the synchronous operations do the same", async (store) => {
  assert.is(store.putSync("a", 1), store.getEntrySync("a")!.version);
  assert.is(store.getSync("a"), 1);
  store.putSync("a", [2]);
  assert.equal(await store.get("a"), [2]);
  assert.is(store.deleteSync("a"), true);
  assert.is(store.deleteSync("a"), false);
  assert.is(await store.get("a"), undefined);
});

test("null is a value, undefined is not", async (store) => {
  for (const value of [null, false, 0, "", [], {}, NaN]) {
    await store.put("a", value);
    assert.equal(await store.get("a"), value);
    assert.is(await store.has("a"), true);
  }
});

test("values of all types come back", async (store) => {
  const value = {
    text: "é日🦖",
    big: 2n ** 80n,
    at: new Date(5),
    map: new Map<unknown, unknown>([[1, new Set(["x"])]]),
    bytes: Uint8Array.of(1, 2, 3),
    list: [1.5, -1, null, true, undefined],
  };
  await store.put("a", value);
  assert.equal(await store.get("a"), value);
  assert.equal(store.getSync("a"), value);
});

test("a value that was read is the reader's own", async (store) => {
  await store.put("a", { list: [1], bytes: Uint8Array.of(1) });
  const first = store.getSync("a") as { list: number[]; bytes: Uint8Array };
  first.list.push(2);
  first.bytes[0] = 9;
  assert.equal(store.getSync("a"), { list: [1], bytes: Uint8Array.of(1) });
});

test("a value is encoded when it is put, not later", async (store) => {
  const value = { n: 1, bytes: Uint8Array.of(1) };
  const done = store.put("a", value);
  value.n = 2;
  value.bytes[0] = 2;
  await done;
  assert.equal(await store.get("a"), { n: 1, bytes: Uint8Array.of(1) });
});

test("keys of every kind", async (store) => {
  const keys = [
    "a",
    " ",
    "\0",
    "\0\0",
    "constructor",
    "__proto__",
    "é",
    "日本語",
    "🦖",
    "\ufeffbom",
    "x".repeat(2048),
    "é".repeat(512),
    Uint8Array.of(0x80),
    Uint8Array.of(255, 254),
    new Uint8Array(2048).fill(7),
  ];
  for (const [i, key] of keys.entries()) await store.put(key, i);
  for (const [i, key] of keys.entries()) assert.is(await store.get(key), i, `key ${i}`);
  assert.is(store.count, keys.length);
  for (const key of keys) assert.is(await store.delete(key), true);
  assert.is(store.count, 0);
});

test("a string and its bytes are one key", async (store) => {
  await store.put("naïve", 1);
  assert.is(await store.get(new TextEncoder().encode("naïve")), 1);
  await store.put(new TextEncoder().encode("naïve"), 2);
  assert.is(await store.get("naïve"), 2);
  assert.is(store.count, 1);
});

test("getMany answers in the order of the keys, twice if asked twice", async (store) => {
  await store.putMany([["a", 1], ["b", 2], ["c", 3]]);
  assert.equal(await store.getMany(["c", "x", "a", "a"]), [3, undefined, 1, 1]);
  assert.equal(await store.getMany(new Set(["b"])), [2]);
  assert.equal(await store.getMany([]), []);
  const keys = function* () {
    yield "b";
    yield new TextEncoder().encode("c");
  };
  assert.equal(await store.getMany(keys()), [2, 3]);
});

test("putMany takes every iterable of pairs; the last one wins", async (store) => {
  assert.is(await store.putMany([]), undefined);
  await store.putMany(new Map<string, unknown>([["a", 1], ["b", 2]]));
  await store.putMany([["a", 3], ["c", 4], ["a", 5]]);
  assert.equal(await store.getMany(["a", "b", "c"]), [5, 2, 4]);
  await store.putMany(
    (function* (): Generator<[string, number]> {
      for (let i = 0; i < 500; i++) yield [`many ${i}`, i];
    })(),
  );
  for (let i = 0; i < 500; i++) assert.is(store.getSync(`many ${i}`), i);
  assert.is(store.count, 503);
});

test("deleteMany says which of them existed", async (store) => {
  await store.putMany([["a", 1], ["b", 2], ["c", 3]]);
  assert.equal(await store.deleteMany(["a", "x", "b", "a"]), [true, false, true, false]);
  assert.equal(await store.deleteMany([]), []);
  assert.equal(await store.getMany(["a", "b", "c"]), [undefined, undefined, 3]);
});

test("versions of a key only grow, also when it was deleted in between", async (store) => {
  let last = -1;
  for (let i = 0; i < 50; i++) {
    await store.put("a", i);
    const { version } = (await store.getEntry("a"))!;
    assert.ok(Number.isInteger(version) && version > last, `${version} after ${last}`);
    last = version;
    if (i % 3 === 0) await store.delete("a");
  }
});

test("an entry without a ttl has no expiry time", async (store) => {
  await store.put("a", 1);
  assert.equal(Object.keys((await store.getEntry("a"))!).sort(), ["value", "version"]);
});

test("thousands of keys", (store) => {
  for (let i = 0; i < 3000; i++) store.putSync(`key ${i}`, i);
  for (let i = 0; i < 3000; i++) assert.is(store.getSync(`key ${i}`), i);
  for (let i = 0; i < 3000; i += 2) assert.is(store.deleteSync(`key ${i}`), true);
  for (let i = 0; i < 3000; i++) {
    assert.is(store.getSync(`key ${i}`), i % 2 === 0 ? undefined : i, `key ${i}`);
  }
  assert.is(store.count, 1500);
});

test("flush resolves when everything issued has ended", async (store) => {
  let ended = 0;
  for (let i = 0; i < 100; i++) void store.put(`key ${i}`, i).then(() => ended += 1);
  assert.ok(store.stats().pending > 0);
  await store.flush();
  assert.is(store.stats().pending, 0);
  await Promise.resolve();
  assert.is(ended, 100);
  await store.flush();
});

test.run();
