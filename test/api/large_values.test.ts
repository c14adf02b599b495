/**
 * Values that do not fit a ring: written into the pool by the client itself, between a reservation
 * and a commit.
 *
 * @module
 */
import * as assert from "uvu/assert";
import { ValueTooLargeError } from "../../mod.ts";
import { assertRejects, assertThrows, type Refusal } from "../support/errors.ts";
import { type StoreSetup, storeSuite } from "../support/store_suite.ts";
import { applied } from "../support/versions.ts";

const SEGMENT_BYTES = 256 * 1024;
const SIZES = { capacity: "8MiB", segmentBytes: SEGMENT_BYTES, ringBytes: "8KiB" } as const;

const SETUPS: readonly StoreSetup[] = [
  { name: "one KN", options: { ...SIZES, codec: "binary" } },
  { name: "three KNs", options: { ...SIZES, codec: "binary", nodes: 3, inFlight: 8 } },
];

/** Largest value beside the key "a": a segment less its header, the record's header and the key. */
const VALUE_BYTES_MAX = SEGMENT_BYTES - 64 - 32 - 32;

const TOO_LARGE: Refusal = {
  type: ValueTooLargeError,
  code: "DINOMO_VALUE_TOO_LARGE",
  says: /^value must fit a segment of 262144 bytes together with its key, got a value of \d+ bytes/,
};

const test = storeSuite("large values", SETUPS);

function valueOf(tag: number, length: number): Uint8Array {
  const value = new Uint8Array(length);
  for (let i = 0; i < length; i += 509) value[i] = tag + i;
  value[length - 1] = tag;
  return value;
}

function assertIs(value: unknown, tag: number, length: number, context: string): void {
  assert.instance(value, Uint8Array, context);
  const bytes = value as Uint8Array;
  assert.is(bytes.length, length, context);
  const expected = valueOf(tag, length);
  const difference = bytes.findIndex((byte, i) => byte !== expected[i]);
  assert.is(difference, -1, `${context}: first difference`);
}

test("values of all sizes up to the limit", async (store) => {
  const sizes = [2000, 2040, 2044, 2048, 2100, 8192, 8193, 65_535, 200_000, VALUE_BYTES_MAX];
  for (const [tag, size] of sizes.entries()) {
    await store.put("a", valueOf(tag, size));
    assertIs(await store.get("a"), tag, size, `${size} bytes`);
    store.putSync("b", valueOf(tag + 100, size));
    assertIs(store.getSync("b"), tag + 100, size, `${size} bytes, at once`);
  }
  assert.is(store.count, 2);
});

test("one byte more than fits is refused by every operation, and changes nothing", async (store) => {
  const tooLarge = new Uint8Array(VALUE_BYTES_MAX + 1);
  await store.put("a", valueOf(1, 10));
  await assertRejects(() => store.put("a", tooLarge), TOO_LARGE, "put");
  assertThrows(() => store.putSync("a", tooLarge), TOO_LARGE, "putSync");
  await assertRejects(() => store.putMany([["a", tooLarge]]), TOO_LARGE, "putMany");
  await assertRejects(() => store.compareAndSet("b", null, tooLarge), TOO_LARGE, "compareAndSet");
  await assertRejects(() => store.update("a", () => tooLarge), TOO_LARGE, "update");
  const longKey = "k".repeat(2048);
  await assertRejects(
    () => store.put(longKey, new Uint8Array(VALUE_BYTES_MAX - 1000)),
    TOO_LARGE,
    "a long key takes space too",
  );
  await store.put(longKey, valueOf(2, VALUE_BYTES_MAX - 2048));
  assertIs(await store.get("a"), 1, 10, "a");
  assert.is(store.count, 2);
  assert.is(store.stats().pending, 0);
});

test("large and small values of one key, pipelined, apply in order", async (store) => {
  for (let round = 0; round < 10; round++) {
    const sizes = [100, 50_000, 20, 3000, 100_000, 10, 10, 40_000];
    const puts = sizes.map((size, i) => store.put("a", valueOf(round + i, size)));
    const read = store.get("a");
    void store.put("a", valueOf(round, 70_000));
    void store.put("a", valueOf(round + 1, 7));
    const last = store.getSync("a");
    assertIs(last, round + 1, 7, `round ${round}`);
    await Promise.all(puts);
    assert.ok([40_000, 7].includes((await read as Uint8Array).length), `round ${round}`);
  }
});

test("large values of many keys at once, with deletes between them", async (store) => {
  const work: Promise<unknown>[] = [];
  for (let i = 0; i < 120; i++) {
    work.push(store.put(`key ${i % 12}`, valueOf(i, 5000 + i * 700)));
    if (i % 5 === 0) work.push(store.delete(`key ${i % 12}`));
    if (i % 7 === 0) work.push(store.put(`small ${i}`, valueOf(i, 30)));
  }
  await Promise.all(work);
  for (let key = 0; key < 12; key++) {
    const last = 108 + key;
    const value = await store.get(`key ${key}`);
    if (last % 5 === 0) assert.is(value, undefined, `key ${key}`);
    else assertIs(value, last, 5000 + last * 700, `key ${key}`);
  }
});

test("conditions hold for large values too", async (store) => {
  const large = (tag: number) => valueOf(tag, 30_000);
  assert.is(await applied(store.compareAndSet("a", null, large(1))), true);
  assert.is(await applied(store.compareAndSet("a", null, large(2))), false);
  const { version } = (await store.getEntry("a"))!;
  const outcomes = await Promise.all([
    applied(store.compareAndSet("a", version, large(3))),
    applied(store.compareAndSet("a", version, large(4))),
    applied(store.compareAndSet("a", version, valueOf(5, 5))),
  ]);
  assert.equal(outcomes, [true, false, false]);
  assertIs(await store.get("a"), 3, 30_000, "the first one");
});

test("a large value has the version that its put has answered with", async (store) => {
  for (let i = 0; i < 5; i++) {
    const version = await store.put("a", valueOf(i, 30_000));
    assert.is((await store.getEntry("a"))!.version, version);
    assert.is(store.putSync("a", valueOf(i, 30_000)), store.getEntrySync("a")!.version);
  }
});

test("refused and replaced large values leave no space behind", async (store) => {
  await store.put("a", valueOf(0, 10));
  const { liveBytes } = store.stats();
  for (let i = 0; i < 60; i++) {
    await store.compareAndSet("a", null, valueOf(i, 200_000));
    await store.put("b", valueOf(i, 200_000));
  }
  await store.delete("b");
  assert.is(store.stats().liveBytes, liveBytes);
});

test("a large value with a time to live", async (store) => {
  await store.put("a", valueOf(1, 100_000), { ttl: 3_600_000 });
  assertIs(await store.get("a"), 1, 100_000, "a");
  assert.is.not((await store.getEntry("a"))?.expiresAt, undefined);
});

test("more large values than the client holds before it waits", async (store) => {
  const puts: Promise<unknown>[] = [];
  for (let i = 0; i < 90; i++) puts.push(store.put(`key ${i % 8}`, valueOf(i, 240_000)));
  await Promise.all(puts);
  for (let i = 82; i < 90; i++) assertIs(store.getSync(`key ${i % 8}`), i, 240_000, `key ${i}`);
});

test("a value that the caller changes right after the call is stored as it was", async (store) => {
  const value = valueOf(1, 100_000);
  const done = store.put("a", value);
  value.fill(0xff);
  await done;
  assertIs(await store.get("a"), 1, 100_000, "a");
});

test.run();
