/**
 * Functions of the application that the store calls, and that call the store: in the middle of
 * every kind of operation, for the same key and for another one, synchronously, asynchronously, and
 * to close it. docs/order.md has the table of what comes of it.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { suite, test } from "uvu";
import * as assert from "uvu/assert";
import {
  attach,
  type CustomCodec,
  open,
  type OpenOptions,
  PoolFullError,
  ReentrantCallError,
  type Store,
  StoreClosedError,
} from "../../mod.ts";
import { controlsOf } from "../../lib/store/store.ts";
import { errorOf } from "../support/errors.ts";
import { applied } from "../support/versions.ts";

const NEAR: OpenOptions = {
  capacity: "1MiB",
  segmentBytes: "4KiB",
  ringBytes: "8KiB",
  inFlight: 64,
};
const FAR: OpenOptions = { ...NEAR, placement: "far", backlog: "32KiB" };

const SETUPS = [
  { name: "near", options: NEAR, isAttached: false },
  { name: "near, attached", options: NEAR, isAttached: true },
  { name: "near, with a cache", options: { ...NEAR, cache: "16KiB" as const }, isAttached: false },
  { name: "far", options: FAR, isAttached: false },
  { name: "far, attached", options: { ...FAR, cache: "32KiB" as const }, isAttached: true },
];

/** What a codec of the application's own does beside coding; once, and before it does. */
let inside: (() => void) | undefined;

function callInside(): void {
  const call = inside;
  inside = undefined;
  call?.();
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Calls the store while it encodes what has the field `encoded`, and decodes what has the field
 * `decoded`.
 */
const CODEC: CustomCodec<unknown> = {
  encode(value) {
    if ((value as { encoded?: boolean }).encoded) callInside();
    return encoder.encode(JSON.stringify(value));
  },
  decode(bytes) {
    const value = JSON.parse(decoder.decode(bytes));
    if (value.decoded) callInside();
    return value;
  },
};

const OUTER = { name: "outer", text: "o".repeat(60) };
const NESTED = { name: "nested", text: "n".repeat(9) };
const OTHER = { name: "other", text: "t".repeat(33) };

/** An operation on the key K in the middle of which `call` is called. */
interface Caller {
  readonly name: string;
  readonly codec: OpenOptions["codec"];
  /** What K holds at first. */
  readonly first: unknown;
  /** Runs it; resolves to what it ends with. */
  run(store: Store<unknown>, call: () => void): Promise<unknown>;
  readonly result: unknown;
  /** What K holds at the end if `call` has put NESTED there synchronously, or asynchronously. */
  readonly afterSync: unknown;
  readonly afterAsync: unknown;
  /** Whether its outcome is that the store is closed, if `call` closes it. */
  readonly isRefusedByClose?: boolean;
}

const K = "key";

/** A value that calls while it is encoded. */
const withGetter = (call: () => void) => ({
  name: OUTER.name,
  get text() {
    call();
    return OUTER.text;
  },
});

const addOne = (old: unknown) => (old as number ?? 0) + 1;

const once = (call: () => void) => {
  let isCalled = false;
  return () => {
    if (isCalled) return;
    isCalled = true;
    call();
  };
};

function* items<T>(call: () => void, list: readonly T[]): Iterable<T> {
  for (const item of list) {
    yield item;
    call();
  }
}

const CALLERS: readonly Caller[] = [
  {
    name: "change of an update",
    codec: CODEC,
    first: NESTED,
    run: (store, call) => {
      const change = once(call);
      return store.update(K, () => {
        change();
        return OUTER;
      });
    },
    result: OUTER,
    // What is done at once comes before the update, which starts over; what is issued comes after
    // it.
    afterSync: OUTER,
    afterAsync: NESTED,
  },
  {
    name: "encode of a codec",
    codec: CODEC,
    first: OTHER,
    run: (store, call) => {
      inside = call;
      return applied(store.put(K, { ...OUTER, encoded: true }));
    },
    result: true,
    afterSync: { ...OUTER, encoded: true },
    afterAsync: { ...OUTER, encoded: true },
  },
  {
    name: "encode of a codec, of an update",
    codec: CODEC,
    first: OTHER,
    run: (store, call) => {
      inside = call;
      return store.update(K, () => ({ ...OUTER, encoded: true }));
    },
    result: { ...OUTER, encoded: true },
    afterSync: { ...OUTER, encoded: true },
    afterAsync: NESTED,
  },
  {
    name: "decode of a codec",
    codec: CODEC,
    first: { ...OTHER, decoded: true },
    run: (store, call) => {
      inside = call;
      return store.get(K);
    },
    result: { ...OTHER, decoded: true },
    afterSync: NESTED,
    afterAsync: NESTED,
  },
  ...(["msgpack", "json"] as const).flatMap((codec): Caller[] => [
    {
      name: `getter of a value, ${codec}`,
      codec,
      first: OTHER,
      run: (store, call) => applied(store.put(K, withGetter(once(call)))),
      result: true,
      afterSync: OUTER,
      afterAsync: OUTER,
    },
    {
      name: `toJSON of a value, ${codec}`,
      codec,
      first: OTHER,
      run: (store, call) => {
        const toJSON = once(call);
        class Value {
          toJSON() {
            toJSON();
            return OUTER;
          }
        }
        return applied(store.put(K, new Value()));
      },
      result: true,
      afterSync: OUTER,
      afterAsync: OUTER,
    },
  ]),
  {
    name: "iterable of putMany",
    codec: CODEC,
    first: OTHER,
    run: (store, call) => store.putMany(items(once(call), [["a", NESTED], [K, OUTER]])),
    result: undefined,
    afterSync: OUTER,
    afterAsync: OUTER,
    isRefusedByClose: true,
  },
  {
    name: "iterable of deleteMany",
    codec: CODEC,
    first: OTHER,
    run: (store, call) => store.deleteMany(items(once(call), ["a", K])),
    result: [false, true],
    afterSync: undefined,
    afterAsync: undefined,
    isRefusedByClose: true,
  },
  {
    name: "iterable of getMany",
    codec: CODEC,
    first: OTHER,
    run: (store, call) => store.getMany(items(once(call), ["a", "a"])),
    result: [undefined, undefined],
    afterSync: NESTED,
    afterAsync: NESTED,
  },
];

for (const { name, options, isAttached } of SETUPS) {
  const cases = suite(name);
  const stores = new Map<unknown, { host: Store<unknown>; store: Store<unknown> }>();
  const openWith = async (codec: OpenOptions["codec"]) => {
    const host = await open<unknown>({ ...options, codec: codec! });
    const attachOptions = codec === CODEC ? { codec: CODEC } : {};
    return { host, store: isAttached ? await attach(host.share(), attachOptions) : host };
  };
  const storeWith = async (codec: OpenOptions["codec"]) => {
    if (!stores.has(codec)) stores.set(codec, await openWith(codec));
    return stores.get(codec)!.store;
  };
  cases.after(async () => {
    for (const { host, store } of stores.values()) {
      await store.close();
      await host.close();
    }
  });

  for (const caller of CALLERS) {
    const begin = async (): Promise<Store<unknown>> => {
      const store = await storeWith(caller.codec);
      await store.deleteMany(["a", "x", "n"]);
      await store.put(K, caller.first);
      return store;
    };

    cases(`${caller.name}: synchronous calls, same key`, async () => {
      const store = await begin();
      let seen: unknown;
      const end = caller.run(store, () => {
        store.deleteSync(K);
        assert.is(store.hasSync(K), false);
        store.putSync(K, NESTED);
        seen = store.getSync(K);
      });
      assert.equal(await end, caller.result);
      assert.equal(seen, NESTED);
      assert.equal(await store.get(K), caller.afterSync);
    });

    cases(`${caller.name}: synchronous calls, another key`, async () => {
      const store = await begin();
      let seen: unknown;
      const end = caller.run(store, () => {
        store.putSync("x", OTHER);
        seen = store.getSync("x");
        assert.is(store.getSync("a missing key"), undefined);
      });
      assert.equal(await end, caller.result);
      assert.equal(seen, OTHER);
      assert.equal(await store.get("x"), OTHER);
      const isUnchanged = caller.name.startsWith("decode") || caller.name.endsWith("getMany");
      assert.equal(await store.get(K), isUnchanged ? caller.first : caller.afterSync);
    });

    cases(`${caller.name}: asynchronous calls`, async () => {
      const store = await begin();
      const ends: Promise<unknown>[] = [];
      const end = caller.run(store, () => {
        ends.push(applied(store.put(K, NESTED)), store.update("n", addOne));
        ends.push(store.update("x", () => OTHER));
        ends.push(store.update("n", addOne), store.get("x"), store.flush());
      });
      assert.equal(await end, caller.result);
      assert.equal(await Promise.all(ends), [true, 1, OTHER, 2, OTHER, undefined]);
      assert.equal(await store.get(K), caller.afterAsync);
      assert.is(store.stats().pending, 0);
    });

    // Each opens a store, and with a cache, here or in the KN, one closes as without.
    if ("cache" in options) continue;
    cases(`${caller.name}: close`, async () => {
      const { host, store } = await openWith(caller.codec);
      await store.put(K, caller.first);
      let closed: Promise<void> | undefined;
      const end = caller.run(store, () => closed = store.close());
      if (caller.isRefusedByClose) assert.instance(await errorOf(() => end), StoreClosedError);
      else assert.equal(await end, caller.result);
      await closed;
      assert.instance(await errorOf(() => store.get(K)), StoreClosedError);
      await host.close();
    });
  }

  cases("a value that stores itself is refused", async () => {
    for (const codec of ["msgpack", "json"] as const) {
      const store = await storeWith(codec);
      const value = {
        get text(): string {
          store.putSync(K, value);
          return "";
        },
      };
      assert.instance(await errorOf(() => store.put(K, value)), ReentrantCallError, codec);
      await store.put(K, OUTER);
      assert.equal(store.getSync(K), OUTER);
    }
  });

  cases("an update that changes its own key each time is refused", async () => {
    const store = await storeWith(CODEC);
    let calls = 0;
    const end = store.update(K, () => {
      calls += 1;
      store.putSync(K, OTHER);
      return OUTER;
    });
    assert.instance(await errorOf(() => end), ReentrantCallError);
    assert.is(calls, 100);
    assert.equal(store.getSync(K), OTHER);
  });

  cases("an async change may wait for the key itself", async () => {
    const store = await storeWith("msgpack");
    await store.put(K, 1);
    let isFirst = true;
    const end = store.update(K, async (old) => {
      assert.is(await store.get(K), old);
      if (isFirst) await store.put(K, 5);
      isFirst = false;
      await store.flush();
      return (old as number) + 1;
    });
    assert.is(await end, 6);
    assert.is(await store.get(K), 6);
  });

  cases("updates whose changes wait for each other end", async () => {
    const store = await storeWith("msgpack");
    const count = 100;
    await store.putMany(Array.from({ length: count + 1 }, (_, i) => [`chain ${i}`, 0] as const));
    const ends = Array.from({ length: count }, (_, i) =>
      store.update(`chain ${i}`, () => {
        store.getSync(`chain ${i + 1}`);
        return i;
      }));
    const results = await Promise.allSettled(ends);
    for (const result of results) {
      if (result.status === "rejected") assert.instance(result.reason, ReentrantCallError);
    }
    assert.ok(results.some(({ status }) => status === "fulfilled"));
    await store.putMany([[K, OUTER]]);
    assert.equal(store.getSync(K), OUTER);
  });

  cases(
    "an iterable that throws: what it has yielded is stored when the promise is rejected",
    async () => {
      const store = await storeWith("msgpack");
      const failure = new Error("no");
      function* failing(): Iterable<[string, unknown]> {
        for (let i = 0; i < 40; i++) yield [`yielded ${i}`, i];
        throw failure;
      }
      assert.is(await errorOf(() => store.putMany(failing())), failure);
      assert.is(store.stats().pending, 0);
      assert.is(store.getSync("yielded 39"), 39);
    },
  );

  cases.run();
}

test("a listener is called between operations, and may call the store", async () => {
  for (const options of [NEAR, FAR]) {
    const store = await open<unknown>(options);
    let isBusy = false;
    const seen: unknown[] = [];
    store.addEventListener("nodeadded", () => {
      assert.not(isBusy, "in the middle of an operation");
      store.putSync("x", OTHER);
      seen.push(store.getSync("x"));
      void store.increment("n");
    });
    isBusy = true;
    // As when a thread that blocks finds something out.
    controlsOf(store).emit("nodeadded", { node: 1 });
    store.putSync(K, OUTER);
    assert.equal(store.getSync(K), OUTER);
    assert.equal(seen, []);
    isBusy = false;
    await Promise.resolve().then(() => {});
    assert.equal(seen, [OTHER]);
    assert.is(await store.get("n"), 1);
    let closed: Promise<void> | undefined;
    store.addEventListener("noderemoved", () => closed = store.close());
    controlsOf(store).emit("noderemoved", { node: 1 });
    const put = store.put(K, NESTED);
    await put;
    await closed;
    assert.instance(await errorOf(() => store.get(K)), StoreClosedError);
  }
});

test("no acknowledged write is lost beside a listener that writes", async () => {
  // Without help every synchronous call blocks, and while it does the pool is looked after.
  const store = await open<string>({
    capacity: "8MiB",
    segmentBytes: "64KiB",
    help: false,
    spin: false,
  });
  let events = 0;
  store.addEventListener("poolnearlyfull", () => {
    events += 1;
    for (let i = 0; i < 8000; i++) store.deleteSync(`key ${i}`);
  });
  const value = "x".repeat(1000);
  for (let i = 0; i < 8000; i++) {
    const isStored = isDone(() => store.putSync(`key ${i}`, value));
    assert.is(store.hasSync(`key ${i}`), isStored);
  }
  for (let i = 0; i < 1000 && events === 0; i++) await setTimeout(20);
  assert.ok(events > 0);
  await store.close();
});

function isDone(call: () => void): boolean {
  try {
    call();
    return true;
  } catch (error) {
    assert.instance(error, PoolFullError);
    return false;
  }
}

test.run();
