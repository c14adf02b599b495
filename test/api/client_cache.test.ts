/**
 * The option `cache`, as an application meets it; unit/client_cache.test.ts has the protocol.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { attach, type AttachOptions, InvalidOptionError, open } from "../../mod.ts";
import { errorOf } from "../support/errors.ts";
import { until } from "../support/store_suite.ts";

interface User {
  name: string;
  tags: string[];
}

const SIZES = { capacity: "4MiB" } as const;
const ADA: User = { name: "Ada", tags: ["first"] };

test("every way to read a value shares one frozen object, until the key changes", async () => {
  await using store = await open<User>({ ...SIZES, cache: "1MiB" });
  await store.put("ada", ADA);
  const user = store.getSync("ada")!;
  assert.equal(user, ADA);
  assert.is(await store.get("ada"), user);
  assert.is((await store.getMany(["ada", "bob"]))[0], user);
  assert.is((await store.getEntry("ada"))!.value, user);
  assert.is(store.getEntrySync("ada")!.version, (await store.getEntry("ada"))!.version);
  for await (const [, value] of store.entries()) assert.is(value, user);
  assert.throws(() => user.tags.push("second"), TypeError);
  assert.throws(() => (user.name = "Eve"), TypeError);
  assert.not(Object.isFrozen(ADA), "what was given to put is the caller's own");
  store.putSync("ada", { ...ADA, name: "Ada L." });
  assert.is(store.getSync("ada")!.name, "Ada L.");
  await store.delete("ada");
  assert.is(store.getSync("ada"), undefined);
});

test("a read sees this thread's own writes, awaited or not", async () => {
  await using store = await open<number>({ ...SIZES, cache: "1MiB" });
  for (let i = 0; i < 100; i++) {
    void store.put("count", i);
    assert.is(i % 2 === 0 ? store.getSync("count") : await store.get("count"), i);
  }
});

test("update and increment work on values of their own", async () => {
  await using store = await open<User>({ ...SIZES, cache: "1MiB" });
  await store.put("ada", ADA);
  const before = store.getSync("ada")!;
  await store.update("ada", (user) => {
    user!.tags.push("second");
    return user!;
  });
  assert.equal(store.getSync("ada")!.tags, ["first", "second"]);
  assert.equal(before.tags, ["first"]);
  await using counters = await open<number>({ ...SIZES, cache: "1MiB" });
  for (let i = 1; i <= 10; i++) {
    assert.is(await counters.increment("n"), i);
    assert.is(counters.getSync("n"), i);
  }
});

test("values that cannot be frozen are everybody's own", async () => {
  await using store = await open<unknown>({ ...SIZES, cache: "1MiB" });
  for (const value of [new Uint8Array([1, 2]), new Date(5), new Map([["a", 1]]), new Set([1])]) {
    await store.put("key", { value });
    const first = store.getSync("key");
    assert.equal(first, { value });
    assert.is.not(store.getSync("key"), first);
    assert.not(Object.isFrozen(first));
  }
  assert.is(store.stats().cache!.entries, 0);
});

test("a cached value expires", async () => {
  await using store = await open<number>({ ...SIZES, cache: "1MiB" });
  await store.put("key", 1, { ttl: 60 });
  const { hits } = store.stats().cache!;
  // It may have expired by now, if this thread had to wait.
  if (store.getSync("key") === 1 && store.getSync("key") === 1) {
    assert.is(store.stats().cache!.hits, hits + 1);
  }
  await until(() => store.getSync("key") === undefined);
});

test("figures, and a budget that is kept", async () => {
  await using store = await open<string>({ ...SIZES, cache: "16KiB" });
  assert.equal(store.stats().cache, {
    hits: 0,
    misses: 0,
    entries: 0,
    bytes: 0,
    bytesMax: 16 * 1024,
  });
  for (let i = 0; i < 500; i++) await store.put(`key ${i}`, "x".repeat(i));
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 500; i++) assert.is(store.getSync(`key ${i}`)!.length, i);
    store.getSync("key 1");
  }
  const { hits, misses, entries, bytes } = store.stats().cache!;
  assert.is(hits + misses, 1503);
  assert.ok(hits > 0 && entries > 0);
  assert.ok(bytes > 8 * 1024 && bytes <= 16 * 1024);
  await using without = await open(SIZES);
  assert.is(without.stats().cache, undefined);
});

test("an attached store has a cache of its own, or none, and sees what others write", async () => {
  await using host = await open<User>({ ...SIZES, cache: "1MiB" });
  const cached = await attach<User>(host.share(), { cache: "1MiB" });
  const uncached = await attach<User>(host.share());
  assert.is(uncached.stats().cache, undefined);
  for (let i = 0; i < 200; i++) {
    const writer = [host, cached, uncached][i % 3]!;
    writer.putSync("user", { name: `${i}`, tags: [] });
    for (const reader of [host, cached, uncached]) {
      for (let j = 0; j < 2; j++) assert.is(reader.getSync("user")!.name, `${i}`);
    }
  }
  assert.is(cached.stats().cache!.hits, 200);
  const refused = { cache: "1B" } as AttachOptions<User>;
  assert.instance(await errorOf(() => attach(host.share(), refused)), InvalidOptionError);
  await cached.close();
  await uncached.close();
});

test("bytes cannot be frozen: no cache for the codec of bytes, here or there", async () => {
  await using store = await open({ ...SIZES, codec: "binary" });
  const error = await errorOf(() => attach<Uint8Array>(store.share(), { cache: "1MiB" }));
  assert.instance(error, InvalidOptionError);
});

test.run();
