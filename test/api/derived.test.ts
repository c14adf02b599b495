/**
 * Operations whose value the key's KN makes from what is stored: increments within bounds, their
 * entries, touch, and the same before they return.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { test as case_ } from "uvu";
import * as assert from "uvu/assert";
import {
  InvalidArgumentError,
  NotANumberError,
  open,
  PoolFullError,
  type Store,
} from "../../mod.ts";
import { assertRejects, errorOf } from "../support/errors.ts";
import { storeSuite } from "../support/store_suite.ts";
import { assertVersion } from "../support/versions.ts";

const test = storeSuite("derived operations");
const HOUR_MS = 3_600_000;

/** What a synchronous call throws, as a rejection. */
function toPromise(call: () => unknown): Promise<unknown> {
  return new Promise((resolve) => resolve(call()));
}

/** Numbers of every length that the codecs write, where their forms begin and end. */
const NUMBERS = [
  ...[0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 2 ** 31, 2 ** 32 - 1, 2 ** 32],
  ...[-1, -0x20, -0x21, -0x80, -0x81, -0x8000, -0x8001, -(2 ** 31), -(2 ** 31) - 1, -(2 ** 53)],
  ...[
    0.5,
    -7.25,
    1e-7,
    1e21,
    2 ** 53,
    Number.MAX_VALUE,
    Number.MIN_VALUE,
    -1.2345678901234567e-308,
  ],
];

test("increment reads every number that is stored, and what it stores is read", async (store) => {
  for (const number of NUMBERS) {
    await store.put("n", number);
    assert.is(await store.increment("n", 0), number);
    assert.is(await store.get("n"), number);
    assert.is(store.incrementSync("n", 1), number + 1);
    assert.is(store.getSync("n"), number + 1);
  }
  await store.put("n", -0);
  assert.is(await store.increment("n", -0), 0, "never -0");
  assert.is(await store.get("n"), 0);
});

test("a sum beyond min or max is not stored, and nothing else changes", async (store) => {
  await store.put("n", 5, { ttl: HOUR_MS });
  const before = await store.getEntry("n");
  for (const options of [{ max: 5 }, { min: 7 }, { min: 7, max: 9, ttl: 5 }, { max: -1 }]) {
    assert.is(await store.increment("n", 1, options), undefined);
    assert.is(store.incrementSync("n", 1, options), undefined);
    assert.is(await store.incrementEntry("n", 1, options), undefined);
    assert.is(store.incrementEntrySync("n", 1, options), undefined);
  }
  assert.equal(await store.getEntry("n"), before);
  assert.is(await store.increment("n", 1, { min: 6, max: 6 }), 6, "the bounds are allowed");
  assert.is(await store.increment("new", 3, { max: 2 }), undefined);
  assert.is(await store.has("new"), false);
  assert.is(await store.increment("new", 3, { min: 3, max: Infinity }), 3);
});

test("of many that take the last ones of a stock, as many get one as there are", async (store) => {
  await store.put("stock", 40);
  const takes = Array.from({ length: 120 }, () => store.increment("stock", -1, { min: 0 }));
  const left = (await Promise.all(takes)).filter((sum) => sum !== undefined) as number[];
  assert.equal(left.toSorted((a, b) => b - a), Array.from({ length: 40 }, (_, i) => 39 - i));
  assert.is(await store.get("stock"), 0);
});

test("incrementEntry returns the entry that the key has by it", async (store) => {
  const first = await store.incrementEntry("n", 2, { ttlIfNew: HOUR_MS });
  assert.is(first.value, 2);
  assertVersion(first.version);
  assert.ok(Math.abs(first.expiresAt! - Date.now() - HOUR_MS) < 60_000, `${first.expiresAt}`);
  assert.equal(await store.getEntry("n"), first);
  const second = store.incrementEntrySync("n", 3, { ttlIfNew: 1 });
  assert.is(second.value, 5);
  assert.is(second.expiresAt, first.expiresAt, "the window is that of the first");
  assert.ok(second.version > first.version);
  assert.equal(store.getEntrySync("n"), second);
  const third = await store.incrementEntry("n", 1, { ttl: Infinity });
  assert.equal(Object.keys(third), ["value", "version"]);
  assert.is(await store.compareAndDelete("n", third.version), true);
});

test("an increment keeps the expiry time, or gives another one", async (store) => {
  const expiryOf = async () => (await store.getEntry("n"))!.expiresAt;
  const at = Date.now() + HOUR_MS;
  assert.is(await store.increment("n", 1, { ttlIfNew: HOUR_MS }), 1);
  assert.ok(Math.abs((await expiryOf())! - at) < 60_000);
  await store.increment("n", 1, { expiresAt: at });
  assert.is(await expiryOf(), at);
  await store.increment("n");
  assert.is(await expiryOf(), at);
  await store.increment("n", 1, { ttlIfNew: 1 });
  assert.is(await expiryOf(), at);
  await store.increment("n", 1, { ttl: Infinity });
  assert.is(await expiryOf(), undefined);
  await store.increment("n", 1, { ttlIfNew: 1 });
  assert.is(await expiryOf(), undefined);
});

test("a counter that has expired begins again", async (store) => {
  await store.increment("n", 7, { ttl: 30 });
  await setTimeout(60);
  assert.is(await store.touch("n", { ttl: HOUR_MS }), undefined);
  assert.is(await store.increment("n", 2, { max: 5 }), 2);
  assert.is((await store.getEntry("n"))!.expiresAt, undefined);
});

test("touch changes the expiry time and the version, and nothing else", async (store) => {
  const at = Date.now() + HOUR_MS;
  const values = [null, "", "x", { a: [1, { b: "é" }] }, "y".repeat(500), new Uint8Array(300)];
  for (const [i, value] of values.entries()) {
    const key = i % 2 === 0 ? `k${i}` : new Uint8Array([i, 0, 255]);
    await store.put(key, value);
    let { version } = (await store.getEntry(key))!;
    for (const expiresAt of [at, at + 5, Infinity, at, Infinity, Infinity]) {
      const touched = await store.touch(key, { expiresAt });
      assert.ok(touched! > version, `${touched} after ${version}`);
      version = touched!;
      const expected = { value, version, ...(expiresAt === Infinity ? {} : { expiresAt }) };
      assert.equal(await store.getEntry(key), expected);
    }
    assert.ok(store.touchSync(key, { ttl: HOUR_MS })! > version);
    assert.equal(store.getSync(key), value);
  }
  assert.is(await store.touch("missing", { ttl: 5 }), undefined);
  assert.is(store.touchSync("missing", { ttl: Infinity }), undefined);
  assert.is(await store.has("missing"), false);
});

test("a key that was touched expires when the touch says", async (store) => {
  await store.put("soon", 1);
  await store.touch("soon", { ttl: 20 });
  // On a machine that is busy the key may be gone before it is touched.
  let ttl = 40;
  do {
    ttl *= 2;
    await store.put("never", 1, { ttl });
  } while (await store.touch("never", { ttl: Infinity }) === undefined);
  await setTimeout(ttl + 20);
  assert.is(await store.has("soon"), false);
  assert.is(await store.has("never"), true);
});

test("values of every size can be touched, those too that no ring takes", async (store) => {
  const sizes = [0, 1, 60, 61, 62, 63, 64, 65, 700, 2100, 3000, 3500];
  for (let round = 0; round < 6; round++) {
    for (const size of sizes) await store.put(`k${size}`, "v".repeat(size));
    const ttl = round % 2 === 0 ? HOUR_MS : Infinity;
    const ends = sizes.map((size) => store.touch(`k${size}`, { ttl }));
    for (const version of await Promise.all(ends)) assertVersion(version);
    for (const size of sizes) {
      const entry = (await store.getEntry(`k${size}`))!;
      assert.is((entry.value as string).length, size);
      assert.is(entry.expiresAt === undefined, ttl === Infinity);
    }
  }
});

test("they apply in the order in which they are issued, with everything else", async (store) => {
  const at = Date.now() + HOUR_MS;
  const ends = [
    store.put("n", 1),
    store.increment("n", 10),
    store.touch("n", { expiresAt: at }),
    store.incrementEntry("n"),
    store.delete("n"),
    store.increment("n", 5),
    store.update("n", (old) => (old as number) * 2),
    store.increment("n", 1),
    store.touch("n", { expiresAt: at }),
    store.getAndDelete("n"),
    store.touch("n", { expiresAt: at }),
    store.increment("n", 3),
  ];
  assert.is(store.incrementSync("n", 100), 103);
  const got = await Promise.all(ends);
  assert.equal(
    [got[1], (got[3] as { value: number }).value, ...got.slice(4, 8), got[9], got[10], got[11]],
    [11, 12, true, 5, 10, 11, 11, undefined, 3],
  );
  assert.is((got[3] as { expiresAt: number }).expiresAt, at);
});

test("what an update is in progress for waits for it, with what it asked for", async (store) => {
  await store.put("n", 1);
  const doubled = store.update("n", (old) => Promise.resolve((old as number) * 2));
  const ends = [1, 2, 3].map((by) => store.increment("n", by, { max: 10 * by }));
  const touched = store.touch("n", { ttl: HOUR_MS });
  const others = [1, 2, 3].map((by) => store.increment(`m${by}`, by));
  assert.is(await doubled, 2);
  assert.equal(await Promise.all(ends), [3, 5, 8]);
  assertVersion(await touched);
  assert.equal(await Promise.all(others), [1, 2, 3]);
  assert.ok((await store.getEntry("n"))!.expiresAt! > Date.now());
});

test("what is not a number is named, as is a sum that is not finite", async (store) => {
  await store.put("a", "5");
  await store.put("b", 1e308);
  for (const name of ["increment", "incrementEntry"] as const) {
    for (const call of [() => store[name]("a"), () => toPromise(() => store[`${name}Sync`]("a"))]) {
      await assertRejects(call, {
        type: NotANumberError,
        code: "DINOMO_NOT_A_NUMBER",
        says: /^increment must add to a number and stay finite, got a value that is none at .*"a"/,
      });
    }
    await assertRejects(() => store[name]("b", 1e308), {
      type: NotANumberError,
      code: "DINOMO_NOT_A_NUMBER",
      says: /got the number 1e\+308 at the string "b"/,
    });
  }
});

test.run();

case_("numbers of the codec json are added to as text", async () => {
  await using store = await open<unknown>({ capacity: "8MiB", codec: "json" });
  for (const number of NUMBERS) {
    await store.put("n", number);
    assert.is(await store.increment("n", 0), number);
    assert.is(await store.get("n"), number);
    assert.is(store.incrementSync("n", 1), number + 1);
    assert.is(store.getSync("n"), number + 1);
  }
  for (const value of ["5", null, true, [1], { n: 1 }, "x".repeat(30)]) {
    await store.put("a", value);
    assert.is(
      ((await errorOf(() => store.increment("a"))) as Error | undefined)?.name,
      "NotANumberError",
    );
    assertVersion(await store.touch("a", { ttl: HOUR_MS }));
    assert.equal(await store.get("a"), value);
  }
});

case_("of other codecs a store cannot read numbers, and says so; it can touch", async () => {
  const codec = {
    encode: (value: unknown) => new TextEncoder().encode(JSON.stringify(value)),
    decode: (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes)),
  };
  await using custom = await open<unknown>({ capacity: "8MiB", codec });
  await using binary = await open<Uint8Array>({ capacity: "8MiB", codec: "binary" });
  // The types would not let it be tried.
  const asNumbers = binary as unknown as Store<number>;
  const value = new Uint8Array([1]);
  await custom.put("n", 1);
  await binary.put("n", value);
  for (const call of [() => custom.increment("n"), () => asNumbers.increment("n")]) {
    await assertRejects(call, {
      type: InvalidArgumentError,
      code: "DINOMO_INVALID_ARGUMENT",
      says: /^increment must be called on a store with the codec "msgpack" or "json", got one with/,
    });
  }
  assert.is(await custom.update("n", (old) => (old as number) + 1), 2);
  assertVersion(await custom.touch("n", { ttl: HOUR_MS }));
  assertVersion(await binary.touch("n", { ttl: HOUR_MS }));
  assert.is(await custom.get("n"), 2);
  assert.equal(await binary.get("n"), value);
});

case_("in a full pool what takes no more space goes on, and the rest is refused", async () => {
  for (const placement of ["near", "far"] as const) {
    const sizes = { capacity: "1MiB", segmentBytes: "16KiB" } as const;
    await using store = await open<unknown>({ ...sizes, placement });
    const at = Date.now() + HOUR_MS;
    await store.put("n", 1e10, { expiresAt: at });
    await store.put("blob", "b".repeat(3000), { expiresAt: at });
    const fill = async (put: (i: number) => Promise<unknown>) => {
      for (let i = 0;; i++) {
        const error = await errorOf(() => put(i));
        if (error === undefined) continue;
        assert.instance(error, PoolFullError);
        return i;
      }
    };
    const count = await fill((i) => store.put(`filler ${i}`, "f".repeat(900)));
    assert.ok(await fill((i) => store.increment(`counter ${i}`)) < 60);
    for (let i = 1; i <= 1000; i++) assert.is(await store.increment("n"), 1e10 + i);
    for (let i = 1; i <= 500; i++) assertVersion(await store.touch("blob", { expiresAt: at + i }));
    assert.is(((await store.get("blob")) as string).length, 3000);
    assert.is(await store.get(`filler ${count - 1}`), "f".repeat(900));
  }
});

case_.run();
