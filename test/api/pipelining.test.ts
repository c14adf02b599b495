/**
 * Operations that are issued without waiting for each other: they apply in order, and a reader sees
 * its own writes.
 *
 * @module
 */
import * as assert from "uvu/assert";
import { storeSuite } from "../support/store_suite.ts";
import { applied } from "../support/versions.ts";

const test = storeSuite("pipelining");

test("a read sees the write that was issued just before it", async (store) => {
  for (let i = 0; i < 30; i++) {
    const put = store.put("a", i);
    assert.is(await store.get("a"), i);
    void store.put("a", -i);
    assert.is(store.getSync("a"), -i || 0);
    void store.put("a", `entry ${i}`);
    assert.is((await store.getEntry("a"))?.value, `entry ${i}`);
    void store.put("a", `sync ${i}`);
    assert.is(store.getEntrySync("a")?.value, `sync ${i}`);
    void store.delete("a");
    assert.is(await store.has("a"), false);
    void store.put("a", i);
    assert.is(store.hasSync("a"), true);
    await put;
  }
});

test("a read that was issued before a write need not see it, one after it must", async (store) => {
  await store.put("a", "old");
  const reads: Promise<unknown>[] = [];
  for (let i = 0; i < 50; i++) {
    void store.put("a", i);
    reads.push(store.get("a"));
  }
  const values = await Promise.all(reads);
  values.forEach((value, i) => assert.ok((value as number) >= i, `read ${i} saw ${value}`));
});

test("getMany sees the writes that were issued before it", async (store) => {
  for (let i = 0; i < 200; i++) void store.put(`key ${i}`, i);
  const keys = Array.from({ length: 200 }, (_, i) => `key ${i}`);
  assert.equal(await store.getMany(keys), keys.map((_, i) => i));
});

test("operations on one key apply in the order in which they were issued", async (store) => {
  const outcomes = await Promise.all([
    applied(store.put("a", 1)),
    store.delete("a"),
    store.delete("a"),
    applied(store.put("a", 2)),
    applied(store.put("a", 3)),
    applied(store.compareAndSet("a", null, 4)),
    store.delete("a"),
    applied(store.compareAndSet("a", null, 5)),
    applied(store.compareAndSet("a", null, 6)),
  ]);
  assert.equal(outcomes, [true, true, false, true, true, false, true, true, false]);
  assert.is(await store.get("a"), 5);
});

test("a synchronous put takes its turn behind what was issued before it", async (store) => {
  const order: string[] = [];
  const first = store.put("a", 1).then(() => order.push("first"));
  store.putSync("a", 2);
  assert.is(store.getSync("a"), 2);
  const second = store.put("a", 3).then(() => order.push("second"));
  assert.is(store.deleteSync("a"), true);
  assert.is(store.hasSync("a"), false);
  await Promise.all([first, second]);
  assert.equal(order, ["first", "second"]);
  assert.is(await store.get("a"), undefined);
});

test("more puts at once than rings and completions have room for", async (store) => {
  const puts = Array.from({ length: 2000 }, (_, i) => store.put(`key ${i % 700}`, i));
  await Promise.all(puts);
  for (let i = 0; i < 700; i++) assert.is(store.getSync(`key ${i}`), lastBelow(2000, i, 700));
  assert.is(store.count, 700);
});

test("promises of one key resolve in order", async (store) => {
  const resolved: number[] = [];
  await Promise.all(
    Array.from({ length: 300 }, (_, i) => store.put("a", i).then(() => resolved.push(i))),
  );
  assert.equal(resolved, Array.from({ length: 300 }, (_, i) => i));
});

test("values of very different sizes in one burst", async (store) => {
  const sizes = Array.from({ length: 300 }, (_, i) => (i * 37) % 1500);
  await Promise.all(sizes.map((size, i) => store.put(`key ${i % 50}`, "x".repeat(size))));
  for (let i = 0; i < 50; i++) {
    assert.is((store.getSync(`key ${i}`) as string).length, sizes[lastBelow(300, i, 50)]);
  }
});

test("random bursts against a Map", async (store, random) => {
  const model = new Map<string, number>();
  const checks: Promise<unknown>[] = [];
  for (let i = 0; i < 1500; i++) {
    const key = `key ${random.below(60)}`;
    const context = `step ${i}`;
    switch (random.below(5)) {
      case 0:
        checks.push(expect(store.delete(key), model.delete(key), context));
        break;
      case 1:
        checks.push(expect(applied(store.compareAndSet(key, null, i)), !model.has(key), context));
        if (!model.has(key)) model.set(key, i);
        break;
      case 2:
        if (random.below(10) === 0) assert.is(store.getSync(key), model.get(key), context);
        break;
      default:
        checks.push(store.put(key, i));
        model.set(key, i);
    }
    if (random.below(100) === 0) await Promise.all(checks.splice(0));
  }
  await Promise.all(checks);
  for (let i = 0; i < 60; i++) assert.is(store.getSync(`key ${i}`), model.get(`key ${i}`));
  assert.is(store.count, model.size);
});

test("a tick's operations on many keys, with reads between them", async (store) => {
  for (let round = 0; round < 20; round++) {
    const work: Promise<unknown>[] = [];
    for (let i = 0; i < 40; i++) {
      work.push(store.put(`key ${i}`, round));
      work.push(expect(store.get(`key ${i}`), round, `round ${round}, key ${i}`));
    }
    await Promise.all(work);
  }
});

/** The largest number below `limit` that is `i` modulo `step`. */
function lastBelow(limit: number, i: number, step: number): number {
  return i + step * Math.floor((limit - 1 - i) / step);
}

async function expect<T>(promise: Promise<T>, expected: T, context: string): Promise<void> {
  assert.is(await promise, expected, context);
}

test.run();
