/**
 * The types of the public API. What must not compile is marked so, and the type checker complains
 * when it does compile; nothing of it runs. What must compile runs too, so that types and behaviour
 * agree.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PROJECT_ROOT } from "../scripts/runtimes.ts";
import {
  attach,
  type Bytes,
  type CustomCodec,
  DELETE,
  type DinomoErrorCode,
  type Entry,
  InvalidKeyError,
  isDinomoError,
  KEEP,
  type Key,
  Namespace,
  open,
  type OpenOptions,
  type Picked,
  type PickedView,
  type RangeOptions,
  type ScaleReport,
  Store,
  type StoreHandle,
  StoreOperations,
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
  const range: RangeOptions = { gt: "a", lte: Uint8Array.of(1), prefix: "", limit: 1 };
  assertType<Equal<ReturnType<typeof store.first>, Promise<[string, number] | undefined>>>();
  assertType<Equal<ReturnType<typeof store.lastSync>, [string, number] | undefined>>();
  const counted = store.countKeys({ prefix: "a", signal: AbortSignal.timeout(10_000) });
  assertType<Equal<typeof counted, Promise<number>>>();
  // @ts-expect-error One end of a range has no way to be gone through.
  store.first({ ...range, reverse: true }).catch(() => {});
  // @ts-expect-error What is synchronous cannot be aborted.
  assert.throws(() => store.clearSync({ signal: AbortSignal.abort() }));
  await counted;
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

test("keys have the type that open was told", async () => {
  const keys = async <K extends Key>(store: Store<number, K>, key: K): Promise<K> => {
    await store.put(key, 1);
    for await (const found of store.keys()) return found;
    throw new Error("there is none");
  };
  await using strings = await open<number>({ ...SIZES, keys: "string" });
  assertType<Equal<typeof strings, Store<number, string>>>();
  await using bytes = await open<number>({ ...SIZES, keys: "bytes" });
  assertType<Equal<typeof bytes, Store<number, Uint8Array>>>();
  await using mixed = await open<number>({ ...SIZES, keys: "mixed" });
  assertType<Equal<typeof mixed, Store<number, Key>>>();
  await using binary = await open({ ...SIZES, codec: "binary", keys: "bytes" });
  assertType<Equal<typeof binary, Store<Uint8Array, Uint8Array>>>();
  for await (const [key] of bytes.entries()) assertType<Equal<typeof key, Uint8Array>>();
  assert.is(await keys(strings, "a"), "a");
  assert.equal(await keys(bytes, Uint8Array.of(1)), Uint8Array.of(1));
  assert.equal(await keys(mixed, Uint8Array.of(1)), Uint8Array.of(1));
  const view = bytes.namespace<User>(Uint8Array.of(2));
  assertType<Equal<typeof view, Namespace<User, Uint8Array>>>();
  const users = strings.namespace<User>("user:");
  assertType<Equal<typeof users, Namespace<User>>>();
});

test("a handle carries the types of its store", async () => {
  await using store = await open<User>({ ...SIZES, keys: "mixed" });
  const handle = store.share();
  assertType<Equal<typeof handle, StoreHandle<User, Key>>>();
  await using other = await attach(handle);
  assertType<Equal<typeof other, Store<User, Key>>>();
  // One that has come by a message is of unknown types, and attach is told.
  await using told = await attach<number>(structuredClone(handle) as unknown as StoreHandle);
  assertType<Equal<typeof told, Store<number>>>();
  assert.equal(Object.keys(handle).filter((name) => name === "dinomo"), ["dinomo"]);
});

test("the code of an error tells its class", async () => {
  await using store = await open<number>(SIZES);
  const error: unknown = await store.put("", 1).catch((reason: unknown) => reason);
  assert.is(isDinomoError(error), true);
  assert.is(isDinomoError(new Error("of another kind")), false);
  if (!isDinomoError(error)) return;
  assertType<Equal<typeof error.code, DinomoErrorCode>>();
  if (error.code === "DINOMO_CORRUPTION") assertType<Equal<typeof error.offset, number>>();
  if (error.code === "DINOMO_DECODE") assertType<Equal<typeof error.key, Key | undefined>>();
  assert.is(error.code, "DINOMO_INVALID_KEY");
  if (error.code === "DINOMO_INVALID_KEY") {
    assertType<Equal<typeof error, InvalidKeyError>>();
    assert.instance(error, InvalidKeyError);
  }
});

test("what is picked has the type of the parts", async () => {
  interface Tree {
    name: string;
    "a.b": number;
    left?: Tree;
    sizes: Record<string, { bytes: number }>;
    at: Date | null;
    area(): number;
  }
  await using store = await open<Tree>(SIZES);
  const view = store.pick("name", "left.at", "sizes.x.bytes", "at");
  type Parts = {
    name: string;
    left?: { at: Date | null };
    sizes: { x?: { bytes: number } };
    at: Date | null;
  };
  assertType<
    Equal<typeof view, PickedView<Picked<Tree, "name" | "left.at" | "sizes.x.bytes" | "at">>>
  >();
  const parts: Parts | undefined = await view.get("a");
  const same: Awaited<ReturnType<typeof view.get>> = parts;
  assert.is(same, undefined);
  // The fifth name and those behind it are not checked.
  store.pick("left.left.left.left.left.left.any");
  const numbers = store.namespace<number | { a: 1; b: string }>("n").pick("a");
  assertType<Equal<ReturnType<typeof numbers.getSync>, number | { a: 1 } | undefined>>();
  const any = store.namespace<unknown>("u").pick("some.path");
  assertType<Equal<ReturnType<typeof any.getSync>, unknown>>();
});

test("increment is there where numbers may be", async () => {
  await using numbers = await open<number>(SIZES);
  await using some = await open<number | string>(SIZES);
  await using any = await open(SIZES);
  for (const store of [numbers, some, any]) {
    assert.is(await store.namespace<number>("n").increment("a"), 1);
  }
  assert.equal(
    [await numbers.increment("a"), some.incrementSync("a"), (await any.incrementEntry("a")).value],
    [1, 1, 1],
  );
});

test("an option that is undefined is as if it were absent", async () => {
  const none = undefined;
  const absent: OpenOptions<number> = {
    path: none,
    nodes: none,
    autoscale: none,
    statistics: none,
    clients: none,
    capacity: none,
    segmentBytes: none,
    keys: none,
    ordered: none,
    codec: none,
    durability: none,
    checkpointBytes: none,
    repair: none,
    onProgress: none,
    spin: none,
    help: none,
    ringBytes: none,
    inFlight: none,
    dpmThreads: none,
    prefault: none,
    cache: none,
    inspect: none,
    keepAlive: none,
    workers: none,
    placement: none,
    roundTripMicros: none,
    cachePolicy: none,
    backlog: none,
  };
  await using store = await open<number>({ ...absent, ...SIZES });
  await using parts = await open<number>({
    ...SIZES,
    workers: { node: none, dpm: none },
    autoscale: { max: 2, min: none, slo: { meanMicros: 9, p99Micros: none }, log: none },
  });
  await parts.put("a", 1);
  await using other = await attach(store.share(), { codec: none, cache: none, keepAlive: none });
  const never = { ttl: none, expiresAt: none, durability: none };
  await other.put("a", 1, never);
  await store.putMany([["b", 2, never], ["c", 3, none]], { ...never, signal: none });
  await store.update("a", () => 1, never);
  await store.increment("a", none, { ...never, ttlIfNew: none });
  await store.increment("a", 1, { ...never, min: none, max: none });
  assert.equal(
    await store.getMany(["a"], { consistent: none, onDecodeError: none, signal: none }),
    [3],
  );
  assert.is((await store.getEntry("a"))!.expiresAt, none);
  for await (const _ of store.keys({ prefix: none, signal: none, onDecodeError: none })) break;
  await store.clear({ signal: none });
  await store.scale(1, { signal: none });
  const listener = () => {};
  store.addEventListener("nodeadded", listener, { once: none, signal: none });
});

test("a store has what docs/operations.md says, and nothing else that is seen", () => {
  const page = readFileSync(join(PROJECT_ROOT, "docs", "operations.md"), "utf8");
  for (const prototype of [Store.prototype, StoreOperations.prototype, Namespace.prototype]) {
    for (const name of Object.getOwnPropertyNames(prototype)) {
      if (name === "constructor") continue;
      assert.ok(new RegExp(`\\b${name}\\b`).test(page), `${name} is described`);
    }
  }
});

test("each way to call open has a documentation of its own, which editors show", () => {
  const source = readFileSync(join(PROJECT_ROOT, "lib", "store", "open.ts"), "utf8");
  const parts = source.split(/^export function open</m);
  assert.is(parts.length, 5);
  for (const before of parts.slice(0, -1)) {
    const comment = before.slice(before.lastIndexOf("/**"));
    for (const part of [/Opens a store/, /@param options/, /@throws \{PathError\}/, /@example/]) {
      assert.match(comment, part);
    }
    assert.ok(comment.trimEnd().endsWith("*/"), "it stands right before the signature");
  }
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
  // @ts-expect-error a size has a unit that there is
  await open({ capacity: "lots" });
  // @ts-expect-error a size has a unit that there is
  const size: Bytes = "64 Mebibytes";
  // @ts-expect-error only numbers are incremented
  await store.increment("a");
  // @ts-expect-error only numbers are incremented
  store.incrementSync("a", 1, { max: 5 });
  // @ts-expect-error only numbers are incremented
  await bytes.incrementEntry("a");
  // @ts-expect-error a key is a string, unless open was told
  await store.get(Uint8Array.of(1));
  // @ts-expect-error a key is a string, unless open was told
  await store.putMany([[Uint8Array.of(1), user]]);
  // @ts-expect-error there is no such type of keys
  await open({ keys: "numbers" });
  // @ts-expect-error a store of strings, and not of bytes
  const keyed: Store<User, Uint8Array> = store;
  // @ts-expect-error the prefix has the type of the keys
  store.namespace(Uint8Array.of(1));
  // @ts-expect-error users have no such property
  store.pick("surname");
  // @ts-expect-error a name is no object
  store.pick("name.length");
  // @ts-expect-error a view only reads
  store.pick("name").put;
  // @ts-expect-error what was not picked is not there
  store.pick("name").getSync("a")?.visits;
  // @ts-expect-error a namespace has values of its own type
  await store.namespace<number>("n").put("a", user);
  // @ts-expect-error the handle of a store of users
  await attach<number>(store.share());
  // @ts-expect-error options of an entry are those of a put
  await store.putMany([["a", user, { signal: undefined }]]);
  // @ts-expect-error a signal cannot end what has ended before it returns
  store.getManySync(["a"], { signal: new AbortController().signal });
  // @ts-expect-error change must not return a promise
  store.updateSync("a", () => Promise.resolve(user));
  // @ts-expect-error what the library does to a store is not for applications
  store.fail(new Error());
  // @ts-expect-error there is no such durability
  const durable: OpenOptions = { durability: "tape" };
  // @ts-expect-error a worker module is a URL
  const workers: OpenOptions = { workers: { node: 5 } };
  console.log(other, durable, workers, size, keyed);
}

test.run();
