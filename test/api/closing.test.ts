/**
 * Closing a store: what is pending ends first, what comes later is refused, and nothing is left
 * over.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { attach, open, type Store, StoreClosedError } from "../../mod.ts";
import { assertRefusal, errorOf, type Refusal } from "../support/errors.ts";

const SIZES = {
  capacity: "1MiB",
  segmentBytes: "16KiB",
  ringBytes: "8KiB",
  spin: false,
} as const;

const CLOSED: Refusal = {
  type: StoreClosedError,
  code: "DINOMO_CLOSED",
  says: /^the store .*closed$/,
};

/** Every operation of a store. */
const OPERATIONS: Record<string, (store: Store<unknown>) => unknown> = {
  get: (store) => store.get("a"),
  getSync: (store) => store.getSync("a"),
  getMany: (store) => store.getMany(["a"]),
  getEntry: (store) => store.getEntry("a"),
  getEntrySync: (store) => store.getEntrySync("a"),
  has: (store) => store.has("a"),
  hasSync: (store) => store.hasSync("a"),
  put: (store) => store.put("a", 2),
  putSync: (store) => store.putSync("a", 2),
  putMany: (store) => store.putMany([["a", 2]]),
  delete: (store) => store.delete("a"),
  deleteSync: (store) => store.deleteSync("a"),
  deleteMany: (store) => store.deleteMany(["a"]),
  compareAndSet: (store) => store.compareAndSet("a", null, 2),
  compareAndSetSync: (store) => store.compareAndSetSync("a", null, 2),
  compareAndDelete: (store) => store.compareAndDelete("a", 1),
  compareAndDeleteSync: (store) => store.compareAndDeleteSync("a", 1),
  update: (store) => store.update("a", () => 2),
  increment: (store) => store.increment("a"),
  getAndDelete: (store) => store.getAndDelete("a"),
  entries: (store) => store.entries().next(),
  keys: (store) => store.keys().next(),
  values: (store) => store.values().next(),
  count: (store) => store.count,
  clear: (store) => store.clear(),
  scale: (store) => store.scale(2),
  snapshot: (store) => store.snapshot(),
  flush: (store) => store.flush(),
  stats: (store) => store.stats(),
};

/** Calls an operation; returns what it threw or rejected with. */
function refusalOf(
  operation: (store: Store<unknown>) => unknown,
  store: Store<unknown>,
): Promise<unknown> {
  return errorOf(async () => await operation(store));
}

test("every operation of a closed store is refused", async () => {
  const store = await open<unknown>(SIZES);
  await store.put("a", 1);
  await store.close();
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    assertRefusal(await refusalOf(operation, store), CLOSED, name);
  }
  assert.is(store.nodes, 0);
});

test("every operation is refused as soon as close has been called", async () => {
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    if (!["get", "put", "putSync", "scale", "clear", "snapshot", "entries"].includes(name)) {
      continue;
    }
    const store = await open<unknown>(SIZES);
    const closed = store.close();
    assertRefusal(await refusalOf(operation, store), CLOSED, name);
    await closed;
  }
});

test("an option that closes the store as it is read leaves no change that is made after that", async () => {
  type Lifetime = { readonly ttl: number };
  const changes: Record<string, (store: Store<unknown>, options: Lifetime) => unknown> = {
    put: (store, options) => store.put("a", 1, options),
    putSync: (store, options) => store.putSync("a", 1, options),
    compareAndSet: (store, options) => store.compareAndSet("a", null, 1, options),
    compareAndSetSync: (store, options) => store.compareAndSetSync("a", null, 1, options),
    update: (store, options) => store.update("a", () => 1, options),
    updateSync: (store, options) => store.updateSync("a", () => 1, options),
    increment: (store, options) => store.increment("a", 1, options),
    incrementSync: (store, options) => store.incrementSync("a", 1, options),
    touch: (store, options) => store.touch("a", options),
    touchSync: (store, options) => store.touchSync("a", options),
  };
  for (const [name, change] of Object.entries(changes)) {
    const store = await open<unknown>(SIZES);
    let closed: Promise<void> | undefined;
    const options = {
      get ttl() {
        closed ??= store.close();
        return 60_000;
      },
    };
    assertRefusal(await errorOf(async () => await change(store, options)), CLOSED, name);
    await closed;
  }
});

test("what was issued before close ends with its result", async () => {
  const store = await open<unknown>({ ...SIZES, nodes: 2 });
  const puts = Array.from({ length: 1000 }, (_, i) => store.put(`key ${i}`, i));
  const large = store.put("large", new Uint8Array(10_000));
  const gone = store.delete("key 5");
  const taken = store.compareAndSet("key 6", null, "x");
  const scaled = store.scale(3);
  const closed = store.close();
  await Promise.all(puts);
  await large;
  assert.is(await gone, true);
  assert.is(await taken, undefined);
  assert.is((await scaled).to, 3);
  await closed;
});

test("closing twice is closing once", async () => {
  const store = await open<unknown>(SIZES);
  const first = store.close();
  assert.is(store.close(), first);
  await first;
  assert.is(store.close(), first);
});

test("an await using block closes its store, also when it throws", async () => {
  let kept: Store<unknown> | undefined;
  const error = await errorOf(async () => {
    await using store = await open<unknown>(SIZES);
    kept = store;
    await store.put("a", 1);
    throw new Error("left");
  });
  assert.is((error as Error).message, "left");
  assertRefusal(await errorOf(() => kept!.put("a", 2)), CLOSED, "after the block");
});

test("stores come and go, several at a time, and know nothing of each other", async () => {
  for (let round = 0; round < 3; round++) {
    const stores = await Promise.all([0, 1, 2].map(() => open<unknown>(SIZES)));
    await Promise.all(stores.map((store, i) => store.put("a", i)));
    for (const [i, store] of stores.entries()) assert.is(await store.get("a"), i);
    await stores[0]!.close();
    assert.is(await stores[1]!.get("a"), 1, "the others go on");
    await Promise.all(stores.map((store) => store.close()));
  }
});

test("a close during an iteration ends it with an error", async () => {
  const store = await open<unknown>(SIZES);
  await store.putMany(Array.from({ length: 200 }, (_, i) => [`key ${i}`, i]));
  let seen = 0;
  const error = await errorOf(async () => {
    for await (const _ of store.entries()) if (++seen === 10) void store.close();
  });
  assertRefusal(error, CLOSED, "the iteration");
  assert.ok(seen < 200);
  await store.close();
});

test("a poll that an attached store had scheduled before it was closed leaves its next user alone", async () => {
  // Without help, nobody answers before the poll at the end of the tick has given up, and a later
  // one is scheduled.
  const host = await open<number>({ ...SIZES, help: false });
  for (let i = 0; i < 20; i++) {
    const first = await attach<number>(host.share());
    const isPut = first.put("a", i);
    await Promise.resolve();
    await Promise.resolve();
    first.putSync("b", i);
    await first.close();
    const second = await attach<number>(host.share());
    second.putSync("c", i);
    await setTimeout(2);
    assert.is(second.getSync("a"), i);
    await isPut;
    await second.close();
  }
  await host.close();
});

test.run();
