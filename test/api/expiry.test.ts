/**
 * Keys that expire. Times are short and waited for; no test looks at how long anything takes.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import * as assert from "uvu/assert";
import type { Key, Store } from "../../mod.ts";
import { contentsOf, SETUPS, storeSuite, until } from "../support/store_suite.ts";
import { applied } from "../support/versions.ts";

const test = storeSuite("expiry", SETUPS.slice(0, 2));

/** A time to live that has passed when {@linkcode expired} resolves. */
const SHORT_MS = 20;
/** A time to live that has not passed when the test is over. */
const LONG_MS = 3_600_000;

function expired(): Promise<void> {
  return setTimeout(SHORT_MS + 10);
}

test("a key is there until its time to live has passed", async (store) => {
  const before = Date.now();
  await store.put("a", 1, { ttl: LONG_MS });
  await store.put("b", 2, { ttl: SHORT_MS });
  const { expiresAt } = (await store.getEntry("a"))!;
  assert.ok(expiresAt! >= before + LONG_MS && expiresAt! <= Date.now() + LONG_MS);
  await expired();
  assert.is(await store.get("a"), 1);
  assert.is(await store.get("b"), undefined);
});

test("no operation sees a key that has expired", async (store) => {
  await store.put("a", 1, { ttl: SHORT_MS });
  await store.put("b", 2);
  await expired();
  assert.is(store.getSync("a"), undefined);
  assert.is(await store.getEntry("a"), undefined);
  assert.is(await store.has("a"), false);
  assert.equal(await store.getMany(["a", "b"]), [undefined, 2]);
  assert.equal(await contentsOf(store), [["b", 2]]);
  const keys: unknown[] = [];
  for await (const key of store.keys()) keys.push(key);
  assert.equal(keys, ["b"]);
  assert.is(await store.delete("a"), false);
});

test("an expired key can be stored again, also if it must not exist", async (store) => {
  let version: number | undefined;
  while (version === undefined) {
    await store.put("a", 1, { ttl: SHORT_MS });
    // On a busy machine it may have expired by now.
    version = (await store.getEntry("a"))?.version;
  }
  await expired();
  assert.is(await applied(store.compareAndSet("a", version, 2)), false);
  assert.is(await applied(store.compareAndSet("a", null, 3)), true);
  assert.is(await store.get("a"), 3);
  assert.ok((await store.getEntry("a"))!.version > version);
});

test("update and increment start anew with an expired key", async (store) => {
  await store.put("n", 100, { ttl: SHORT_MS });
  await expired();
  assert.is(await store.increment("n", 5), 5);
  await store.put("u", 1, { ttl: SHORT_MS });
  await expired();
  assert.is(await store.update("u", (old) => old === undefined ? "new" : "old"), "new");
  assert.is((await store.getEntry("u"))?.expiresAt, undefined);
});

test("a put without a time to live takes it away, one with another replaces it", async (store) => {
  await store.put("a", 1, { ttl: SHORT_MS });
  await store.put("a", 2);
  await store.put("b", 1, { ttl: SHORT_MS });
  await store.put("b", 2, { ttl: LONG_MS });
  await store.put("c", 1, { ttl: LONG_MS });
  await store.put("c", 2, { ttl: SHORT_MS });
  await expired();
  assert.equal(await store.getMany(["a", "b", "c"]), [2, 2, undefined]);
});

test("update and increment keep the expiry time unless they are given another", async (store) => {
  await store.put("a", 1, { ttl: LONG_MS });
  const { expiresAt } = (await store.getEntry("a"))!;
  await store.increment("a");
  await store.update("a", (old) => (old as number) + 1);
  assert.is((await store.getEntry("a"))?.expiresAt, expiresAt);
  await store.update("a", (old) => old, { ttl: LONG_MS / 2 });
  assert.ok((await store.getEntry("a"))!.expiresAt! < expiresAt!);
  await store.update("a", (old) => old, { ttl: SHORT_MS });
  await expired();
  assert.is(await store.has("a"), false);
});

test("putMany, putSync and compareAndSet take a time to live too", async (store) => {
  const ttl = SHORT_MS;
  await store.putMany([["a", 1], ["b", 2]], { ttl });
  store.putSync("c", 3, { ttl });
  await store.compareAndSet("d", null, 4, { ttl });
  await store.compareAndSet("e", null, 5);
  await store.compareAndSet("e", (await store.getEntry("e"))!.version, 6, { ttl });
  await store.put("f", 7);
  await expired();
  for (const key of "abcde") assert.is(store.hasSync(key), false, key);
  assert.is(await store.get("f"), 7);
});

test("a time at which a key expires, for all that take a time to live", async (store) => {
  const expiresAt = Date.now() + LONG_MS;
  await store.put("a", 1, { expiresAt });
  await store.putMany([["b", 2]], { expiresAt });
  store.putSync("c", 3, { expiresAt });
  await store.compareAndSet("d", null, 4, { expiresAt });
  store.compareAndSetSync("e", null, 5, { expiresAt });
  await store.update("f", () => 6, { expiresAt });
  await store.increment("g", 7, { expiresAt });
  await store.put("h", 8, { expiresAt: expiresAt - 0.5 });
  for (const key of "abcdefgh") assert.is((await store.getEntry(key))?.expiresAt, expiresAt, key);
  await store.put("a", 1, { expiresAt: 1 });
  assert.is(await store.has("a"), false, "in the past");
});

test("Infinity takes the expiry time away", async (store) => {
  for (const options of [{ ttl: Infinity }, { expiresAt: Infinity }]) {
    await store.put("a", 1, { ttl: LONG_MS });
    await store.update("a", (old) => old, options);
    assert.is((await store.getEntry("a"))?.expiresAt, undefined);
    await store.put("a", 1, { ttl: LONG_MS });
    await store.increment("a", 1, options);
    assert.is((await store.getEntry("a"))?.expiresAt, undefined);
    await store.put("a", 1, options);
    assert.is((await store.getEntry("a"))?.expiresAt, undefined);
  }
});

test("an increment may give a key a time to live, or only a new one", async (store) => {
  assert.is(await store.increment("a", 1, { ttlIfNew: LONG_MS }), 1);
  const { expiresAt } = (await store.getEntry("a"))!;
  assert.ok(Math.abs(expiresAt! - Date.now() - LONG_MS) < 60_000);
  assert.is(await store.increment("a", 1, { ttlIfNew: 2 * LONG_MS }), 2);
  assert.is((await store.getEntry("a"))!.expiresAt, expiresAt);
  assert.is(await store.increment("a", 1, { ttl: 2 * LONG_MS }), 3);
  assert.ok((await store.getEntry("a"))!.expiresAt! > expiresAt!);
  await store.put("a", 1, { ttl: SHORT_MS });
  await expired();
  assert.is(await store.increment("a", 5, { ttlIfNew: LONG_MS }), 5, "one that has expired is new");
  assert.ok((await store.getEntry("a"))!.expiresAt! > Date.now());
  await store.put("forever", 1);
  await store.increment("forever", 1, { ttlIfNew: LONG_MS });
  assert.is((await store.getEntry("forever"))?.expiresAt, undefined);
});

test("a fraction of a millisecond is a time to live", async (store) => {
  await store.put("a", 1, { ttl: 0.1 });
  await setTimeout(5);
  assert.is(await store.has("a"), false);
});

test("expired keys leave the count and give back their space, and what replaced them stays", async (store) => {
  const stays = (i: number) => i % 4 === 0;
  for (let i = 0; i < 300; i++) if (stays(i)) void store.put(`key ${i}`, "new");
  await store.flush();
  const { liveBytes } = store.stats();
  for (let i = 0; i < 300; i++) void store.put(`key ${i}`, "old", { ttl: SHORT_MS });
  for (let i = 0; i < 300; i++) {
    if (stays(i)) void store.put(`key ${i}`, "new");
    else if (i % 4 === 1) void store.delete(`key ${i}`);
  }
  await store.flush();
  // A key that is counted no more gives back its space within the same step.
  await until(() => store.count === 75 && store.stats().liveBytes === liveBytes);
  // The cleaner may have come first for some of them.
  assert.ok(expiredCount(store) > 0);
  for (let i = 0; i < 300; i++) {
    assert.is(store.getSync(`key ${i}`), stays(i) ? "new" : undefined, `key ${i}`);
  }
});

function expiredCount(store: Store<unknown, Key>): number {
  return store.stats().nodes.reduce((sum, node) => sum + node.expired, 0);
}

test.run();
