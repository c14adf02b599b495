/**
 * `dinomo/keyv` where Keyv's own tests do not look: threads, lifetimes, who owns the store, what is
 * refused; and cache-manager on it.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { createCache } from "cache-manager";
import Keyv5 from "keyv";
import Keyv6 from "keyv6";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Keyv6Dinomo, KeyvDinomo } from "../../lib/adapters/keyv.ts";
import {
  attach,
  InvalidArgumentError,
  InvalidOptionError,
  open,
  type Store,
  StoreClosedError,
} from "../../mod.ts";
import { AttachedThread } from "../support/attached_thread.ts";
import { assertRejects, assertThrows } from "../support/errors.ts";
import { temporaryPath } from "../support/temporary.ts";

const INVALID = { type: InvalidArgumentError, code: "DINOMO_INVALID_ARGUMENT" } as const;
const CLOSED = { type: StoreClosedError, code: "DINOMO_CLOSED", says: /KeyvDinomo must not/ };
const PLAIN = { serialize: undefined, deserialize: undefined } as object;

interface AnyKeyv {
  get(key: string | string[]): Promise<unknown>;
  set(key: string, value: unknown, ttl?: number): Promise<boolean>;
  setMany(entries: { key: string; value: unknown; ttl?: number }[]): Promise<unknown>;
  has(key: string): Promise<boolean>;
  hasMany(keys: string[]): Promise<boolean[]>;
  clear(): Promise<void>;
  iterator(): AsyncGenerator<[string, unknown]>;
}

type MakeKeyv = (
  store: Store<unknown>,
  options?: { namespace?: string; prefix?: string },
) => AnyKeyv;

const make6 = (store: object, namespace: string | undefined) =>
  new Keyv6({ store, namespace, serialization: false } as never) as never;

/** Both versions, without serialization, and the adapter for version 6 alone. */
const VERSIONS: [string, MakeKeyv][] = [
  ["5", (store, { namespace, prefix } = {}) => {
    const adapter = new KeyvDinomo(store, { prefix });
    return new Keyv5({ store: adapter, namespace, ...PLAIN } as object) as never;
  }],
  ["6", (store, { namespace, prefix } = {}) => make6(new KeyvDinomo(store, { prefix }), namespace)],
  [
    "6 alone",
    (store, { namespace, prefix } = {}) => make6(new Keyv6Dinomo(store, { prefix }), namespace),
  ],
];

async function listOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

for (const [version, make] of VERSIONS) {
  test(`${version}: another thread has what was set, and sets what is had here`, async () => {
    await using store = await open<unknown>({ capacity: "8MiB" });
    const keyv = make(store, { namespace: "n" });
    await keyv.set("a", { when: new Date(5), map: new Map([[1, 2]]) });
    const thread = await AttachedThread.start(store.share());
    const key = (await listOf(store.keys()))[0]!;
    assert.is(key, version === "5" ? "n:a" : "n::a");
    const stored = await thread.call("get", key) as { value: unknown };
    assert.equal(stored.value, { when: new Date(5), map: new Map([[1, 2]]) });
    await thread.call("put", key, { value: "theirs" });
    assert.is(await keyv.get("a"), "theirs");
    await thread.call("close");
    await thread.leave("exit", 0);
  });

  test(`${version}: a namespace is cleared alone, also in a part of the store`, async () => {
    await using store = await open<unknown>({ capacity: "8MiB" });
    await store.put("other", 1);
    const a = make(store, { prefix: "cache:", namespace: "a" });
    const b = make(store, { prefix: "cache:", namespace: "b" });
    for (const keyv of [a, b]) {
      await keyv.setMany([{ key: "1", value: 1 }, { key: "2", value: 2, ttl: 60_000 }]);
    }
    assert.equal((await listOf(a.iterator())).sort(), [["1", 1], ["2", 2]]);
    await a.clear();
    assert.equal(await a.get(["1", "2"]), [undefined, undefined]);
    assert.equal(await b.get(["1", "2"]), [1, 2]);
    assert.equal(await b.hasMany(["1", "2", "3"]), [true, true, false]);
    assert.is(await store.countKeys(), 3);
    await new KeyvDinomo(store, { prefix: "cache:" }).clear();
    assert.equal(await listOf(store.keys()), ["other"]);
  });

  test(`${version}: a lifetime ends to the millisecond, in the store itself`, async () => {
    await using store = await open<unknown>({ capacity: "8MiB" });
    const keyv = make(store);
    const before = Date.now();
    await keyv.set("long", 1, 60_000);
    await keyv.setMany([{ key: "many", value: 1, ttl: 60_000 }]);
    const after = Date.now();
    for (const [key] of await listOf(store.entries())) {
      const { expiresAt } = (await store.getEntry(key))!;
      // Keyv 6 passes on what is left when it comes to the store.
      assert.ok(expiresAt! >= before + 60_000 && expiresAt! <= after + 60_001, `${expiresAt}`);
    }
    await keyv.set("short", 1, 300);
    assert.ok(await keyv.has("short"));
    await setTimeout(320);
    assert.not.ok(await keyv.has("short"));
    assert.is(await keyv.get("short"), undefined);
  });
}

for (const place of ["far", "attached", "namespace", "os"] as const) {
  test(`${place}: a store of whatever kind is set and read`, async () => {
    await using store = await open({
      capacity: "8MiB",
      ...(place === "far" ? { placement: place } : {}),
      ...(place === "os" ? { path: temporaryPath() } : {}),
    });
    const own = place === "attached"
      ? await attach(store.share())
      : place === "namespace"
      ? store.namespace("part:")
      : store;
    const keyv = new Keyv5({ store: new KeyvDinomo(own) });
    await Promise.all(Array.from({ length: 20 }, (_, i) => keyv.set(`${i}`, { i }, 60_000)));
    assert.equal(await keyv.get(["0", "19", "20"]), [{ i: 0 }, { i: 19 }, undefined]);
    assert.is(await store.countKeys(), 20);
    await keyv.delete("0");
    assert.not.ok(await keyv.has("0"));
    await keyv.clear();
    assert.is(await store.countKeys(), 0);
    if (own !== store && "close" in own) await own.close();
  });
}

test("a lifetime of nothing or less removes the key", async () => {
  await using store = await open({ capacity: "8MiB" });
  const adapter = new KeyvDinomo(store);
  for (const ttl of [0, -5]) {
    await adapter.set("a", 1);
    assert.ok(await adapter.set("a", 2, ttl));
    await adapter.set("b", 1);
    assert.equal(await adapter.setMany([{ key: "b", value: 2, ttl }, { key: "c", value: 3 }]), [
      true,
      true,
    ]);
    assert.equal(await adapter.getMany(["a", "b", "c"]), [undefined, undefined, 3]);
  }
  assert.not.ok(await adapter.deleteMany(["a", "c"]));
  assert.not.ok(await adapter.has("c"));
  // Of two entries with one key the last one counts.
  const twice = [{ key: "d", value: 1, ttl: -5 }, { key: "d", value: 2 }];
  assert.equal(await adapter.setMany(twice), [true, true]);
  assert.is(await adapter.get("d"), 2);
  await adapter.setMany(twice.toReversed());
  assert.is(await adapter.get("d"), undefined);
});

test("for Keyv 6 alone: what is past removes the key, and deletes say it of each", async () => {
  await using store = await open({ capacity: "8MiB" });
  const adapter = new Keyv6Dinomo(store);
  const past = Date.now() - 5;
  const soon = Date.now() + 60_000;
  await adapter.set("a", 1);
  assert.ok(await adapter.set("a", 2, past));
  await adapter.set("b", 1);
  const entries = [
    { key: "b", value: 2, expires: past },
    { key: "c", value: 3 },
    { key: "d", value: 4, expires: soon },
  ];
  assert.equal(await adapter.setMany(entries), [true, true, true]);
  await adapter.set("e", 5, soon);
  assert.equal(await adapter.getMany(["a", "b", "c", "d"]), [undefined, undefined, 3, 4]);
  for (const key of ["d", "e"]) assert.is((await store.getEntry(key))!.expiresAt, soon);
  assert.equal(await adapter.deleteMany(["a", "c"]), [false, true]);
  adapter.namespace = "n";
  assert.not.ok(await adapter.has("d"));
  await adapter.set("d", "of n");
  assert.is(await store.get("n::d"), "of n");
  adapter.namespace = undefined;
  assert.is(await adapter.get("d"), 4);
  await adapter.disconnect();
  await assertRejects(() => adapter.get("d"), { ...CLOSED, says: /Keyv6Dinomo must not/ });
  await assertRejects(() => adapter.set("d", 1), { ...CLOSED, says: /Keyv6Dinomo must not/ });
  assertThrows(() => new Keyv6Dinomo(store, { ttl: 5 } as never), { ...INVALID, says: /"ttl"/ });
});

test("a store that the adapter has opened is closed by it, and its directory opens again", async () => {
  const path = temporaryPath();
  const first = new KeyvDinomo({ path, capacity: "8MiB" });
  await Promise.all([first.set("a", 1), first.set("b", 2)]);
  await first.disconnect();
  await assertRejects(() => first.get("a"), CLOSED);
  const second = new KeyvDinomo({ path });
  assert.equal(await second.getMany(["a", "b"]), [1, 2]);
  await second.disconnect();
  await second.disconnect();
});

test("a store that the adapter was given stays open", async () => {
  await using store = await open({ capacity: "8MiB" });
  const keyv = new Keyv5({ store: new KeyvDinomo(store) });
  await keyv.set("a", 1);
  await keyv.disconnect();
  await assertRejects(() => keyv.store.get("keyv:a"), CLOSED);
  assert.ok(await store.has("keyv:a"));
});

test("an operation that is on its way when the adapter ends does not begin it again", async () => {
  await using store = await open({ capacity: "8MiB" });
  await store.put("a", 1);
  for (const make of [KeyvDinomo, Keyv6Dinomo]) {
    const adapter = new make(store);
    const read = adapter.get("a");
    await adapter.disconnect();
    assert.is(await read, 1);
    await assertRejects(() => adapter.get("a"), { ...CLOSED, says: /Keyv6?Dinomo must not/ });
  }
});

test("one that is closed while it opens ends what waits, and leaves no store open", async () => {
  const path = temporaryPath();
  const adapter = new KeyvDinomo({ path, capacity: "8MiB" });
  const read = adapter.get("a");
  const closed = adapter.disconnect();
  await assertRejects(() => read, CLOSED);
  await closed;
  const again = await open({ path });
  await again.close();
});

test("an operation keeps the namespace that it began in, also if the store opens meanwhile", async () => {
  const adapter = new Keyv6Dinomo({ capacity: "8MiB" });
  adapter.namespace = "first";
  const waiting = [adapter.set("a", 1), adapter.setMany([{ key: "b", value: 2 }])];
  adapter.namespace = "second";
  waiting.push(adapter.set("a", 3));
  await Promise.all(waiting);
  assert.equal(await adapter.getMany(["a", "b"]), [3, undefined]);
  const entries = adapter.iterator();
  adapter.namespace = "first";
  assert.equal(await listOf(entries), [["a", 3]]);
  assert.equal(await adapter.getMany(["a", "b"]), [1, 2]);
  await adapter.disconnect();
});

test("what is no store, no option, or cannot be opened is refused", async () => {
  const says = /KeyvDinomo must be given a store or the options of open, got/;
  for (const source of [undefined, null, "redis://", 5]) {
    assertThrows(() => new KeyvDinomo(source as never), { ...INVALID, says });
  }
  const store = {} as never;
  assertThrows(() => new KeyvDinomo(store, { prefix: 5 } as never), { ...INVALID, says: /prefix/ });
  assertThrows(() => new KeyvDinomo(store, { ttl: 5 } as never), { ...INVALID, says: /"ttl"/ });
  const adapter = new KeyvDinomo({ capacity: "much" } as never);
  const refusal = { type: InvalidOptionError, code: "DINOMO_INVALID_OPTION", says: /capacity/ };
  await assertRejects(() => adapter.get("a"), refusal);
  await assertRejects(() => adapter.set("a", 1), refusal);
  await adapter.disconnect();
});

test("cache-manager caches in it, by way of Keyv", async () => {
  await using store = await open({ capacity: "8MiB" });
  const cache = createCache({ stores: [new Keyv5({ store: new KeyvDinomo(store) })] });
  let calls = 0;
  const slow = () => Promise.resolve(++calls);
  assert.is(await cache.wrap("answer", slow, 60_000), 1);
  assert.is(await cache.wrap("answer", slow, 60_000), 1);
  await cache.mset<unknown>([{ key: "a", value: { deep: [1] } }, { key: "b", value: 2 }]);
  assert.equal(await cache.mget(["a", "b", "c"]), [{ deep: [1] }, 2, undefined]);
  assert.ok((await cache.ttl("answer"))! > Date.now());
  await cache.del("a");
  assert.is(await cache.get("a"), undefined);
  await cache.clear();
  assert.is(await store.countKeys(), 0);
});

test.run();
