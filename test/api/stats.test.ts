/**
 * What a store says about itself.
 *
 * @module
 */
import * as assert from "uvu/assert";
import type { Key, Store } from "../../mod.ts";
import { NEAR_SETUPS, storeSuite } from "../support/store_suite.ts";

const test = storeSuite("stats", NEAR_SETUPS);

function sum(
  store: Store<unknown, Key>,
  field: "requests" | "batches" | "slots" | "moved",
): number {
  return store.stats().nodes.reduce((total, node) => total + node[field], 0);
}

test("sizes and segments add up", (store) => {
  const { capacityBytes, segmentBytes, segments, liveBytesMax, recordHeaderBytes } = store.stats();
  const count = segments.free + segments.open + segments.sealed + segments.cleaning;
  assert.is(count * segmentBytes, capacityBytes);
  assert.ok(liveBytesMax > 0.5 * capacityBytes && liveBytesMax < capacityBytes);
  assert.is(recordHeaderBytes, 28);
});

test("requests are counted, and come in batches", async (store) => {
  const before = sum(store, "requests");
  const batchesBefore = sum(store, "batches");
  for (let i = 0; i < 500; i++) void store.put(`key ${i}`, i);
  await store.flush();
  assert.is(sum(store, "requests") - before, 500);
  const batches = sum(store, "batches") - batchesBefore;
  assert.ok(batches >= 1 && batches <= 500, `${batches} batches`);
  const afterPuts = sum(store, "requests");
  for (let i = 0; i < 500; i++) store.getSync(`key ${i}`);
  assert.is(sum(store, "requests"), afterPuts, "a read is no request: it is one-sided");
});

test("every slot has an owner", (store) => {
  assert.is(sum(store, "slots"), 4096);
  assert.is(store.stats().nodes.length, store.nodes);
  assert.is(new Set(store.stats().nodes.map((node) => node.id)).size, store.nodes);
});

test("live bytes are those of the records that can be read", async (store) => {
  const { liveBytes } = store.stats();
  await store.put("a", 1);
  const one = store.stats().liveBytes - liveBytes;
  assert.ok(one >= 28 + 1 + 1 && one <= 28 + 20, `${one} bytes for a small record`);
  await store.put("a", 2);
  assert.is(store.stats().liveBytes - liveBytes, one, "an overwrite replaces");
  await store.put("b", "x".repeat(1000));
  const two = store.stats().liveBytes - liveBytes - one;
  assert.ok(two >= 1028 && two <= 1060, `${two} bytes for a larger one`);
  await store.delete("b");
  await store.delete("a");
  assert.is(store.stats().liveBytes, liveBytes);
  assert.ok(store.stats().usedBytes >= liveBytes);
});

test("the count and what is pending", async (store) => {
  assert.is(store.stats().count, 0);
  const puts = ["a", "b", "c"].map((key) => store.put(key, 1));
  // The first one may have been made in the call.
  const { pending } = store.stats();
  assert.ok(pending === 2 || pending === 3, `${pending} pending`);
  await Promise.all(puts);
  assert.is(store.stats().pending, 0);
  assert.is(store.stats().count, 3);
});

test("the index grows with the keys, and not with overwrites", async (store) => {
  await store.putMany(Array.from({ length: 2000 }, (_, i) => [`key ${i}`, i]));
  const { indexBytes } = store.stats();
  assert.ok(indexBytes >= 2000 * 8, `${indexBytes} bytes for 2000 keys`);
  await store.putMany(Array.from({ length: 2000 }, (_, i) => [`key ${i}`, -i]));
  assert.is(store.stats().indexBytes, indexBytes);
});

test("stats are a picture of one moment", async (store) => {
  const before = store.stats();
  const copy = structuredClone(before);
  await store.put("a", 1);
  assert.equal(before, copy);
});

test.run();
