/**
 * What is asked of the keys of a range, by stores that do not know their order: a prefix and a
 * limit filter, the rest is refused by an error that names the option.
 *
 * @module
 */
import * as assert from "uvu/assert";
import { InvalidArgumentError, type Key, type RangeOptions, type Store } from "../../mod.ts";
import { assertRejects, assertThrows } from "../support/errors.ts";
import { contentsOf, storeSuite } from "../support/store_suite.ts";

const test = storeSuite("ranges without an order");
const ARGUMENT = { type: InvalidArgumentError, code: "DINOMO_INVALID_ARGUMENT" } as const;

async function keysOf(store: Store<unknown, Key>, options: RangeOptions): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.keys(options)) keys.push(String(key));
  return keys;
}

async function fill(store: Store<unknown, Key>): Promise<void> {
  await store.putMany(Array.from({ length: 200 }, (_, i) => [`${i % 2 ? "a" : "b"}:${i}`, i]));
}

test("a limit ends an iteration, in every form", async (store) => {
  await fill(store);
  for (const limit of [0, 1, 7, 100, 101, Infinity]) {
    const expected = Math.min(limit, 100);
    const options = { prefix: "a:", limit };
    const keys = await keysOf(store, options);
    assert.is(keys.length, expected);
    assert.ok(keys.every((key) => key.startsWith("a:")));
    assert.is(new Set(keys).size, expected);
    assert.is([...store.keysSync(options)].length, expected);
    assert.is([...store.entriesSync(options)].length, expected);
    assert.is([...store.valuesSync(options)].length, expected);
    let seen = 0;
    for await (const [key, value] of store.entries(options)) {
      assert.is(String(key), `a:${value}`);
      seen += 1;
    }
    for await (const _value of store.values(options)) seen += 1;
    assert.is(seen, 2 * expected);
    assert.is(await store.countKeys(options), expected);
    assert.is(store.countKeysSync(options), expected);
  }
});

test("countKeys counts the keys with a prefix, and does not count what has expired", async (store) => {
  await fill(store);
  await store.put("a:expires", 1, { ttl: 1 });
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.is(await store.countKeys({ prefix: "a:" }), 100);
  assert.is(store.countKeysSync({ prefix: "b:1" }), 55);
  assert.is(await store.countKeys(), 200);
  assert.is(store.countKeysSync(), 200);
  assert.is(await store.namespace("a:").countKeys({ prefix: "1" }), 56);
});

test("clear deletes the keys with a prefix, and no more than a limit", async (store) => {
  await fill(store);
  await store.clear({ prefix: "a:1" });
  assert.is((await contentsOf(store, "a:")).length, 100 - 56);
  assert.is((await contentsOf(store, "b:")).length, 100);
  store.clearSync({ prefix: "b:", limit: 30 });
  assert.is(store.countKeysSync({ prefix: "b:" }), 70);
  await store.namespace("b:").clear({ limit: 30 });
  assert.is(store.countKeysSync({ prefix: "b:" }), 40);
  await store.clear({ prefix: "" });
  assert.is(store.count, 0);
});

test("bounds, reverse and the ends of a range are refused, and the option is named", async (store) => {
  const view = store.namespace("a:");
  for (const name of ["gt", "gte", "lt", "lte", "reverse"] as const) {
    const options = { [name]: name === "reverse" ? true : "x" };
    const says = new RegExp(
      `^${name} must be left out unless the store is opened with ordered: true, got `,
    );
    for (const target of [store, view, store.pick("x")]) {
      await assertRejects(() => target.keys(options).next(), { ...ARGUMENT, says });
      await assertRejects(() => target.entries(options).next(), { ...ARGUMENT, says });
      await assertRejects(() => target.values(options).next(), { ...ARGUMENT, says });
      await assertRejects(() => target.countKeys(options), { ...ARGUMENT, says });
      assertThrows(() => target.keysSync(options).next(), { ...ARGUMENT, says });
      assertThrows(() => target.entriesSync(options).next(), { ...ARGUMENT, says });
      assertThrows(() => target.valuesSync(options).next(), { ...ARGUMENT, says });
      assertThrows(() => target.countKeysSync(options), { ...ARGUMENT, says });
    }
    await assertRejects(() => store.clear(options), { ...ARGUMENT, says });
    assertThrows(() => view.clearSync(options), { ...ARGUMENT, says });
  }
  for (const name of ["first", "last"] as const) {
    const rule = "must be called on a store that is opened with ordered: true, got one without$";
    await assertRejects(() => store[name](), {
      ...ARGUMENT,
      says: new RegExp(`^${name} ${rule}`),
    });
    assertThrows(() => view[`${name}Sync`](), {
      ...ARGUMENT,
      says: new RegExp(`^${name}Sync ${rule}`),
    });
  }
});

test("options that there are not, and limits that are none, are refused", async (store) => {
  for (const limit of [-1, 1.5, NaN, "3", null, 2 ** 60]) {
    const options = { limit } as RangeOptions;
    const says = /^limit must be a whole number of keys from 0, or Infinity, got /;
    await assertRejects(() => store.keys(options).next(), { ...ARGUMENT, says });
    assertThrows(() => store.countKeysSync(options), { ...ARGUMENT, says });
    await assertRejects(() => store.clear(options), { ...ARGUMENT, says });
  }
  const says = /^options must be among prefix, gt, gte, lt, lte, reverse, limit.*, got .*start/;
  const options = { start: "x" } as RangeOptions;
  await assertRejects(() => store.keys(options).next(), { ...ARGUMENT, says });
  await assertRejects(() => store.clear(options), { ...ARGUMENT, says });
  assertThrows(() => store.clearSync(options), { ...ARGUMENT, says });
  await assertRejects(() => store.countKeys(options), { ...ARGUMENT, says });
});

test.run();
