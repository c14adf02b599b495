/**
 * Stores that know the order of their keys: what their ranges, ends, counts and views give, in
 * every placement and thread.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { test as single } from "uvu";
import * as assert from "uvu/assert";
import {
  attach,
  type DecodeError,
  InvalidArgumentError,
  InvalidOptionError,
  type Key,
  open,
  type OpenOptions,
  type RangeOptions,
  type Store,
} from "../../mod.ts";
import { checkOrderedIndex } from "../../lib/ordered/tree_check.ts";
import { orderedFigures } from "../../lib/ordered/tree_figures.ts";
import { keysOfSlots } from "../../lib/index/key_count.ts";
import { AGENT_HOST } from "../../lib/pool/control_layout.ts";
import { whilePaused } from "../../lib/pool/gate.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { checkHandle } from "../../lib/store/parts/handle.ts";
import { assertRejects, assertThrows } from "../support/errors.ts";
import { seeded } from "../support/random.ts";
import { checkRange, compareKeys, listOf } from "../support/range_model.ts";
import { SETUPS, storeSuite } from "../support/store_suite.ts";
import { temporaryPath } from "../support/temporary.ts";
import { ToldShares } from "../support/told_shares.ts";

const ORDERED_SETUPS = SETUPS.slice(2).map(({ name, options, ...rest }) => ({
  name,
  options: { ...options, ordered: true },
  ...rest,
}));

const test = storeSuite("ordered", ORDERED_SETUPS);
const ARGUMENT = { type: InvalidArgumentError, code: "DINOMO_INVALID_ARGUMENT" } as const;

const WORDS = ["a", "ab", "b", "ba:1", "ba:10", "ba:2", "c", "é", "日本", "日曜", "🦖", "\uffff"];

function sortedWords(): [Key, unknown][] {
  return WORDS.toSorted(compareKeys).map((key) => [key, { of: key }]);
}

async function fill(store: Store<unknown, Key>): Promise<void> {
  await store.putMany(WORDS.map((key) => [key, { of: key }]));
}

test("keys by day are gone through backwards, page by page from wherever one has ended", async (store) => {
  const days = ["20261128", "20261129"];
  const keys = days.flatMap((day) =>
    Array.from({ length: 20 }, (_, i) => `${day}:${String(i).padStart(4, "0")}`)
  );
  await store.putMany(["0", ...keys].map((key) => [key, key]));
  for (const limit of [1, 5, 16, 30]) {
    for (let end = 1; end <= keys.length; end++) {
      const page = [...store.keysSync({ reverse: true, prefix: "2", lt: keys[end]!, limit })];
      assert.equal(page, keys.slice(Math.max(0, end - limit), end).reverse(), `${limit} to ${end}`);
    }
  }
});

test("all ranges of a few keys, as a sorted array has them", async (store) => {
  await fill(store);
  const sorted = sortedWords();
  const bounds = [undefined, "", "aa", "ba:1", "\u{10ffff}"];
  const cases: RangeOptions[] = [];
  for (const low of bounds) {
    for (const high of bounds) {
      cases.push({ gt: low, lt: high, reverse: true }, { gte: low, lte: high });
    }
  }
  for (const prefix of ["b", "ba:", "日", "x"]) {
    cases.push({ prefix }, { prefix, gt: "ba:1" }, { prefix, limit: 2, reverse: true });
  }
  cases.push({ gt: "a", gte: "b" }, { lt: "c", lte: "b" }, { gte: "c", lt: "a" }, { limit: 0 });
  for (const range of cases) await checkRange(store, sorted, range);
});

test("strings are ordered by their UTF-8 bytes, which is by code points", async (store) => {
  await fill(store);
  const keys = await listOf(store.keys()) as string[];
  assert.equal(keys, WORDS.toSorted(compareKeys));
  // As UTF-16, by which JavaScript compares, it would be the other way round.
  assert.ok(keys.indexOf("\uffff") < keys.indexOf("🦖") && "\uffff" > "🦖");
});

test("an iteration without a range is in order, too, and sees what was issued", async (store) => {
  for (let i = 999; i >= 0; i--) void store.put(`key ${String(i).padStart(3, "0")}`, i);
  for (let i = 0; i < 1000; i += 3) void store.delete(`key ${String(i).padStart(3, "0")}`);
  const values = Array.from({ length: 1000 }, (_, i) => i).filter((i) => i % 3 !== 0);
  assert.equal(await listOf(store.values()), values);
  assert.equal([...store.valuesSync()], values);
  assert.equal([...store.valuesSync({ reverse: true })], values.toReversed());
});

test("namespaces and views have ranges of their own", async (store) => {
  await fill(store);
  await store.put("ba:", { of: "ba:" });
  const view = store.namespace("ba:");
  const inside = [["1", { of: "ba:1" }], ["10", { of: "ba:10" }], ["2", { of: "ba:2" }]] as const;
  const ranges: RangeOptions[] = [{}, { gt: "1" }, { lte: "10", reverse: true }, { prefix: "1" }, {
    gte: "",
    limit: 2,
  }];
  for (const range of ranges) await checkRange(view, inside, range);
  assert.is(view.count, 3);
  assert.equal(await store.namespace("b").namespace("a:").last(), ["2", { of: "ba:2" }]);
  assert.equal(store.pick("of").firstSync({ gt: "b" }), ["ba:", { of: "ba:" }]);
  assert.equal(await listOf(view.keys({ gt: "ba:1" })), []);
  await view.clear({ gte: "10" });
  assert.equal(await listOf(view.keys()), ["1"]);
  assert.is(store.count, WORDS.length - 1);
});

test("first and last, of all, of ranges, and of none", async (store) => {
  assert.is(await store.first(), undefined);
  assert.is(store.lastSync(), undefined);
  await fill(store);
  assert.equal(await store.first(), ["a", { of: "a" }]);
  assert.equal(store.firstSync({ gt: "a" }), ["ab", { of: "ab" }]);
  assert.equal(await store.last(), ["🦖", { of: "🦖" }]);
  assert.equal(store.lastSync({ prefix: "ba:" }), ["ba:2", { of: "ba:2" }]);
  assert.is(store.lastSync({ gt: "b", lt: "b\0" }), undefined);
  for (const name of ["reverse", "limit"]) {
    const says = /^options must be among prefix, gt, gte, lt, lte, onDecodeError, signal, got /;
    await assertRejects(() => store.first({ [name]: 1 }), { ...ARGUMENT, says });
    assertThrows(() => store.lastSync({ [name]: 1 }), { ...ARGUMENT, says: /^options must be/ });
  }
});

test("ranges are cleared and counted", async (store) => {
  await store.putMany(Array.from({ length: 300 }, (_, i) => [String(1000 + i), i]));
  assert.is(await store.countKeys({ gte: "1100", lt: "1200" }), 100);
  await store.clear({ gte: "1100", lt: "1200" });
  assert.is(store.countKeysSync(), 200);
  store.clearSync({ reverse: true, limit: 50 });
  assert.equal(await store.last(), ["1249", 249]);
  store.clearSync({ lt: "1100", gt: "1000" });
  assert.equal([...store.keysSync({ limit: 2 })], ["1000", "1200"]);
  await store.clear();
  assert.equal(await listOf(store.keys()), []);
  await store.put("new", 1);
  assert.equal(await listOf(store.keys()), ["new"]);
});

test("what has expired is not seen, nor counted", async (store) => {
  await store.putMany([["a", 1], ["b", 2, { expiresAt: 1 }], ["c", 3, { ttl: 20 }], ["d", 4]]);
  await setTimeout(40);
  assert.equal(await listOf(store.keys()), ["a", "d"]);
  assert.is(store.countKeysSync({ gt: "a" }), 1);
  assert.equal(await store.last({ lt: "d" }), ["a", 1]);
  await store.put("c", 5);
  assert.equal([...store.entriesSync({ gte: "b" })], [["c", 5], ["d", 4]]);
});

test("the value is that of the moment, and what is deleted ahead does not come", async (store) => {
  await store.putMany(Array.from({ length: 100 }, (_, i) => [`key ${100 + i}`, "old"]));
  const seen: [Key, unknown][] = [];
  for (const entry of store.entriesSync()) {
    if (seen.push(entry) > 1) continue;
    for (let i = 0; i < 100; i++) store.putSync(`key ${100 + i}`, "new");
    store.deleteSync("key 150");
    store.putSync("key 0", "behind");
  }
  const keys = Array.from({ length: 100 }, (_, i) => `key ${100 + i}`);
  assert.equal(seen.map(([key]) => key), keys.filter((key) => key !== "key 150"));
  assert.equal(seen[0], ["key 100", "old"]);
  assert.ok(seen.slice(1).every(([, value]) => value === "new"));
});

test("what its thread has issued ahead of a scan is waited for", async (store) => {
  const keys = Array.from({ length: 40 }, (_, i) => `key ${100 + i}`);
  for (const isSync of [true, false]) {
    await store.putMany(keys.map((key) => [key, "old"]));
    const seen: unknown[] = [];
    const see = (value: unknown) => {
      if (seen.push(value) > 1) return;
      for (const key of keys) void store.put(key, "new");
    };
    if (isSync) { for (const [, value] of store.entriesSync()) see(value); }
    else for await (const [, value] of store.entries()) see(value);
    assert.equal(seen, keys.map((_, i) => i === 0 ? "old" : "new"));
  }
});

test("values of keys that eight bytes cannot tell apart are those of the moment, too", async (store) => {
  const keys = Array.from({ length: 8 }, (_, i) => `${"x".repeat(30)}${i}`);
  await store.putMany([["a", 0], ["zz", 0], ...keys.map((key): [string, string] => [key, "old"])]);
  const seen: unknown[] = [];
  for (const [key, value] of store.entriesSync({ prefix: "x" })) {
    if (seen.push([key, value]) > 1) continue;
    store.putManySync(keys.map((key) => [key, "new"]));
    store.deleteSync(keys[5]!);
  }
  const expected = keys.map((key, i) => [key, i === 0 ? "old" : "new"]);
  assert.equal(seen, expected.filter((_, i) => i !== 5));
});

test("several at once, and some that are left early, do not disturb each other", async (store) => {
  await fill(store);
  const expected = sortedWords();
  const pairs: [Key, Key][] = [];
  for (const one of store.keysSync()) {
    for (const other of store.keysSync({ reverse: true })) {
      pairs.push([one, other]);
      if (other === one) break;
    }
  }
  const keys = expected.map(([key]) => key);
  const wanted = keys.flatMap((one, i) =>
    keys.toReversed().slice(0, keys.length - i)
      .map((other): [Key, Key] => [one, other])
  );
  assert.equal(pairs, wanted);
  const lists = await Promise.all([store.keys(), store.keys({ reverse: true })].map(listOf));
  assert.equal(lists, [keys, keys.toReversed()]);
});

test("a signal ends it, an error of decoding can be passed over", async (store) => {
  await store.putMany(Array.from({ length: 100 }, (_, i) => [`key ${100 + i}`, i]));
  const controller = new AbortController();
  const iterator = store.keys({ gte: "key 110", signal: controller.signal });
  assert.equal(await iterator.next(), { done: false, value: "key 110" });
  controller.abort(new Error("enough"));
  await assertRejectsWith(() => iterator.next(), /enough/);
  await assertRejectsWith(() => store.first({ signal: AbortSignal.abort() }), /abort/i);
  await assertRejectsWith(() => store.countKeys({ signal: AbortSignal.abort() }), /abort/i);
  assert.is([...store.keysSync({ gte: "key 190" })].length, 10);
});

async function assertRejectsWith(call: () => Promise<unknown>, says: RegExp): Promise<void> {
  try {
    await call();
  } catch (error) {
    return assert.match(String(error), says);
  }
  assert.unreachable(String(says));
}

test("bounds have to be what a key could be", async (store) => {
  for (const name of ["gt", "gte", "lt", "lte"] as const) {
    const cases: readonly [unknown, RegExp][] = [
      [5, / must be a string or a Uint8Array, got /],
      [null, / must be a string or a Uint8Array, got /],
      ["\ud800", / must be a well-formed string, got one with a lone surrogate$/],
      ["x".repeat(2049), / must have at most 2048 bytes, as a key here, got 2049 bytes$/],
    ];
    for (const [bound, says] of cases) {
      const options = { [name]: bound } as RangeOptions;
      const refusal = { ...ARGUMENT, says: new RegExp(`^${name}${says.source}`) };
      await assertRejects(() => store.keys(options).next(), refusal);
      assertThrows(() => store.countKeysSync(options), refusal);
    }
    const says = new RegExp(`^${name} must have at most 2045 bytes`);
    const options = { [name]: "x".repeat(2046) };
    assertThrows(() => store.namespace("abc").countKeysSync(options), { ...ARGUMENT, says });
  }
  const says = /^reverse must be a boolean, got /;
  assertThrows(() => store.countKeysSync({ reverse: 1 as never }), { ...ARGUMENT, says });
  assert.is(store.countKeysSync({ gte: "x".repeat(2048), prefix: "x".repeat(3000) }), 0);
});

test("the longest keys, and keys of one byte", async (store) => {
  const keys = [0, 1, 0xff].flatMap((byte) =>
    [1, 2, 2047, 2048].map((length) => {
      return new Uint8Array(length).fill(byte);
    })
  );
  for (const [i, key] of keys.entries()) await store.put(key, i);
  const sorted = [...keys.entries()].map(([i, key]) => [key, i] as const)
    .sort(([one], [other]) => compareKeys(one, other));
  await checkRange(store, sorted, {});
  for (const key of keys) {
    await checkRange(store, sorted, { gt: key, limit: 3 });
    await checkRange(store, sorted, { lte: key, reverse: true });
    await checkRange(store, sorted, { prefix: key });
  }
});

test.run();

single("stats tell what the order takes, and that a store without one has none", async () => {
  for (const ordered of [false, true]) {
    const store = await open<number>({ capacity: "16MiB", ordered });
    store.putManySync(Array.from({ length: 5000 }, (_, i) => [`key number ${10_000 + i}`, i]));
    const { orderBytes } = store.stats();
    if (ordered) assert.ok(orderBytes > 5000 * 12 && orderBytes < 5000 * 60, `${orderBytes} bytes`);
    else assert.is(orderBytes, 0);
    await store.close();
  }
});

/**
 * Bytes of the order for each key of 16 bytes, from and to, by the order in which the keys come.
 */
const ORDER_BYTES = { ascending: [13, 17], random: [18, 24], descending: [24, 29] } as const;
/** What a thread keeps that writes to the order: the KN's own may, beside the one that calls. */
const KEPT_BYTES = 30 * 1024;

single(
  "the order of keys of 16 bytes takes as much as is said",
  seeded(async (random) => {
    for (const [how, [least, most]] of Object.entries(ORDER_BYTES)) {
      const store = await open<number>({ capacity: "16MiB", nodes: 1, ordered: true });
      const keys = Array.from({ length: 20_000 }, (_, i) => `user:${String(i).padStart(11, "0")}`);
      if (how === "descending") keys.reverse();
      for (let i = 0; how === "random" && i < keys.length; i++) {
        const other = random.between(i, keys.length - 1);
        [keys[i], keys[other]] = [keys[other]!, keys[i]!];
      }
      store.putManySync(keys.map((key, i) => [key, i]));
      const { orderBytes } = store.stats();
      const isRight = orderBytes >= least * keys.length &&
        orderBytes <= most * keys.length + KEPT_BYTES;
      assert.ok(isRight, `${how}: ${orderBytes / keys.length} bytes`);
      await store.close();
    }
  }),
);

single("ordered is a boolean", async () => {
  await assertRejects(() => open({ ordered: 1 as never }), {
    type: InvalidOptionError,
    code: "DINOMO_INVALID_OPTION",
    says: /^ordered must be a boolean, got /,
  });
});

single("a pool can be opened with an order or without, whatever it was before", async () => {
  const path = temporaryPath();
  const options: OpenOptions<number> = { path, capacity: "16MiB" };
  const shares = new ToldShares();
  const plain = await open<number>(options);
  await plain.putMany(Array.from({ length: 5000 }, (_, i) => [`key ${10_000 + i}`, i]));
  await plain.close();
  const { onProgress } = shares;
  const ordered = await open<number>({ ...options, ordered: true, onProgress });
  shares.assertDone();
  const expected = Array.from({ length: 5000 }, (_, i) => i);
  assert.equal([...ordered.valuesSync()], expected);
  await ordered.put("key 10000+", 0.5);
  await ordered.delete("key 10001");
  const other = await attach(ordered.share());
  assert.equal([...other.valuesSync({ limit: 3 })], [0, 0.5, 2]);
  await other.close();
  await ordered.close();
  const again = await open<number>(options);
  assertThrows(() => again.firstSync(), { ...ARGUMENT, says: /ordered: true/ });
  await again.close();
  const last = await open<number>({ ...options, ordered: true });
  assert.equal([...last.valuesSync({ limit: 3 })], [0, 0.5, 2]);
  assert.is(last.count, 5000);
  await last.close();
});

single("a cache stays in order while it drops what it has no room for", async () => {
  const store = await open<Uint8Array>({
    capacity: "1MiB",
    segmentBytes: "8KiB",
    whenFull: "evict",
    codec: "binary",
    ordered: true,
  });
  for (let round = 0; round < 6; round++) {
    const entries = Array.from({ length: 1000 }, (_, i) => {
      return [`key ${(i * 7919 + round * 131) % 3000}`, new Uint8Array(600)] as const;
    });
    await store.putMany(entries);
    // A processor may be dropping more meanwhile.
    const all = Array.from({ length: 3000 }, (_, i) => `key ${i}`).sort(compareKeys);
    const [before, keys] = [store.hasManySync(all), new Set(store.keysSync())];
    const after = store.hasManySync(all);
    assert.equal([...keys], all.filter((key) => keys.has(key)));
    for (const [i, key] of all.entries()) {
      if (keys.has(key)) assert.ok(before[i], `${key} was not there`);
      else assert.not(after[i], `${key} is missing`);
    }
  }
  assert.ok(store.stats().evicted > 1000);
  const pool = Pool.attach(checkHandle(store.share()).pool);
  const { entries, problems } = whilePaused(pool, AGENT_HOST, () => checkOrderedIndex(pool));
  assert.equal(problems, []);
  assert.ok(entries <= keysOfSlots(pool), `${entries} entries for ${keysOfSlots(pool)} keys`);
  await store.close();
});

single("threads that come and go leave no memory of the order behind", async () => {
  const store = await open<number>({ capacity: "16MiB", ordered: true });
  const pool = Pool.attach(checkHandle(store.share()).pool);
  const bytes = () => {
    const { allocated, free } = orderedFigures(pool);
    return allocated - free;
  };
  for (let i = 0; i < 100; i++) store.putSync(`key ${i}`, i);
  const before = bytes();
  for (let i = 0; i < 20; i++) {
    const other = await attach(store.share());
    other.putSync(`other ${i}`, i);
    await other.close();
    await store.scale(1 + i % 2);
  }
  const { entries, problems } = checkOrderedIndex(pool);
  assert.equal(problems, []);
  assert.is(entries, 120);
  // What one thread keeps is some 30 KiB: those of a few, which may be there, and not of twenty.
  assert.ok(bytes() - before < 200_000, `${bytes() - before} bytes more`);
  await store.close();
});

single("values that cannot be decoded are left out of a range, if that is wanted", async () => {
  const codec = {
    encode: (value: unknown) => new TextEncoder().encode(String(value)),
    decode: (bytes: Uint8Array) => {
      if (bytes.length === 1) throw new Error("too short");
      return bytes.length;
    },
  };
  const store = await open<unknown>({ capacity: "16MiB", ordered: true, codec });
  await store.putMany([["a", "xx"], ["b", "x"], ["c", "xxx"]]);
  const failed: unknown[] = [];
  const onDecodeError = (error: DecodeError) => void failed.push(error.key);
  assert.equal([...store.entriesSync({ onDecodeError, reverse: true })], [["c", 3], ["a", 2]]);
  assert.equal(await store.first({ gt: "a", onDecodeError }), ["c", 3]);
  assert.equal(failed, ["b", "b"]);
  await store.close();
});

single.run();
