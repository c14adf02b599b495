/**
 * Increments of one turn that are one request: each has the result that it would have alone.
 *
 * @module
 */
import { test as case_ } from "uvu";
import * as assert from "uvu/assert";
import { type BoundedIncrementOptions, NotANumberError, open } from "../../mod.ts";
import type { Random } from "../support/random.ts";
import { type StoreCase, storeSuite } from "../support/store_suite.ts";

const test = storeSuite("joined increments");
/** A time that has passed: what expires then does not exist for the next operation. */
const LONG_AGO = 1000;
const TURNS = 12;
const OPERATIONS_MAX = 40;
const OPTIONS: readonly (BoundedIncrementOptions | undefined)[] = [
  ...[undefined, undefined, undefined, undefined, { max: 5 }, { min: -1, max: 9 }],
  ...[{ ttl: Infinity }, { expiresAt: LONG_AGO }, { ttlIfNew: 3_600_000 }],
];

type TestedStore = Parameters<StoreCase>[0];
type Contents = Map<string, unknown>;

/** What an increment comes to, and what it leaves. */
function increment(contents: Contents, key: string, by: number, options = {}): unknown {
  const { min = -Infinity, max = Infinity, expiresAt }: BoundedIncrementOptions = options;
  const old = contents.get(key) ?? 0;
  const sum = (old as number) + by;
  if (typeof old !== "number" || !Number.isFinite(sum)) return NotANumberError;
  if (sum < min || sum > max) return undefined;
  if (expiresAt === LONG_AGO) contents.delete(key);
  else contents.set(key, sum);
  return sum;
}

/** Issues an operation, and does the same to the contents; resolves when the results are equal. */
function issue(store: TestedStore, contents: Contents, random: Random): Promise<void> {
  const key = random.pick(["a", "a", "a", "b"]);
  const kind = random.below(24);
  if (kind === 0) {
    const value = random.pick([7, 0.7, "text", Number.MAX_VALUE]);
    contents.set(key, value);
    return store.put(key, value).then(() => {});
  }
  if (kind === 1) return sameResult(store.delete(key), contents.delete(key));
  if (kind === 2) {
    contents.clear();
    return store.clear();
  }
  if (kind === 3) {
    const existed = contents.has(key);
    const touched = store.touch(key, { ttl: Infinity });
    return sameResult(touched.then((version) => version !== undefined), existed);
  }
  if (kind === 4) {
    const value = contents.get(key) === undefined ? 3 : "once more";
    contents.set(key, value);
    const updated = store.update(key, (old) => old === undefined ? 3 : "once more");
    return sameResult(updated, value);
  }
  const by = random.pick([1, 1, 1, 1, 0.1, -2, 1e308]);
  const options = random.pick(OPTIONS);
  const expected = increment(contents, key, by, options);
  if (kind === 5) {
    const entry = store.incrementEntry(key, by, options);
    return sameResult(entry.then((found) => found?.value), expected);
  }
  if (kind === 6) {
    const now = new Promise((resolve) => resolve(store.incrementSync(key, by, options)));
    return sameResult(now, expected);
  }
  return sameResult(store.increment(key, by, options), expected);
}

async function sameResult(promise: Promise<unknown>, expected: unknown): Promise<void> {
  if (expected !== NotANumberError) return assert.is(await promise, expected);
  const error = await promise.then((value) => value, (error) => error);
  assert.instance(error, NotANumberError);
}

test(
  "random operations of one turn have the results of one after the other",
  async (store, random) => {
    const contents: Contents = new Map();
    for (let turn = 0; turn < TURNS; turn++) {
      const ends: Promise<void>[] = [];
      const count = random.between(1, OPERATIONS_MAX);
      for (let i = 0; i < count; i++) ends.push(issue(store, contents, random));
      await Promise.all(ends);
      for (const key of ["a", "b"]) assert.is(await store.get(key), contents.get(key));
    }
  },
);

test("increments of several keys between each other count each key", async (store) => {
  const keys = Array.from({ length: 100 }, (_, i) => `key ${i}`);
  const ends: Promise<unknown>[] = [];
  for (let i = 0; i < 50; i++) for (const key of keys) ends.push(store.increment(key));
  const sums = await Promise.all(ends);
  for (const [at, sum] of sums.entries()) assert.is(sum, Math.floor(at / keys.length) + 1);
});

test("more increments of one turn than a request takes", async (store) => {
  const ends = Array.from({ length: 5000 }, () => store.increment("n"));
  assert.equal(await Promise.all(ends), ends.map((_, i) => i + 1));
  assert.is(await store.get("n"), 5000);
});

test("increments whose time has passed find nothing of each other", async (store) => {
  const ends = [1, 2, 3].map(() => store.increment("n", 1, { expiresAt: LONG_AGO }));
  assert.equal(await Promise.all(ends), [1, 1, 1]);
  assert.is(await store.has("n"), false);
});

test("an error of one request is that of each increment in it", async (store) => {
  await store.put("n", "text");
  const ends = [1, 1, 1].map((by) => store.increment("n", by));
  for (const { status, reason } of await Promise.allSettled(ends) as PromiseRejectedResult[]) {
    assert.is(status, "rejected");
    assert.instance(reason, NotANumberError);
    assert.ok(
      reason.message.endsWith('got a value that is none at the string "n"'),
      reason.message,
    );
  }
  assert.is(await store.get("n"), "text");
});

test.run();

case_("increments of one turn are one change of the key", async () => {
  await using store = await open<number>({ capacity: "1MiB", statistics: true });
  const before = (await store.incrementEntry("n"))!.version;
  const { updates } = store.stats().operations;
  await Promise.all(Array.from({ length: 64 }, () => store.increment("n")));
  const { value, version } = (await store.getEntry("n"))!;
  assert.is(value, 65);
  assert.is(version, before + 1, "one record");
  assert.is(store.stats().operations.updates - updates, 64, "each is an operation");
});

case_("options that ask for something else while they are read change nothing", async () => {
  await using store = await open<number>({ capacity: "1MiB" });
  const others: Promise<unknown>[] = [];
  const options = {
    get durability() {
      others.push(store.increment("b", 100));
      return undefined;
    },
  };
  assert.is(await store.increment("a", 1, options), 1);
  assert.is(store.incrementSync("a", 1, options), 2);
  const lasting = { ttl: Infinity, durability: undefined };
  Object.defineProperty(lasting, "durability", {
    enumerable: true,
    get: () => void others.push(store.touch("b", { ttl: 1 })),
  });
  await store.touch("a", lasting);
  await Promise.all(others);
  const entry = await store.getEntry("a");
  assert.equal([entry?.value, entry?.expiresAt], [2, undefined]);
});

case_("entries of increments of one turn have versions of their own", async () => {
  await using store = await open<number>({ capacity: "1MiB" });
  const ends = Array.from(
    { length: 8 },
    (_, i) => i % 2 === 0 ? store.incrementEntry("n") : store.increment("n"),
  );
  const results = await Promise.all(ends);
  const entries = results.filter((result) => typeof result === "object");
  assert.equal(entries.map(({ value }) => value), [1, 3, 5, 7]);
  assert.is(new Set(entries.map(({ version }) => version)).size, 4);
  const last = entries.at(-1)!;
  assert.is(await store.compareAndSet("n", last.version, 0), undefined, "8 has come since");
});

case_.run();
