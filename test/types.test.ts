/**
 * The types of the public API. What must not compile is marked so, and the type checker complains when it does compile;
 * nothing of it runs. What must compile runs too, so that types and behaviour agree.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type CustomCodec,
  DELETE,
  type Entry,
  KEEP,
  open,
  type OpenOptions,
  type ScaleReport,
  Store,
  type StoreStats,
} from "../mod.ts";

interface User {
  name: string;
  visits: number;
}

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

/** Compiles only if its type argument is `true`. */
function assertType<_Holds extends true>(): void {}

const SIZES = { capacity: "1MiB", segmentBytes: "16KiB" } as const;

test("values have the type that open was given", async () => {
  await using store = await open<User>(SIZES);
  assertType<Equal<typeof store, Store<User>>>();
  await store.put("a", { name: "Ada", visits: 1 });
  const value = await store.get("a");
  assertType<Equal<typeof value, User | undefined>>();
  const now = store.getSync("a");
  assertType<Equal<typeof now, User | undefined>>();
  const many = await store.getMany(["a"]);
  assertType<Equal<typeof many, (User | undefined)[]>>();
  const entry = await store.getEntry("a");
  assertType<Equal<typeof entry, Entry<User> | undefined>>();
  const stored = await store.update("a", (old) => {
    assertType<Equal<typeof old, User | undefined>>();
    return { name: old!.name, visits: old!.visits + 1 };
  });
  assertType<Equal<typeof stored, User>>();
  assert.is(stored.visits, 2);
  for await (const [key, user] of store.entries({ prefix: "a" })) {
    assertType<Equal<typeof key, string>>();
    assertType<Equal<typeof user, User>>();
    assert.is(user.visits, 2);
  }
  for await (const user of store.values()) assertType<Equal<typeof user, User>>();
});

test("results have their types", async () => {
  await using store = await open<number>(SIZES);
  const put = store.put("a", 1);
  assertType<Equal<typeof put, Promise<number>>>();
  const deleted = store.delete("b");
  assertType<Equal<typeof deleted, Promise<boolean>>>();
  const set = store.compareAndSet("a", null, 1, { ttl: 5 });
  assertType<Equal<typeof set, Promise<number | undefined>>>();
  const sum = store.increment("a");
  assertType<Equal<typeof sum, Promise<number>>>();
  const count = store.deleteMany(["z"]);
  assertType<Equal<typeof count, Promise<boolean[]>>>();
  const updated = store.update("a", (old) => old ?? 1);
  assertType<Equal<typeof updated, Promise<number>>>();
  const removed = store.update("b", (old) => old === undefined ? KEEP : DELETE);
  assertType<Equal<typeof removed, Promise<number | undefined>>>();
  const report = store.scale(1);
  assertType<Equal<typeof report, Promise<ScaleReport>>>();
  const stats = store.stats();
  assertType<Equal<typeof stats, StoreStats>>();
  await Promise.all([put, report]);
  assert.equal([await deleted, await set, await sum, await count], [false, undefined, 2, [false]]);
  assert.equal([await updated, await removed], [2, undefined]);
});

test("without a type argument values are unknown", async () => {
  await using store = await open(SIZES);
  assertType<Equal<typeof store, Store<unknown>>>();
  await store.put("a", 1);
  const value = await store.get("a");
  assertType<Equal<typeof value, unknown>>();
  assert.is(value, 1);
});

test("the codec for bytes makes a store of bytes", async () => {
  await using store = await open({ ...SIZES, codec: "binary" });
  assertType<Equal<typeof store, Store<Uint8Array>>>();
  await store.put("a", Uint8Array.of(1));
  assert.equal(await store.get("a"), Uint8Array.of(1));
});

test("a codec of the application's own gives its type", async () => {
  const codec: CustomCodec<Date> = {
    encode: (date) => new TextEncoder().encode(date.toISOString()),
    decode: (bytes) => new Date(new TextDecoder().decode(bytes)),
  };
  await using store = await open({ ...SIZES, codec });
  assertType<Equal<typeof store, Store<Date>>>();
  await store.put("a", new Date(5));
  assert.equal(await store.get("a"), new Date(5));
});

/** What must not compile; never called. */
export async function misuse(store: Store<User>, bytes: Store<Uint8Array>): Promise<void> {
  const user: User = { name: "Ada", visits: 1 };
  // @ts-expect-error a value of another type
  await store.put("a", "Ada");
  // @ts-expect-error a value that lacks a field
  await store.put("a", { name: "Ada" });
  // @ts-expect-error a value with a field too many
  await store.put("a", { name: "Ada", visits: 1, age: 36 });
  // @ts-expect-error undefined is not a value
  await store.put("a", undefined);
  // @ts-expect-error a key is a string or bytes
  await store.put(5, user);
  // @ts-expect-error a key is a string or bytes
  await store.get(["a"]);
  // @ts-expect-error a value is needed
  await store.put("a");
  // @ts-expect-error an unknown option
  await store.put("a", user, { tll: 5 });
  // @ts-expect-error a time to live is a number
  await store.put("a", user, { ttl: "5s" });
  // @ts-expect-error what was read may be undefined
  (await store.get("a")).name.trim();
  // @ts-expect-error a version is a number or null
  await store.compareAndSet("a", "1", user);
  // @ts-expect-error a version is needed
  await store.compareAndSet("a", user);
  // @ts-expect-error the old value may be undefined
  await store.update("a", (old) => ({ ...old, visits: old.visits + 1 }));
  // @ts-expect-error the new value has the store's type
  await store.update("a", () => 5);
  // @ts-expect-error pairs have the store's type
  await store.putMany([["a", 5]]);
  // @ts-expect-error keys are iterable
  await store.getMany(5);
  // @ts-expect-error a prefix is a key
  store.entries({ prefix: 5 });
  // @ts-expect-error the number of KNs is a number
  await store.scale("2");
  // @ts-expect-error only `open` knows what a store is made of
  new Store<User>({});
  // @ts-expect-error the count is read only
  store.count = 5;
  // @ts-expect-error a store of bytes holds bytes
  await bytes.put("a", "text");
  // @ts-expect-error stores of different types are different
  const other: Store<number> = store;
  // @ts-expect-error an unknown option
  await open({ caches: "64MiB" });
  // @ts-expect-error a size is a number or a string
  await open({ cache: true });
  // @ts-expect-error an unknown codec
  await open({ codec: "xml" });
  // @ts-expect-error a codec of another type
  await open<User>({ codec: { encode: (value: Date) => new Uint8Array(+value), decode: () => 5 } });
  // @ts-expect-error half a codec
  await open<User>({ codec: { encode: () => new Uint8Array(1) } });
  // @ts-expect-error there is no such durability
  const durable: OpenOptions = { durability: "tape" };
  // @ts-expect-error a worker module is a URL
  const workers: OpenOptions = { workers: { node: 5 } };
  console.log(other, durable, workers);
}

test.run();
