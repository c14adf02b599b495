/**
 * Watches of keys, as an application sees them, on each kind of store.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import * as assert from "uvu/assert";
import { WATCH_KEYS_MAX } from "../../lib/core/limits.ts";
import { InvalidArgumentError, InvalidKeyError } from "../../mod.ts";
import { assertThrows, type Refusal } from "../support/errors.ts";
import { storeSuite } from "../support/store_suite.ts";
import { WatchedItems } from "../support/watched_items.ts";

const INVALID: Refusal = {
  type: InvalidArgumentError,
  code: "DINOMO_INVALID_ARGUMENT",
  says: /^(keys|keepAlive|signal|options) must be/,
};
const INVALID_KEY: Refusal = { type: InvalidKeyError, code: "DINOMO_INVALID_KEY", says: /^key / };

/** What is told may be all that the process waits for. */
const ALIVE = { keepAlive: true };

const test = storeSuite("watching keys");

test("first the entries as they are, then again when one has changed", async (store) => {
  const version = await store.put("a", 1);
  const watch = store.watch(["a", "b"], ALIVE);
  assert.equal((await watch.next()).value, [{ value: 1, version }, undefined]);
  const next = watch.next();
  await store.put("b", 2);
  const [a, b] = (await next).value;
  assert.equal(a, { value: 1, version });
  assert.is(b.value, 2);
  await store.delete("a");
  const [gone, same] = (await watch.next()).value;
  assert.is(gone, undefined);
  assert.is(same, b, "what has not changed is the same object");
  assert.equal(await watch.return!(), { done: true, value: undefined });
  assert.equal(await watch.next(), { done: true, value: undefined });
});

test("every kind of change is told", async (store) => {
  const watched = new WatchedItems(store.watch(["k"]));
  const is = (value: unknown) => watched.until(([entry]) => entry?.value === value);
  await is(undefined);
  store.putSync("k", 1);
  await is(1);
  await store.increment("k", 4);
  await is(5);
  await store.update("k", (old) => (old as number) * 2);
  await is(10);
  assert.ok(await store.compareAndSet("k", watched.last![0]!.version, 11));
  await is(11);
  await store.touch("k", { ttl: 1e6 });
  await watched.until(([entry]) => entry?.expiresAt !== undefined);
  await store.putMany([["k", 12], ["l", 1]]);
  await is(12);
  await store.put("k", "x".repeat(3000));
  await is("x".repeat(3000));
  await store.getAndDelete("k");
  await is(undefined);
  await store.put("k", 13);
  await is(13);
  await store.clear();
  await is(undefined);
  for (const [before, after] of pairsOf(watched.items)) assert.is.not(before[0], after[0]);
});

function pairsOf<Item>(items: readonly Item[]): [Item, Item][] {
  return items.slice(1).map((item, i) => [items[i]!, item]);
}

test("a key that expires is told when its time has come", async (store) => {
  const watched = new WatchedItems(store.watch(["short", "long"]));
  await store.put("long", 2, { ttl: 1e9 });
  const isSeen = () => watched.items.some(([short]) => short !== undefined);
  // On a machine that is busy the key may be gone before it is seen.
  for (let ttl = 40; !isSeen(); ttl *= 2) {
    await store.put("short", 1, { ttl });
    while (!isSeen() && await store.has("short")) await setTimeout(1);
  }
  await watched.until(([short, long]) => short === undefined && long !== undefined);
});

test(
  "a slow consumer gets the newest state of each key, and no older one later",
  async (store, random) => {
    const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`);
    const expected = new Map<string, number | undefined>();
    let isOver = false;
    const consumed = (async () => {
      const versions = keys.map(() => 0);
      let count = 0;
      for await (const entries of store.watch(keys, ALIVE)) {
        count += 1;
        for (const [i, entry] of entries.entries()) {
          if (entry === undefined) continue;
          assert.ok(entry.version >= versions[i]!, `${keys[i]} went back`);
          versions[i] = entry.version;
        }
        const isLast = keys.every((key, i) => entries[i]?.value === expected.get(key));
        if (isOver && isLast) return count;
        await setTimeout(3);
      }
      return count;
    })();
    for (let i = 0; i < 1500; i++) {
      const key = random.pick(keys);
      const isDelete = random.next() < 0.2;
      expected.set(key, isDelete ? undefined : i);
      const end = isDelete ? store.delete(key) : store.put(key, i);
      if (i % 16 === 0) await end;
    }
    await store.flush();
    isOver = true;
    // In case that everything was seen already.
    expected.set("key 0", -1);
    await store.put("key 0", -1);
    const count = await consumed;
    assert.ok(count < 1500, `${count} items for 1500 changes`);
  },
);

test("several watches of the same key, and a key several times in one", async (store) => {
  const watches = [["k", "k"], ["k"], ["other", "k"]].map((keys) => store.watch(keys, ALIVE));
  for (const watch of watches) await watch.next();
  const nexts = watches.map((watch) => watch.next());
  await store.put("k", 1);
  for (const next of nexts) {
    const { value } = await next;
    assert.is(value.at(-1).value, 1);
    if (value.length === 2 && value[0] !== undefined) assert.is(value[0].value, 1);
  }
  await watches[1]!.return!();
  const next = watches[0]!.next();
  await store.put("k", 2);
  assert.is((await next).value[1].value, 2);
  for (const watch of watches) await watch.return!();
});

test("calls of next that are not awaited get one item each, in order", async (store) => {
  const watch = store.watch(["k"], ALIVE);
  const items = [watch.next(), watch.next(), watch.next()];
  assert.is((await items[0]!).value[0], undefined);
  await store.put("k", 1);
  assert.is((await items[1]!).value[0].value, 1);
  await store.put("k", 2);
  assert.is((await items[2]!).value[0].value, 2);
  await watch.return!();
});

test("return ends a call of next that waits", async (store) => {
  const watch = store.watch(["k"], ALIVE);
  await watch.next();
  const next = watch.next();
  await watch.return!();
  assert.equal(await next, { done: true, value: undefined });
});

test("a signal ends a watch with its reason", async (store) => {
  const controller = new AbortController();
  const watch = store.watch(["k"], { signal: controller.signal });
  await watch.next();
  const next = watch.next();
  const reason = new Error("enough");
  controller.abort(reason);
  assert.is(await next.catch((error) => error), reason);
  assert.is((await watch.next()).done, true);
  const late = store.watch(["k"], { signal: controller.signal });
  assert.is(await late.next().catch((error) => error), reason);
});

test("keys in a namespace are its own", async (store) => {
  const users = store.namespace<number>("user:");
  const watched = new WatchedItems(users.watch(["1"]));
  await watched.until(([entry]) => entry === undefined);
  await store.put("1", 7);
  await store.put("user:1", 8);
  await watched.until(([entry]) => entry?.value === 8);
  assert.is(watched.items.length, 2);
});

test("bytes are keys, too, and may be changed afterwards", async (store) => {
  const key = Uint8Array.of(1, 2, 3);
  const watch = store.watch([key], ALIVE);
  key[0] = 9;
  await watch.next();
  const next = watch.next();
  await store.put(Uint8Array.of(1, 2, 3), 5);
  assert.is((await next).value[0].value, 5);
  await watch.return!();
});

test("what is wrong is refused in the call", (store) => {
  const badKeys: unknown[] = [[], new Array(WATCH_KEYS_MAX + 1).fill("k"), 5];
  for (const keys of badKeys) {
    assertThrows(() => store.watch(keys as string[]), INVALID);
  }
  assertThrows(() => store.watch([""]), INVALID_KEY);
  const badOptions: unknown[] = [5, { keepAlive: 1 }, { signal: 3 }, { other: 1 }];
  for (const options of badOptions) {
    assertThrows(() => store.watch(["k"], options as object), INVALID);
  }
});

test("a watch that has not begun costs nothing", async (store) => {
  for (let i = 0; i < 10_000; i++) store.watch(["k"]);
  await store.put("k", 1);
});

test.run();
