/**
 * Operations on many keys, and the synchronous twins of operations.
 *
 * @module
 */
import * as assert from "uvu/assert";
import {
  type Changed,
  DELETE,
  InvalidArgumentError,
  InvalidKeyError,
  KEEP,
  NotANumberError,
  type PutEntry,
  ReentrantCallError,
} from "../../mod.ts";
import { assertRejects, assertThrows, type Refusal } from "../support/errors.ts";
import { storeSuite } from "../support/store_suite.ts";
import { assertVersion } from "../support/versions.ts";

const test = storeSuite("batches and synchronous twins");
const ARGUMENT = { type: InvalidArgumentError, code: "DINOMO_INVALID_ARGUMENT" } as const;
const KEY: Refusal = { type: InvalidKeyError, code: "DINOMO_INVALID_KEY", says: /0 bytes/ };
const LONG_MS = 3_600_000;

test("reads of many keys answer in the order of the keys", async (store) => {
  const expiresAt = Date.now() + LONG_MS;
  await store.put("a", 1);
  await store.put("b", { n: 2 }, { expiresAt });
  const keys = ["b", "none", "a", "b"];
  const values = [{ n: 2 }, undefined, 1, { n: 2 }];
  assert.equal(await store.getMany(keys), values);
  assert.equal(store.getManySync(keys), values);
  assert.equal(await store.getMany(keys, { consistent: true }), values);
  assert.equal(store.getManySync(keys, { consistent: true }), values);
  assert.equal(await store.hasMany(keys), [true, false, true, true]);
  assert.equal(store.hasManySync(keys), [true, false, true, true]);
  for (const consistent of [false, true, undefined]) {
    const entries = await store.getEntries(keys, { consistent });
    assert.equal(store.getEntriesSync(keys, { consistent }), entries);
    assert.equal(entries, keys.map((key) => store.getEntrySync(key)));
    assert.is(entries[0]!.expiresAt, expiresAt);
    assert.is("expiresAt" in entries[2]!, false);
    assertVersion(entries[2]!.version);
  }
  for (const none of [await store.getMany([]), store.getManySync([], { consistent: true })]) {
    assert.equal(none, []);
  }
});

test("reads of many keys see what this thread has issued before", async (store) => {
  for (const consistent of [false, true]) {
    void store.put("a", 1);
    void store.update("b", () => 2);
    assert.equal(store.getManySync(["a", "b"], { consistent }), [1, 2]);
    void store.put("a", 3);
    void store.update("b", () => 4);
    assert.equal(await store.getMany(["a", "b"], { consistent }), [3, 4]);
    void store.delete("a");
    void store.update("b", () => DELETE);
    assert.equal(store.hasManySync(["a", "b"]), [false, false]);
    void store.put("b", 5);
    assert.equal((await store.getEntries(["a", "b"], { consistent })).map((e) => e?.value), [
      undefined,
      5,
    ]);
  }
});

test("many keys, more than are asked for at one time", async (store) => {
  const keys = Array.from({ length: 700 }, (_, i) => `key ${i}`);
  await store.putMany(keys.filter((_, i) => i % 3 !== 0).map((key) => [key, key]));
  const values = keys.map((key, i) => i % 3 === 0 ? undefined : key);
  for (const consistent of [false, true]) {
    assert.equal(await store.getMany(keys, { consistent }), values);
    assert.equal(store.getManySync(keys, { consistent }), values);
  }
  assert.equal(await store.hasMany(keys), values.map((value) => value !== undefined));
  assert.equal(store.deleteManySync(keys), values.map((value) => value !== undefined));
  assert.is(store.count, 0);
});

test("an entry's own options are taken instead of those for all", async (store) => {
  const [soon, late] = [Date.now() + LONG_MS, Date.now() + 2 * LONG_MS];
  const entries: PutEntry<unknown>[] = [
    ["all", 1],
    ["own", 2, { expiresAt: late }],
    ["never", 3, { ttl: Infinity }],
    ["none", 4, {}],
    ["undefined", 5, undefined],
  ];
  const expected = [soon, late, undefined, undefined, soon];
  const keys = entries.map(([key]) => key);
  await store.putMany(entries, { expiresAt: soon });
  const stored = await store.getEntries(keys);
  assert.equal(stored.map((entry) => entry!.expiresAt), expected);
  store.clearSync();
  assert.equal(store.hasManySync(keys), keys.map(() => false));
  store.putManySync(entries, { expiresAt: soon });
  assert.equal(store.getEntriesSync(keys).map((entry) => entry!.expiresAt), expected);
});

test("a refused entry leaves those before it stored, and those after it not", async (store) => {
  const refused: [unknown, Refusal][] = [
    [["", 1], KEY],
    [["b", 1, { tll: 5 }], { ...ARGUMENT, says: /ttl.*"tll"/ }],
    [["b", 1, { ttl: -1 }], { ...ARGUMENT, says: /ttl must be/ }],
    [["b", 1, { signal: undefined }], { ...ARGUMENT, says: /"signal"/ }],
    [["b", 1, {}, 1], { ...ARGUMENT, says: /\[key, value, options\]/ }],
    ["ab", { ...ARGUMENT, says: /pairs, got the string/ }],
  ];
  for (const [entry, refusal] of refused) {
    const entries = [["a", 1], entry, ["c", 1]] as PutEntry<unknown>[];
    await assertRejects(() => store.putMany(entries), refusal, String(entry));
    assert.equal(await store.hasMany(["a", "b", "c"]), [true, false, false]);
    assert.is(await store.delete("a"), true);
    assertThrows(() => store.putManySync(entries), refusal, String(entry));
    assert.equal(store.hasManySync(["a", "b", "c"]), [true, false, false]);
    assert.equal(store.deleteManySync(["a"]), [true]);
  }
});

test("synchronous batches come after what was issued before, updates included", async (store) => {
  const first = store.update("a", (old) => [old, "update"]);
  const put = store.put("b", "old");
  store.putManySync([["a", 1], ["b", 2]]);
  assert.equal(await Promise.all([first, store.get("a"), store.get("b")]), [
    [undefined, "update"],
    1,
    2,
  ]);
  assertVersion(await put);
  void store.update("a", () => "update");
  assert.equal(store.deleteManySync(["a", "none", "b"]), [true, false, true]);
  void store.update("c", () => 1);
  store.clearSync();
  assert.is(store.count, 0);
});

test("updateSync reads, changes and stores, or deletes, or leaves the key", async (store) => {
  assert.is(store.updateSync("a", (old) => (assert.is(old, undefined), 1)), 1);
  const expiresAt = Date.now() + LONG_MS;
  assert.is(store.updateSync("a", (old) => Number(old) + 1, { expiresAt }), 2);
  assert.equal(store.getEntrySync("a")!.expiresAt, expiresAt);
  assert.is(store.updateSync("a", (old) => Number(old) + 1), 3);
  const { version, ...kept } = store.getEntrySync("a")!;
  assert.equal(kept, { value: 3, expiresAt }, "the expiry time stays");
  assert.is(store.updateSync("a", () => KEEP), 3);
  assert.is(store.getEntrySync("a")!.version, version);
  assert.is(store.updateSync("a", (): Changed<unknown> => DELETE), undefined);
  assert.is(await store.has("a"), false);
  assert.is(store.updateSync("a", (): Changed<unknown> => DELETE), undefined);
  assert.is(store.updateSync("a", () => KEEP), undefined);
});

test("updateSync takes its turn among the updates of this thread", async (store) => {
  const results = [
    store.update("a", (old) => `${old} 1`),
    store.update("a", (old) => `${old} 2`),
  ];
  assert.is(store.updateSync("a", (old) => `${old} 3`), "undefined 1 2 3");
  assert.equal(await Promise.all(results), ["undefined 1", "undefined 1 2"]);
  assert.is(await store.get("a"), "undefined 1 2 3");
});

test("what change throws, or a promise that it returns, leaves the key as it is", (store) => {
  store.putSync("a", 1);
  assert.throws(() =>
    store.updateSync("a", () => {
      throw new RangeError("thrown by change");
    }), /thrown by change/);
  const says = /change must return a value to a synchronous update, got a promise/;
  for (const promise of [Promise.resolve(2), Promise.reject(new Error("nobody waits"))]) {
    assertThrows(() => store.updateSync("a", () => promise), { ...ARGUMENT, says });
  }
  assertThrows(() => store.updateSync("a", 5 as never), { ...ARGUMENT, says: /change must be/ });
  assert.is(store.getSync("a"), 1);
});

test("a change of the key by its own change is seen, and called again for", (store) => {
  let calls = 0;
  const stored = store.updateSync("a", (old) => {
    if (calls++ === 0) store.putSync("a", 10);
    return Number(old ?? 0) + 1;
  });
  assert.equal([stored, calls, store.getSync("a")], [11, 2, 11]);
  calls = 0;
  const nested = store.updateSync("a", (old) => {
    if (calls++ === 0) store.updateSync("a", () => 20);
    return Number(old) + 1;
  });
  assert.equal([nested, calls], [21, 2]);
  assertThrows(() =>
    store.updateSync("a", () => {
      store.putSync("a", 0);
      return 1;
    }), { type: ReentrantCallError, code: "DINOMO_REENTRANT", says: /100 calls/ });
});

test("getAndDeleteSync takes a value once", async (store) => {
  store.putSync("job", { n: 1 });
  const later = store.getAndDelete("other");
  assert.equal(store.getAndDeleteSync("job"), { n: 1 });
  assert.is(store.getAndDeleteSync("job"), undefined);
  assert.is(await later, undefined);
  void store.put("job", 2);
  assert.is(store.getAndDeleteSync("job"), 2);
});

test("incrementSync adds, like increment", async (store) => {
  assert.is(store.incrementSync("n"), 1);
  assert.is(store.incrementSync("n", 2.5), 3.5);
  const later = store.increment("n", 1);
  assert.is(store.incrementSync("n", -4), 0.5);
  assert.is(await later, 4.5);
  assert.is(store.incrementSync("new", 1, { ttlIfNew: LONG_MS }), 1);
  const { expiresAt } = store.getEntrySync("new")!;
  assert.is(store.incrementSync("new", 1, { ttlIfNew: 2 * LONG_MS }), 2);
  assert.equal([store.getEntrySync("new")!.expiresAt, typeof expiresAt], [expiresAt, "number"]);
  store.putSync("text", "1");
  assertThrows(() => store.incrementSync("text"), {
    type: NotANumberError,
    code: "DINOMO_NOT_A_NUMBER",
    says: /"text"/,
  });
  for (const by of [NaN, Infinity, "1"]) {
    assertThrows(() => store.incrementSync("n", by as number), { ...ARGUMENT, says: /by must be/ });
  }
});

test("options of reads of many keys are checked", async (store) => {
  const refusals: [object, RegExp, boolean][] = [
    [{ consistant: true }, /consistent.*got the string "consistant"/, false],
    [{ consistent: 1 }, /consistent must be a boolean, got the number 1/, false],
    [{ onDecodeError: 5 }, /onDecodeError must be a function/, false],
    [{ signal: {} }, /signal must be an AbortSignal/, true],
  ];
  for (const [options, says, isAsyncOnly] of refusals) {
    await assertRejects(() => store.getMany(["a"], options), { ...ARGUMENT, says });
    await assertRejects(() => store.getEntries(["a"], options), { ...ARGUMENT, says });
    const refusal = { ...ARGUMENT, says: isAsyncOnly ? /"signal"/ : says };
    assertThrows(() => store.getManySync(["a"], options), refusal);
    assertThrows(() => store.getEntriesSync(["a"], options), refusal);
  }
  const tooMany = Array.from({ length: 4097 }, (_, i) => `${i}`);
  const says = /at most 4096 .* got 4097/;
  await assertRejects(() => store.getMany(tooMany, { consistent: true }), { ...ARGUMENT, says });
  await assertRejects(() => store.hasMany(["a"], { consistent: true } as object), {
    ...ARGUMENT,
    says: /signal, got the string "consistent"/,
  });
  await assertRejects(() => store.hasMany(["a", ""]), KEY);
  assertThrows(() => store.hasManySync(["a", ""]), KEY);
  assertThrows(() => store.getManySync(["a", ""], { consistent: true }), KEY);
  await assertRejects(() => store.getEntries(["a", ""], { consistent: true }), KEY);
});

test.run();
