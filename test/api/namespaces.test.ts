/**
 * Namespaces: views of the keys that begin with a prefix.
 *
 * @module
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  attach,
  type Changed,
  DecodeError,
  DELETE,
  InvalidArgumentError,
  InvalidKeyError,
  type Key,
  Namespace,
  open,
  StoreClosedError,
  type StoreOperations,
} from "../../mod.ts";
import { assertRejects, assertThrows, errorOf } from "../support/errors.ts";
import { contentsOf, storeSuite } from "../support/store_suite.ts";
import { assertVersion } from "../support/versions.ts";

const test = storeSuite("namespaces");
const ARGUMENT = { type: InvalidArgumentError, code: "DINOMO_INVALID_ARGUMENT" } as const;
const KEY = { type: InvalidKeyError, code: "DINOMO_INVALID_KEY" } as const;

async function listOf<V, K extends Key>(view: StoreOperations<V, K>): Promise<[string, V][]> {
  const entries: [string, V][] = [];
  for await (const [key, value] of view.entries()) entries.push([String(key), value]);
  return entries.sort(([a], [b]) => a < b ? -1 : 1);
}

test("every operation on keys is one behind the prefix", async (store) => {
  const view = store.namespace<number>("n:");
  assert.instance(view, Namespace);
  assertVersion(await view.put("a", 1));
  assertVersion(view.putSync("b", 2, { ttl: 9e6 }));
  await view.putMany([["c", 3], ["d", 4, { ttl: 9e6 }]]);
  view.putManySync([["e", 5]]);
  const all = [["n:a", 1], ["n:b", 2], ["n:c", 3], ["n:d", 4], ["n:e", 5]];
  assert.equal(await contentsOf(store), all);
  assert.equal([await view.get("a"), view.getSync("b")], [1, 2]);
  for (const consistent of [false, true]) {
    assert.equal(await view.getMany(["d", "n:d"], { consistent }), [4, undefined]);
    assert.equal(view.getManySync(["e"], { consistent }), [5]);
    assert.equal(await view.getEntries(["a"], { consistent }), [await store.getEntry("n:a")]);
    assert.equal(view.getEntriesSync(["b"], { consistent }), [store.getEntrySync("n:b")]);
  }
  assert.equal([await view.has("a"), view.hasSync("x")], [true, false]);
  assert.equal([await view.hasMany(["a", "x"]), view.hasManySync(["b"])], [[true, false], [true]]);
  assert.equal(await view.getEntry("a"), view.getEntrySync("a"));
  assert.is(await view.update("a", (old) => old! + 10), 11);
  assert.is(view.updateSync("a", (old) => old! + 10), 21);
  assert.equal([await view.increment("a"), view.incrementSync("a", 2)], [22, 24]);
  assert.is((await view.incrementEntry("a")).value, 25);
  assertVersion(view.touchSync("a", { ttl: 9e6 }));
  const { version } = view.getEntrySync("a")!;
  assertVersion(await view.compareAndSet("a", version, 30));
  assert.is(await view.compareAndDelete("a", version), false);
  assert.is(await view.getAndDelete("a"), 30);
  assert.is(view.getAndDeleteSync("b"), 2);
  assert.equal([await view.delete("c"), view.deleteSync("c")], [true, false]);
  assert.equal([await view.deleteMany(["d"]), view.deleteManySync(["e"])], [[true], [true]]);
  assert.is(await view.update("f", (): Changed<number> => DELETE), undefined);
  assert.is(store.count, 0);
});

test("iteration, count and clear are those of the namespace", async (store) => {
  const [view, other] = [store.namespace<number>("n:"), store.namespace<number>("o:")];
  const inner = view.namespace<number>("é:");
  for (let i = 0; i < 40; i++) await view.put(`key ${i}`, i);
  await inner.putMany([["x", 1], ["y", 2]]);
  await other.put("z", 3);
  await store.put("n:", "the prefix alone");
  assert.equal([store.count, view.count, inner.count, other.count], [44, 42, 2, 1]);
  assert.equal(await listOf(inner), [["x", 1], ["y", 2]]);
  assert.equal((await listOf(view)).length, 42);
  const keys: string[] = [];
  for await (const key of view.keys({ prefix: "key 3" })) keys.push(String(key));
  assert.equal(keys.sort(), ["key 3", ...Array.from({ length: 10 }, (_, i) => `key 3${i}`)]);
  let sum = 0;
  for await (const value of inner.values()) sum += value;
  assert.is(sum, 3);
  assert.equal([...inner.entriesSync()].sort(), [["x", 1], ["y", 2]]);
  assert.equal([...inner.keysSync({ prefix: "y" })], ["y"]);
  assert.equal([...inner.valuesSync()].sort(), [1, 2]);
  assert.is([...view.keysSync()].length, 42);
  assert.is(await store.get("n:é:x"), 1);
  await inner.clear();
  assert.equal([inner.count, view.count, store.count], [0, 40, 42]);
  inner.putSync("x", 1);
  inner.clearSync();
  assert.equal([inner.count, view.count, store.count], [0, 40, 42]);
  void view.put("late", 1);
  await view.clear();
  assert.equal((await contentsOf(store)).map(([key]) => key), ["n:", "o:z"]);
});

test("operations of a view and of the store on one key keep their order", async (store) => {
  const view = store.namespace<unknown>("n:");
  void store.update("n:a", () => "store");
  void view.update("a", (old) => [old, "view"]);
  assert.equal(store.getSync("n:a"), ["store", "view"]);
  void view.put("a", 1);
  assert.is(await store.get("n:a"), 1);
  const again = store.namespace<number>("n:");
  void again.increment("a");
  assert.is(view.getSync("a"), 2);
});

test("keys are refused by their length with the prefix", async (store) => {
  const view = store.namespace<number>("é:");
  const longest = "k".repeat(2045);
  assertVersion(await view.put(longest, 1));
  assert.is(await view.get(longest), 1);
  assert.equal(await listOf(view), [[longest, 1]]);
  const says = (bytes: number) =>
    new RegExp(`^key must have 1 to 2045 bytes behind the 3 of .* namespace, got ${bytes} bytes$`);
  await assertRejects(() => view.put(`${longest}k`, 1), { ...KEY, says: says(2046) });
  await assertRejects(() => view.get(""), { ...KEY, says: says(0) });
  assertThrows(() => view.putSync("é".repeat(1023), 1), { ...KEY, says: says(2046) });
  await assertRejects(() => view.put("\ud800", 1), { ...KEY, says: /lone surrogate/ });
  await assertRejects(() => view.put(5 as never, 1), { ...KEY, says: /got the number 5/ });
});

test("a prefix that can have no keys is refused", (store) => {
  const wrong: [unknown, RegExp][] = [
    ["", /prefix must be a well-formed, non-empty string, got the string ""/],
    ["\ud800", /well-formed/],
    [5, /got the number 5/],
    [undefined, /got undefined/],
    [Uint8Array.of(1), /got an instance of Uint8Array/],
    ["x".repeat(2048), /prefix must leave a key .* 2048 bytes, got one of 2048 bytes/],
  ];
  for (const [prefix, says] of wrong) {
    assertThrows(() => store.namespace(prefix as string), { ...ARGUMENT, says });
  }
  const outer = store.namespace("x".repeat(2000));
  assertThrows(() => outer.namespace("y".repeat(48)), { ...ARGUMENT, says: /got one of 2048/ });
});

test.run();

const alone = suite("namespaces of stores of their own");
const SIZES = { capacity: "1MiB", segmentBytes: "4KiB" } as const;

alone("bytes have namespaces of bytes", async () => {
  await using store = await open<number>({ ...SIZES, keys: "bytes" });
  const prefix = Uint8Array.of(1, 2);
  const view = store.namespace(prefix);
  prefix[0] = 9;
  const inner = view.namespace(Uint8Array.of(3));
  await inner.put(Uint8Array.of(4), 5);
  assert.is(await store.get(Uint8Array.of(1, 2, 3, 4)), 5);
  for await (const key of view.keys()) assert.equal([...key], [3, 4]);
  for await (const key of inner.keys()) assert.equal([...key], [4]);
  assertThrows(() => store.namespace("a" as never), { ...ARGUMENT, says: /must be a Uint8Array/ });
});

alone("a namespace of an attached store, and of one with a cache", async () => {
  await using store = await open<number>({ ...SIZES, cache: "16KiB" });
  await using attached = await attach(store.share(), { cache: "16KiB" });
  await store.namespace("n:").put("a", 1);
  const view = attached.namespace("n:");
  assert.equal([view.getSync("a"), view.getSync("a")], [1, 1]);
  await view.increment("a");
  assert.is(store.namespace("n:").getSync("a"), 2);
});

alone("an error names the key as it is written in the namespace", async () => {
  const codec = {
    encode: (value: string) => new TextEncoder().encode(value),
    decode(): string {
      throw new TypeError("cannot be read");
    },
  };
  for (const placement of ["near", "far"] as const) {
    await using store = await open<string>({ ...SIZES, codec, placement });
    const view = store.namespace("n:");
    await view.put("a", "value");
    for (const read of [() => view.get("a"), () => view.update("a", () => "b")]) {
      const error = await errorOf(read);
      assert.instance(error, DecodeError);
      assert.is((error as DecodeError).key, "a");
    }
  }
});

alone("a namespace ends with its store", async () => {
  const store = await open<number>(SIZES);
  const view = store.namespace("n:");
  const inner = view.namespace("i:");
  await inner.put("a", 1);
  await store.close();
  const closed = {
    type: StoreClosedError,
    code: "DINOMO_CLOSED",
    says: /has been closed/,
  } as const;
  for (const one of [view, inner]) {
    await assertRejects(() => one.get("a"), closed);
    await assertRejects(() => one.put("a", 1), closed);
    await assertRejects(() => one.keys().next(), closed);
    await assertRejects(() => one.clear(), closed);
    assertThrows(() => one.count, closed);
    assertThrows(() => one.putManySync([["a", 1]]), closed);
    assertThrows(() => one.namespace("x"), closed);
  }
});

alone.run();
