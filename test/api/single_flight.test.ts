/**
 * getOrPut: what is missing is loaded once, by one of many callers in many threads, and nobody
 * waits for one that has failed or died.
 *
 * @module
 */
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  InvalidArgumentError,
  InvalidValueError,
  type LoadContext,
  open,
  type OpenOptions,
  type Store,
  StoreClosedError,
} from "../../mod.ts";
import { assertRejects, errorOf } from "../support/errors.ts";
import { SEED, seeded } from "../support/random.ts";
import type { LoadingClientData, LoadingOrder } from "../support/workers/loading_client.ts";

const PLACEMENTS: readonly OpenOptions<string>[] = [
  { capacity: "8MiB" },
  { capacity: "8MiB", placement: "far", nodes: 2 },
];
const THREADS = 4;
const KEYS = 300;
const HOUR_MS = 3_600_000;
const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";

/** A thread that loads. */
class LoadingThread {
  readonly worker: Worker;

  private constructor(data: LoadingClientData) {
    const url = new URL(`../support/workers/loading_client.${EXTENSION}`, import.meta.url);
    this.worker = new Worker(url, { workerData: data });
  }

  static async start(store: Store<string>, loads: Int32Array, seed: number) {
    const thread = new LoadingThread({ handle: store.share(), loads, seed });
    assert.is(await thread.next(), "ready");
    return thread;
  }

  /** The next message. */
  async next(): Promise<unknown> {
    return (await once(this.worker, "message"))[0];
  }

  async order(order: LoadingOrder): Promise<unknown> {
    this.worker.postMessage(order);
    return await this.next();
  }

  async end(): Promise<void> {
    const exited = once(this.worker, "exit");
    this.worker.postMessage("end");
    await exited;
  }
}

/** A loader that must not be called. */
function unreachable(why: string): () => never {
  return () => {
    throw new Error(`loaded, but ${why}`);
  };
}

function newLoads(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(KEYS * 4));
}

for (const options of PLACEMENTS) {
  const where = options.placement ?? "near";

  test(`callers of one thread share a load, and each has a value of its own: ${where}`, async () => {
    await using store = await open<{ n: number }>({
      ...(options as OpenOptions as OpenOptions<{ n: number }>),
      keys: "mixed",
    });
    const loadCounts = { string: 0, object: 0 };
    const load = async (key: unknown) => {
      const n = loadCounts[typeof key as "string" | "object"] += 1;
      await setTimeout(10);
      return { n };
    };
    const bytes = new Uint8Array([0, 255]);
    const values = await Promise.all(
      Array.from({ length: 40 }, (_, i) => store.getOrPut(i % 2 === 0 ? "key" : bytes, load)),
    );
    assert.equal(loadCounts, { string: 1, object: 1 });
    assert.equal(values, values.map(() => ({ n: 1 })));
    assert.is(new Set(values).size, 40, "no two share an object");
    assert.equal(await store.get("key"), { n: 1 });
    assert.equal(await store.getOrPut(bytes, unreachable("it is there")), { n: 1 });
  });

  test(`namespaces share loads with the store, and with each other: ${where}`, async () => {
    await using store = await open<string>(options);
    const loaded: string[] = [];
    const load = async (key: string, { signal }: LoadContext) => {
      loaded.push(key);
      await setTimeout(10, undefined, { signal });
      return `of ${key}`;
    };
    const [view, again] = [store.namespace("n:"), store.namespace("n:")];
    const values = await Promise.all([
      view.getOrPut("a", load),
      again.getOrPut("a", load),
      store.getOrPut("n:a", load),
      store.getOrPut("a", load),
      view.namespace("n:").getOrPut("a", load),
    ]);
    assert.equal(loaded.sort(), ["a", "a", "a"]);
    assert.equal(values, Array(5).fill("of a"));
    assert.equal([...store.keysSync()].sort(), ["a", "n:a", "n:n:a"]);
    assert.is(await view.getOrPut("a", unreachable("it is there")), "of a");
  });

  test(
    `four threads load each key once, whoever is first: ${where}`,
    seeded(async (random) => {
      await using store = await open<string>(options);
      const loads = newLoads();
      const threads = await Promise.all(
        Array.from(
          { length: THREADS },
          () => LoadingThread.start(store, loads, random.below(2 ** 31)),
        ),
      );
      for (const { ms, calls } of [{ ms: 0, calls: 1200 }, { ms: 8, calls: 400 }]) {
        const order = { kind: "run", calls, atOnce: 40, ms } as const;
        const answers = await Promise.all(threads.map((thread) => thread.order(order)));
        assert.equal(answers, threads.map(() => ({ result: 0 })));
        const loaded = loads.filter((count) => count > 0);
        assert.ok(loaded.length > KEYS / 3, `${loaded.length} keys were wanted`);
        assert.is(loads.findIndex((count) => count > 1), -1, `${loads}`);
        loads.fill(0);
        await store.clear();
      }
      for (const thread of threads) await thread.end();
    }),
  );

  test(`a loader that throws frees the other threads at once: ${where}`, async () => {
    await using store = await open<string>(options);
    const first = await LoadingThread.start(store, newLoads(), SEED);
    first.worker.postMessage({ kind: "get", key: "key", ms: 60, fails: true });
    assert.is(await first.next(), "loading");
    const loaded = store.getOrPut("key", () => "from the other one");
    const shared = store.getOrPut("key", unreachable("the first one loads"));
    assert.equal(await first.next(), { error: "no value for key" });
    assert.is(await loaded, "from the other one");
    assert.is(await shared, "from the other one");
    assert.is(await store.get("key"), "from the other one");
    await first.end();
  });

  test(`a thread that dies while it loads frees the others at once: ${where}`, async () => {
    await using store = await open<string>(options);
    const first = await LoadingThread.start(store, newLoads(), SEED);
    first.worker.postMessage({ kind: "get", key: "key", ms: 600_000, fails: false });
    assert.is(await first.next(), "loading");
    const loaded = store.getOrPut("key", () => "from the other one");
    await setTimeout(50);
    await first.worker.terminate();
    assert.is(await loaded, "from the other one");
  });
}

test("callers of one thread are rejected together, and the next one loads again", async () => {
  await using store = await open<string>({ capacity: "8MiB" });
  let loadCount = 0;
  const load = async () => {
    loadCount += 1;
    await setTimeout(5);
    if (loadCount === 1) throw new RangeError("not yet");
    return "value";
  };
  const both = await Promise.allSettled([store.getOrPut("a", load), store.getOrPut("a", load)]);
  for (const outcome of both) {
    assert.is(outcome.status, "rejected");
    assert.instance((outcome as PromiseRejectedResult).reason, RangeError);
  }
  assert.is(await store.getOrPut("a", load), "value");
  assert.is(loadCount, 2);
});

test("what a loader must not return is refused, and frees the others as an error does", async () => {
  await using store = await open<unknown>({ capacity: "8MiB" });
  for (const value of [undefined, () => {}]) {
    await assertRejects(() => store.getOrPut("a", () => value), {
      type: InvalidValueError,
      code: "DINOMO_INVALID_VALUE",
      says: /^value must/,
    });
  }
  assert.is(await store.getOrPut("a", () => null), null);
});

test("a value has its ttl, and is used behind it while it is loaded again, by one caller", async () => {
  await using store = await open<number>({ capacity: "8MiB" });
  let loadCount = 0;
  const load = async () => {
    loadCount += 1;
    await setTimeout(20);
    return loadCount;
  };
  const options = { ttl: 40, staleWhileRevalidateMs: HOUR_MS };
  const beganMs = Date.now();
  assert.is(await store.getOrPut("a", load, options), 1);
  const { expiresAt } = (await store.getEntry("a"))!;
  assert.ok(expiresAt! >= beganMs + HOUR_MS + 40, `${expiresAt}`);
  await setTimeout(60);
  const forAnHour = { ...options, ttl: HOUR_MS };
  const stale = await Promise.all([1, 2, 3].map(() => store.getOrPut("a", load, forAnHour)));
  assert.equal(stale, [1, 1, 1], "none of them waits");
  while ((await store.get("a")) === 1) await setTimeout(1);
  assert.is(loadCount, 2, "loaded once");
  assert.is(await store.getOrPut("a", load, forAnHour), 2);
  assert.is(loadCount, 2);
  // To one who takes older values it is old at once: when it expires is what was said when it was
  // loaded.
  const ofNow = { ttl: HOUR_MS, staleWhileRevalidateMs: 2 * HOUR_MS };
  const failing = () => Promise.reject(new Error("unreachable server"));
  assert.is(await store.getOrPut("a", failing, ofNow), 2, "a failure leaves it as it is");
  // For as long as that load goes on, there is no other.
  for (; loadCount === 2; await setTimeout(1)) {
    assert.is(await store.getOrPut("a", load, ofNow), 2);
  }
  while ((await store.get("a")) === 2) await setTimeout(1);
  assert.is(loadCount, 3);
});

test("without a stale time a key is loaded again when its ttl is over", async () => {
  await using store = await open<number>({ capacity: "8MiB" });
  assert.is(await store.getOrPut("a", () => 1, { ttl: HOUR_MS }), 1);
  assert.is(await store.getOrPut("a", () => 2, { ttl: HOUR_MS }), 1);
  assert.is(await store.getOrPut("brief", () => 1, { ttl: 20 }), 1);
  await setTimeout(40);
  assert.is(await store.getOrPut("brief", () => 3, { expiresAt: Date.now() + HOUR_MS }), 3);
  assert.is(await store.getOrPut("b", () => 1), 1);
  assert.is((await store.getEntry("b"))!.expiresAt, undefined);
});

test("a signal ends a call; the load goes on for others, and is told when there are none", async () => {
  await using store = await open<string>({ capacity: "8MiB" });
  let told: AbortSignal | undefined;
  let finish = (_value: string) => {};
  const slow = (_key: unknown, { signal }: { readonly signal: AbortSignal }) => {
    told = signal;
    return new Promise<string>((resolve) => finish = resolve);
  };
  const leaving = new AbortController();
  const left = store.getOrPut("a", slow, { signal: leaving.signal });
  const stays = store.getOrPut("a", slow, { signal: new AbortController().signal });
  while (told === undefined) await setTimeout(1);
  leaving.abort(new Error("the client has gone"));
  assert.is((await errorOf(() => left) as Error).message, "the client has gone");
  assert.is(told.aborted, false);
  finish("value");
  assert.is(await stays, "value");

  const alone = new AbortController();
  const until = (_key: unknown, { signal }: { readonly signal: AbortSignal }) =>
    new Promise<string>((_, reject) => {
      signal.addEventListener("abort", () => reject(new Error("the load was told")));
    });
  const ended = store.getOrPut("b", until, { signal: alone.signal });
  await setTimeout(5);
  alone.abort();
  assert.is((await errorOf(() => ended) as Error).name, "AbortError");
  assert.is(await store.getOrPut("b", () => "another one"), "another one");

  const slowToEnd = (_key: unknown, { signal }: { readonly signal: AbortSignal }) =>
    new Promise<string>((_, reject) => {
      signal.addEventListener(
        "abort",
        () => void setTimeout(20).then(() => reject(new Error("ended"))),
      );
    });
  const leaves = new AbortController();
  const givenUp = store.getOrPut("d", slowToEnd, { signal: leaves.signal });
  await setTimeout(5);
  leaves.abort();
  assert.is((await errorOf(() => givenUp) as Error).name, "AbortError");
  assert.is(await store.getOrPut("d", () => "after it"), "after it", "no failure of this caller");
  const error = await errorOf(() =>
    store.getOrPut("c", until, { signal: AbortSignal.abort("no") })
  );
  assert.is(error, "no");
});

test("a signal that is aborted while the key is read ends the call, and nothing is loaded", async () => {
  for (const options of PLACEMENTS) {
    await using store = await open<string>(options);
    const load = unreachable("nothing is loaded");
    for (const stale of [{}, { ttl: 1000, staleWhileRevalidateMs: 1000 }]) {
      const controller = new AbortController();
      const { signal } = controller;
      const ended = store.getOrPut("a", load, { ...stale, signal });
      controller.abort("gone");
      assert.is(await errorOf(() => ended), "gone");
    }
    // At once: what is on its way is not waited for.
    const controller = new AbortController();
    await store.put("b", "value");
    const read = store.getOrPut("b", load, { signal: controller.signal });
    controller.abort("gone");
    assert.is(await errorOf(() => read), "gone");
  }
});

test("a loader may use the store, and load other keys of the same class", async () => {
  await using store = await open<number>({ capacity: "8MiB" });
  const depth = 200;
  const load = async (key: unknown): Promise<number> => {
    const n = Number(key);
    if (n === depth) return 0;
    await store.put(`seen ${n}`, n);
    return await store.getOrPut(String(n + 1), load) + 1;
  };
  assert.is(await store.getOrPut("0", load), depth);
  assert.is(await store.get("100"), depth - 100);
});

test("close does not wait for a load, whose value is refused then", async () => {
  const store = await open<string>({ capacity: "8MiB" });
  const other = store.getOrPut("a", () => setTimeout(30, "value"));
  await setTimeout(5);
  await store.close();
  await assertRejects(() => other, {
    type: StoreClosedError,
    code: "DINOMO_CLOSED",
    says: /^the store must be open/,
  });
});

test("arguments are checked before anything is loaded", async () => {
  await using store = await open<number>({ capacity: "8MiB" });
  const load = unreachable("nothing is loaded");
  const rows: readonly [unknown, unknown, RegExp][] = [
    [undefined, undefined, /^load must be a function, got undefined/],
    [5, {}, /^load must be a function, got the number 5/],
    [load, null, /^options must be an object, got null/],
    [load, { ttl: 0 }, /^ttl must be a positive number/],
    [load, { stale: 5 }, /^options must be among ttl, .*, got the string "stale"/],
    [load, { ttl: 5, expiresAt: 5 }, /^expiresAt must be left out where ttl is given/],
    [load, { staleWhileRevalidateMs: 5 }, /^staleWhileRevalidateMs must be given with a ttl/],
    [load, { ttl: 5, staleWhileRevalidateMs: -1 }, /^staleWhileRevalidateMs must be a finite/],
    [load, { ttl: 5, staleWhileRevalidateMs: Infinity }, /^staleWhileRevalidateMs must be a/],
    [load, { durability: "paper" }, /^durability must be the store's/],
    [load, { signal: {} }, /^signal must be an AbortSignal/],
  ];
  for (const [loader, options, says] of rows) {
    const error = await errorOf(() =>
      store.getOrPut("a", loader as () => number, options as never)
    );
    assert.instance(error, InvalidArgumentError);
    assert.match((error as Error).message, says);
  }
});

test.run();
