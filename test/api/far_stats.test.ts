/**
 * What the KNs of a far pool count.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open, type OpenOptions, type Store } from "../../mod.ts";

const OPTIONS: OpenOptions = { placement: "far", capacity: "16MiB" };

function figures(store: Store<unknown>) {
  return store.stats().nodes[0]!.far!;
}

test("a value that is cached costs no round trip", async () => {
  await using store = await open(OPTIONS);
  await store.put("a", "x");
  await store.get("a");
  const before = figures(store);
  assert.is(before.writes > 0, true);
  for (let i = 0; i < 10; i++) assert.is(await store.get("a"), "x");
  const after = figures(store);
  assert.is(after.roundTrips, before.roundTrips);
  assert.is(after.valueHits - before.valueHits, 10);
});

test("without a cache, what is merged costs a bucket and a record, what is not costs nothing", async () => {
  await using store = await open({ ...OPTIONS, cache: 0 });
  await store.put("a", "x");
  assert.is(store.count, 1);
  const before = figures(store);
  for (let i = 0; i < 10; i++) assert.is(await store.get("a"), "x");
  const after = figures(store);
  assert.is(after.reads - before.reads + 2 * (after.logHits - before.logHits), 20);
  assert.is(after.misses + after.logHits - before.misses - before.logHits, 10);
  assert.ok(after.bytesRead >= before.bytesRead);
});

test("nothing of it is counted in a near pool", async () => {
  await using store = await open({ capacity: "16MiB" });
  assert.is(store.stats().nodes[0]!.far, undefined);
});

test.run();
