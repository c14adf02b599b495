/**
 * The event loop beside a busy store: timers, input and output get their turn although operations
 * resolve within a tick, or are many.
 *
 * @module
 */
import { readFile } from "node:fs";
import { setTimeout } from "node:timers";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Keyv6Dinomo, KeyvDinomo } from "../../lib/adapters/keyv.ts";
import { openKv } from "../../lib/deno_kv/mod.ts";
import { open, type OpenOptions, type Store, StoreClosedError } from "../../mod.ts";
import { errorOf } from "../support/errors.ts";
import { temporaryPath } from "../support/temporary.ts";

/**
 * Many times the operations of the 5 ms that a turn may last: the clock goes on where nothing else
 * does.
 */
const OPERATIONS_MAX = 200_000;

for (const help of [true, false]) {
  test(`chains of awaited writes let timers fire (help: ${help})`, async () => {
    await using store = await open<number>({ capacity: "4MiB", help });
    let hasFired = false;
    let operations = 0;
    setTimeout(() => hasFired = true, 1);
    const chain = async (key: string) => {
      while (!hasFired && operations < OPERATIONS_MAX) {
        await store.put(key, ++operations);
      }
    };
    // Several chains: the one that yields must not be carried along by the others.
    await Promise.all(["a", "b", "c"].map(chain));
    assert.ok(hasFired, `not within ${operations} puts`);
  });
}

for (const durability of ["memory", "os"] as const) {
  test(`chains of awaited commits let timers fire: ${durability}`, async () => {
    const logged = durability === "os" ? { path: temporaryPath(), durability } : {};
    await using store = await open<number>({ capacity: "4MiB", ...logged });
    for (const isRefused of [false, true]) {
      let hasFired = false;
      let operations = 0;
      setTimeout(() => hasFired = true, 1);
      while (!hasFired && operations < OPERATIONS_MAX) {
        const commit = store.atomic().put("a", ++operations).put("b", operations);
        await (isRefused ? commit.check("c", 12345) : commit).commit();
      }
      assert.ok(hasFired, `not within ${operations} commits`);
    }
  });
}

type MixedStore = Store<unknown, string | Uint8Array>;

const ADAPTERS: Readonly<Record<string, (store: MixedStore) => (i: number) => Promise<unknown>>> = {
  keyv: (store) => {
    const keyv = new KeyvDinomo(store);
    return (i) => keyv.set("a", i);
  },
  "keyv for Keyv 6": (store) => {
    const keyv = new Keyv6Dinomo(store);
    return (i) => keyv.set("a", i);
  },
  "deno-kv": (store) => {
    const kv = openKv(store);
    return async (i) => await (await kv).set(["a"], i);
  },
};

for (const [name, setOf] of Object.entries(ADAPTERS)) {
  test(`chains of awaited sets let timers fire: ${name}`, async () => {
    await using store = await open({ capacity: "4MiB", keys: "mixed", ordered: true });
    const set = setOf(store);
    let hasFired = false;
    let operations = 0;
    setTimeout(() => hasFired = true, 1);
    while (!hasFired && operations < OPERATIONS_MAX) await set(++operations);
    assert.ok(hasFired, `not within ${operations} sets`);
  });
}

/** Waits for a timer and for a file at once. */
class Bystander {
  #left = 2;
  readonly #endMs = performance.now() + BYSTANDER_MAX_MS;

  constructor() {
    const note = () => this.#left -= 1;
    setTimeout(note, 1);
    readFile(import.meta.filename!, note);
  }

  get isServed(): boolean {
    return this.#left === 0;
  }

  /** Whether a load ends: all came, or nobody waits any more. */
  get isDone(): boolean {
    return this.isServed || performance.now() > this.#endMs;
  }
}

const PLACES: readonly OpenOptions<number>[] = [
  { capacity: "16MiB" },
  { capacity: "16MiB", placement: "far" },
];
const KEYS: readonly string[] = Array.from({ length: 1000 }, (_, i) => `key ${i}`);
/** How long a load goes on for a bystander: a file takes several turns of a busy machine. */
const BYSTANDER_MAX_MS = 10_000;

/** What goes on for as long as the bystander waits. */
type Load = (store: Store<number>, bystander: Bystander) => Promise<unknown>;

function* endless<Item>(items: readonly Item[], bystander: Bystander): Iterable<Item> {
  while (true) {
    for (const item of items) {
      if (bystander.isDone) return;
      yield item;
    }
  }
}

async function iterate(bystander: Bystander, begin: () => AsyncIterable<unknown>): Promise<void> {
  while (!bystander.isDone) {
    for await (const _item of begin()) if (bystander.isDone) return;
  }
}

const LOADS: Readonly<Record<string, Load>> = {
  get: async (store, bystander) => {
    for (const key of endless(KEYS, bystander)) await store.get(key);
  },
  getEntry: async (store, bystander) => {
    for (const key of endless(KEYS, bystander)) await store.getEntry(key);
  },
  has: async (store, bystander) => {
    for (const key of endless(KEYS, bystander)) await store.has(key);
  },
  "several chains of get": (store, bystander) =>
    Promise.all([1, 2, 3].map(() => LOADS.get!(store, bystander))),
  "get and put in turn": async (store, bystander) => {
    for (const key of endless(KEYS, bystander)) {
      await store.put(key, 1);
      await store.get(key);
    }
  },
  "slow work between gets": async (store, bystander) => {
    for (const key of endless(KEYS, bystander)) {
      await store.get(key);
      const endMs = performance.now() + 2;
      while (performance.now() < endMs);
    }
  },
  entries: (store, bystander) => iterate(bystander, () => store.entries()),
  keys: (store, bystander) => iterate(bystander, () => store.keys()),
  values: (store, bystander) => iterate(bystander, () => store.values()),
  "keys of a prefix that none has": (store, bystander) =>
    iterate(bystander, () => store.keys({ prefix: "none" })),
  getMany: (store, bystander) => store.getMany(endless(KEYS, bystander)),
  putMany: (store, bystander) => store.putMany(endless(KEYS.map((key) => [key, 2]), bystander)),
  deleteMany: (store, bystander) => store.deleteMany(endless(KEYS, bystander)),
};

for (const options of PLACES) {
  const place = options.placement ?? "near";
  test(`timers and files have their turn beside operations on many keys (${place})`, async () => {
    await using store = await open<number>(options);
    for (const [name, load] of Object.entries(LOADS)) {
      await store.putMany(KEYS.map((key, i) => [key, i]));
      const bystander = new Bystander();
      await load(store, bystander);
      assert.ok(bystander.isServed, name);
    }
  });

  test(`clear does not block for room in a ring, and keeps its place (${place})`, async () => {
    await using store = await open<number>({ ...options, inFlight: 16 });
    for (let round = 0; round < 3; round++) {
      await store.putMany(KEYS.map((key, i) => [key, i]));
      for (const key of KEYS.slice(0, 10)) void store.put(key, -1);
      const before = store.stats().pending;
      const cleared = store.clear();
      const pending = store.stats().pending - before;
      // Of about 880 slots; 16 of them can be on their way.
      assert.ok(pending > 400, `${pending} of the requests have not ended`);
      void store.put(KEYS[0]!, -2);
      const put = store.putMany(KEYS.slice(500).map((key) => [key, round]));
      assert.is(await store.get(KEYS[1]!), undefined);
      await cleared;
      await put;
      assert.is(store.count, KEYS.length - 500 + 1);
      assert.is(store.getSync(KEYS[0]!), -2);
      assert.is(store.getSync(KEYS[600]!), round);
    }
  });

  const many = Array.from({ length: 6000 }, (_, i) => [`key ${i}`, i] as [string, number]);

  test(`a batch of 1,024 is issued in the call (${place})`, async () => {
    await using store = await open<number>(options);
    for (let round = 0; round < 3; round++) {
      const entries = many.slice(0, 1024);
      // The turn has lasted long enough already.
      const endMs = performance.now() + 6;
      while (performance.now() < endMs) await store.get("key 0");
      void store.putMany(entries);
      void store.put("key 1023", -round);
      void store.putMany(entries);
      void store.deleteMany(["key 0", "key 1022"]);
      const read = store.get("key 1023");
      assert.is(await read, 1023);
      assert.is(await store.get("key 1022"), undefined);
      void store.putMany(entries);
      await store.put("key 1023", -round);
      assert.is(await store.get("key 1023"), -round);
    }
  });

  test(`flush waits for the whole of a batch, as does close (${place})`, async () => {
    const store = await open<number>(options);
    let isEnded = false;
    const batch = store.putMany(many.values()).then(() => isEnded = true);
    await store.flush();
    assert.is(isEnded, true);
    assert.is(store.count, many.length);
    await batch;
    const deleted = store.deleteMany(many.map(([key]) => key));
    const read = store.getMany(many.map(([key]) => key));
    await store.close();
    assert.ok((await deleted).every((wasThere) => wasThere));
    assert.is((await read).length, many.length);
  });

  test(`an iterable that closes the store ends its batch (${place})`, async () => {
    const store = await open<number>(options);
    let yielded = 0;
    function* closing(): Generator<[string, number]> {
      for (const entry of many) {
        if (++yielded === 4000) void store.close();
        yield entry;
      }
    }
    const error = await errorOf(() => store.putMany(closing()));
    assert.instance(error, StoreClosedError);
    assert.is(yielded, 4000);
    await store.close();
  });

  test(`an array is copied in the call (${place})`, async () => {
    await using store = await open<number>(options);
    const entries = [...many];
    const put = store.putMany(entries);
    entries.fill(["other", -1]);
    await put;
    assert.is(store.count, many.length);
    const keys = many.map(([key]) => key);
    const read = store.getMany(keys);
    keys.length = 0;
    assert.equal(await read, many.map(([, value]) => value));
    const wanted = many.map(([key]) => key);
    const deleted = store.deleteMany(wanted);
    wanted.fill("key 0");
    assert.is((await deleted).filter((wasThere) => wasThere).length, many.length);
  });

  test(`reads have ended for flush when they have (${place})`, async () => {
    await using store = await open<number>(options);
    await store.put("a", 1);
    for (let round = 0; round < 25; round++) {
      let endedCount = 0;
      for (let i = 0; i < 40; i++) void store.get("a").then(() => endedCount += 1);
      await store.flush();
      // At most the one microtask later in which it is told.
      await Promise.resolve();
      assert.is(endedCount, 40);
    }
  });
}

test.run();
