/**
 * A store that evicts: it refuses nothing that fits, keeps what is read, never returns anything
 * older, holds its bounds, and is warm when it is opened again.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { attach, InvalidOptionError, open, type Store, ValueTooLargeError } from "../../mod.ts";
import { errorOf } from "../support/errors.ts";
import { copyAsKilled } from "../support/killed_copy.ts";
import { type Random, seeded } from "../support/random.ts";
import { temporaryPath } from "../support/temporary.ts";

/** As small as a cache can be. */
const TINY = {
  whenFull: "evict",
  codec: "binary",
  capacity: "256KiB",
  segmentBytes: "4KiB",
  ringBytes: "8KiB",
} as const;
const CAPACITY_BYTES = 256 * 1024;
const LENGTH = 200;

function valueOf(tag: number, length = LENGTH): Uint8Array<ArrayBuffer> {
  const value = new Uint8Array(length).fill(tag & 0xff);
  new DataView(value.buffer).setInt32(0, tag, true);
  return value;
}

function tagOf(value: Uint8Array): number {
  return new DataView(value.buffer, value.byteOffset).getInt32(0, true);
}

/** Puts and reads keys at random, and checks that a read finds the newest value or nothing. */
async function exercise(
  store: Store<Uint8Array>,
  random: Random,
  operationCount: number,
  valueBytesMax: number,
): Promise<{ hits: number; misses: number }> {
  const newest = new Map<string, number>();
  const seen = { hits: 0, misses: 0 };
  for (let i = 0; i < operationCount; i++) {
    const key = `key ${random.below(400)}`;
    const choice = random.next();
    if (choice < 0.5) {
      newest.set(key, i);
      const value = valueOf(i, random.between(4, valueBytesMax));
      if (choice < 0.4) store.putSync(key, value);
      else await store.put(key, value);
    } else if (choice < 0.55) {
      store.deleteSync(key);
      newest.delete(key);
    } else {
      const value = store.getSync(key);
      if (value === undefined) {
        seen.misses += 1;
        // It is gone for good.
        newest.delete(key);
      } else {
        seen.hits += 1;
        assert.is(tagOf(value), newest.get(key), key);
      }
    }
  }
  return seen;
}

test(
  "a full cache refuses nothing, and never returns anything older",
  seeded(async (random) => {
    for (const valueBytesMax of [300, 2000, 3900]) {
      await using store = await open<Uint8Array>({ ...TINY, nodes: 2 });
      let wasNearlyFull = false;
      store.addEventListener("poolnearlyfull", () => wasNearlyFull = true);
      const { hits, misses } = await exercise(store, random, 6000, valueBytesMax);
      assert.ok(hits > 0 && misses > 0, `${hits} hits, ${misses} misses`);
      const { evicted, liveBytes } = store.stats();
      if (valueBytesMax > 300) assert.ok(evicted > 100, `${evicted} were evicted`);
      assert.ok(liveBytes <= CAPACITY_BYTES, `${liveBytes} live bytes`);
      assert.not(wasNearlyFull, "it is always full");
    }
  }),
);

test("many puts at one time find room", async () => {
  await using store = await open<Uint8Array>(TINY);
  const puts = Array.from({ length: 5000 }, (_, i) => store.put(`key ${i}`, valueOf(i)));
  await Promise.all(puts);
  await store.putMany(
    Array.from({ length: 5000 }, (_, i) => [`other ${i}`, valueOf(i)] as const),
  );
  assert.is(tagOf(store.getSync("other 4999")!), 4999, "the newest is there");
  assert.is(store.getSync("key 0"), undefined, "the oldest is not");
  assert.ok(store.stats().evicted > 5000);
});

test("values as large as a segment come and go", async () => {
  await using store = await open<Uint8Array>(TINY);
  for (let i = 0; i < 500; i++) {
    const key = `key ${i % 150}`;
    await store.put(key, valueOf(i, 3900));
    assert.is(tagOf(store.getSync(key)!), i);
    for (let read = 0; read < 150; read++) store.getSync(`key ${read}`);
  }
  const error = await errorOf(() => store.put("key", new Uint8Array(5000)));
  assert.instance(error, ValueTooLargeError, "what does not fit a segment is refused as ever");
});

test("what is read stays", async () => {
  await using store = await open<Uint8Array>(TINY);
  for (let i = 0; i < 20; i++) await store.put(`hot ${i}`, valueOf(i));
  for (let i = 0; i < 10_000; i++) {
    await store.put(`cold ${i}`, valueOf(i));
    store.getSync(`hot ${i % 20}`);
  }
  for (let i = 0; i < 20; i++) assert.is(tagOf(store.getSync(`hot ${i}`)!), i, `hot ${i}`);
});

test("iteration and has() keep nothing from going", async () => {
  await using store = await open<Uint8Array>(TINY);
  for (let i = 0; i < 20; i++) await store.put(`seen ${i}`, valueOf(i));
  for (let i = 0; i < 3000; i++) {
    await store.put(`cold ${i}`, valueOf(i));
    store.hasSync(`seen ${i % 20}`);
    if (i % 200 !== 0) continue;
    for await (const _ of store.entries({ prefix: "seen " })) continue;
    for (const _ of store.entriesSync({ prefix: "seen " })) continue;
  }
  const left = Array.from({ length: 20 }, (_, i) => store.hasSync(`seen ${i}`)).filter(Boolean);
  assert.is(left.length, 0);
});

test("a key that was dropped and comes back has a better start, and so has one that is overwritten", async () => {
  await using store = await open<Uint8Array>(TINY);
  const churn = async (from: number, count: number) => {
    for (let i = from; i < from + count; i++) await store.put(`cold ${i}`, valueOf(i));
  };
  await store.put("back", valueOf(1));
  // Until it has gone, but not for longer than it is remembered.
  let put = 0;
  for (; store.hasSync("back") && put < 5000; put += 10) await churn(put, 10);
  assert.not(store.hasSync("back"));
  await store.put("back", valueOf(2));
  await store.put("overwritten", valueOf(3));
  await store.put("overwritten", valueOf(4));
  await store.put("once", valueOf(5));
  for (const end = put + 5000; store.hasSync("once") && put < end; put += 10) await churn(put, 10);
  assert.not(store.hasSync("once"));
  assert.is(tagOf(store.getSync("back")!), 2);
  assert.is(tagOf(store.getSync("overwritten")!), 4);
});

test("expired keys are absent, and others go all the same", async () => {
  await using store = await open<Uint8Array>(TINY);
  await store.put("short", valueOf(1), { ttl: 1 });
  for (let i = 0; i < 3000; i++) await store.put(`key ${i}`, valueOf(i), { ttl: 1_000_000 });
  assert.is(store.getSync("short"), undefined);
  assert.ok(store.count < 3000);
  assert.is(tagOf(store.getSync("key 2999")!), 2999);
});

for (const nodes of [1, 3]) {
  test(`maxEntries bounds the keys, with ${nodes} KNs`, async () => {
    await using store = await open<number>({
      whenFull: "evict",
      capacity: "16MiB",
      maxEntries: 500,
      nodes,
    });
    for (let i = 0; i < 3000; i++) {
      await store.put(`key ${i}`, i);
      // Others of the store's threads may be between a put and its end.
      assert.ok(store.count <= 500 + nodes, `${store.count} keys`);
    }
    assert.ok(store.count > 450, `${store.count} keys are left`);
    assert.ok(store.stats().evicted >= 2500);
    assert.is(store.getSync("key 2999"), 2999, "the newest is there");
    await store.clear();
    assert.is(store.count, 0);
    for (let i = 0; i < 400; i++) await store.put(`key ${i}`, i);
    assert.is(store.count, 400, "none has to go below the bound");
  });
}

test("maxEntries keeps what is read", async () => {
  await using store = await open<number>({ whenFull: "evict", maxEntries: 300 });
  for (let i = 0; i < 30; i++) await store.put(`hot ${i}`, i);
  for (let i = 0; i < 3000; i++) {
    store.getSync(`hot ${i % 30}`);
    await store.put(`cold ${i}`, i);
  }
  const hot = Array.from({ length: 30 }, (_, i) => store.getSync(`hot ${i}`));
  assert.ok(hot.filter((value) => value !== undefined).length >= 28);
});

test("the shapes of objects survive what is evicted", async () => {
  await using store = await open<{ id: number; name: string }>({
    whenFull: "evict",
    capacity: "256KiB",
    segmentBytes: "4KiB",
  });
  for (let i = 0; i < 5000; i++) {
    await store.put(`key ${i}`, { id: i, name: "a name of some length" });
  }
  let found = 0;
  for (let i = 0; i < 5000; i++) {
    const value = store.getSync(`key ${i}`);
    if (value === undefined) continue;
    found += 1;
    assert.equal(value, { id: i, name: "a name of some length" });
  }
  assert.ok(found > 500 && found < 5000, `${found} are left`);
});

for (const durability of ["memory", "os", "disk"] as const) {
  test(`a cache at a path is warm when it is opened again, at the level ${durability}`, async () => {
    const path = temporaryPath();
    const options = { ...TINY, path, durability, maxEntries: 100_000 };
    const store = await open<Uint8Array>(options);
    const count = 1500;
    for (let i = 0; i < count; i++) await store.put(`key ${i}`, valueOf(i, 250));
    const left = store.count;
    await store.close();
    await using again = await open<Uint8Array>(options);
    // A cleaner that was at work when they were counted has come to its end.
    assert.ok(again.count <= left && again.count > 0.8 * left, `${again.count} of ${left}`);
    assert.ok(left > 200 && left < count);
    assert.is(tagOf(again.getSync(`key ${count - 1}`)!), count - 1);
    for (let i = 0; i < count; i++) await again.put(`more ${i}`, valueOf(i, 250));
    assert.is(tagOf(again.getSync(`more ${count - 1}`)!), count - 1, "and it goes on");
  });
}

test("what was dropped, and then deleted or cleared, does not come back after a crash", async () => {
  const path = temporaryPath();
  const options = { ...TINY, path, durability: "os", maxEntries: 50 } as const;
  await using store = await open<Uint8Array>(options);
  const keys = Array.from({ length: 50 }, (_, i) => `key ${i}`);
  for (const [i, key] of keys.entries()) await store.put(key, valueOf(i));
  await store.snapshot();
  for (let i = 0; i < 200; i++) await store.put(`other ${i}`, valueOf(i));
  const dropped = keys.filter((key) => !store.hasSync(key));
  assert.ok(dropped.length > 40, `${dropped.length} of 50 were dropped`);
  const leave = () => copyAsKilled(path);
  assert.is(await store.delete(dropped[0]!), false);
  await using afterDelete = await open<Uint8Array>({ ...options, path: leave(), maxEntries: 1000 });
  assert.is(afterDelete.getSync(dropped[0]!), undefined, "what was deleted");
  assert.ok(afterDelete.getSync(dropped[1]!), "what was dropped only is there again");
  await store.clear();
  await using afterClear = await open<Uint8Array>({ ...options, path: leave(), maxEntries: 1000 });
  assert.is(afterClear.count, 0);
});

test("a pool may be a store in one life and a cache in the next", async () => {
  const path = temporaryPath();
  const store = await open<Uint8Array>({ ...TINY, path, whenFull: "refuse" });
  for (let i = 0; i < 500; i++) await store.put(`key ${i}`, valueOf(i));
  await store.close();
  const cache = await open<Uint8Array>({ ...TINY, path });
  for (let i = 0; i < 3000; i++) await cache.put(`more ${i}`, valueOf(i));
  assert.ok(cache.stats().evicted > 500);
  await cache.close();
  await using again = await open<Uint8Array>({ ...TINY, path, whenFull: "refuse" });
  assert.is(tagOf(again.getSync("more 2999")!), 2999);
  assert.is(again.stats().evicted, 0);
});

test("a pool of few segments is no cache", async () => {
  const path = temporaryPath();
  const sizes = { path, capacity: "256KiB", segmentBytes: "16KiB" } as const;
  await (await open(sizes)).close();
  const error = await errorOf(() => open({ path, whenFull: "evict" }));
  assert.instance(error, InvalidOptionError);
  assert.match(
    (error as Error).message,
    'whenFull must be "refuse" for a pool of fewer than 64 segments, got "evict" for 16',
  );
  await using store = await open(sizes);
  assert.is(store.count, 0, "and can be opened as before");
});

test("compaction moves what is there, and drops nothing", async () => {
  await using store = await open<Uint8Array>({ ...TINY, capacity: "1MiB" });
  for (let i = 0; i < 3000; i++) await store.put(`key ${i}`, valueOf(i));
  for (let i = 0; i < 3000; i++) if (i % 10 !== 0) await store.delete(`key ${i}`);
  const { evicted } = store.stats();
  const count = store.count;
  await store.compact();
  assert.is(store.count, count);
  assert.is(store.stats().evicted, evicted);
  assert.is(tagOf(store.getSync("key 2990")!), 2990);
});

test("an attached thread's reads count, too", async () => {
  await using store = await open<Uint8Array>(TINY);
  await using other = await attach<Uint8Array>(store.share(), { codec: "binary" });
  await store.put("hot", valueOf(1));
  for (let i = 0; i < 5000; i++) {
    await other.put(`cold ${i}`, valueOf(i));
    other.getSync("hot");
  }
  assert.is(tagOf(store.getSync("hot")!), 1);
});

test.run();
