/**
 * A pool that is full: it says so, loses nothing, goes on with overwrites and deletes, and takes
 * new keys again when there is room. Segments are so small that cleaning and reuse never stop.
 *
 * @module
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { open, PoolFullError, type Store } from "../../mod.ts";
import { assertRefusal, errorOf, type Refusal } from "../support/errors.ts";
import { applied } from "../support/versions.ts";

const SIZES = {
  codec: "binary",
  capacity: "128KiB",
  segmentBytes: "4KiB",
  ringBytes: "8KiB",
} as const;

const FULL: Refusal = {
  type: PoolFullError,
  code: "DINOMO_POOL_FULL",
  says: /^the pool is full: /,
};

interface Context {
  store: Store<Uint8Array>;
}

/** What the store has to hold: the tag of each key's value. */
type Model = Map<string, number>;

function valueOf(tag: number, length: number): Uint8Array<ArrayBuffer> {
  const value = new Uint8Array(length).fill(tag & 0xff);
  new DataView(value.buffer).setInt32(0, tag, true);
  return value;
}

/** Refusals in a row after which the pool is full, and not only its cleaning late. */
const REFUSALS = 20;

/** Puts keys, several at a time, until the pool is full. */
async function fill(store: Store<Uint8Array>, length: number): Promise<Model> {
  const model: Model = new Map();
  let refusals = 0;
  for (let i = 0; refusals < REFUSALS; i += 10) {
    const keys = Array.from({ length: 10 }, (_, j) => `key ${i + j}`);
    const puts = keys.map((key, j) => errorOf(() => store.put(key, valueOf(i + j, length))));
    for (const [j, error] of (await Promise.all(puts)).entries()) {
      if (error === undefined) {
        model.set(keys[j]!, i + j);
        refusals = 0;
      } else {
        assertRefusal(error, FULL, keys[j]!);
        refusals += 1;
      }
    }
  }
  return model;
}

function check(store: Store<Uint8Array>, model: Model, length: number): void {
  assert.is(store.count, model.size);
  for (const [key, tag] of model) {
    const value = store.getSync(key);
    assert.is(value?.length, length, key);
    assert.is(new DataView(value!.buffer).getInt32(0, true), tag, key);
  }
}

const SETUPS = [
  { nodes: 1, lengths: [8, 500, 1000, 2500, 3900] },
  { nodes: 3, lengths: [100, 2500] },
];

for (const { nodes, lengths } of SETUPS) {
  const test = suite<Context>(`full pool, ${nodes} KN`);

  test.before.each(async (context) => {
    context.store = await open({ ...SIZES, nodes });
  });
  test.after.each((context) => context.store.close());

  for (const length of lengths) {
    test(`values of ${length} bytes: overwrites and deletes go on, and room is used again`, async ({ store }) => {
      const model = await fill(store, length);
      const keys = [...model.keys()];
      const { liveBytes, capacityBytes } = store.stats();
      assert.ok(liveBytes > 0.4 * capacityBytes, `${keys.length} values fitted`);
      check(store, model, length);
      const context = `${model.size} values of ${length} bytes`;
      // As many bytes as the pool has, so that every segment is written again.
      for (let i = 0; i < 128 * 1024 / length && i < 600; i++) {
        const key = keys[(i * 7) % keys.length]!;
        const error = await errorOf(() => store.put(key, valueOf(-i, length)));
        assert.is(error, undefined, `overwrite ${i}, ${context}: ${error}`);
        model.set(key, -i);
      }
      check(store, model, length);
      for (const key of keys.filter((_, i) => i % 2 === 0).slice(0, 300)) {
        assert.is(await store.delete(key), true, context);
        model.delete(key);
      }
      check(store, model, length);
      let added = 0;
      while (await errorOf(() => store.put(`new ${added}`, valueOf(added, length))) === undefined) {
        model.set(`new ${added}`, added);
        added += 1;
      }
      assert.ok(added > 0, `room was given back, ${context}`);
      check(store, model, length);
    });
  }

  test("what is refused was not stored, in bursts too", async ({ store }) => {
    const length = 200;
    const puts = Array.from({ length: 3000 }, (_, i) => store.put(`key ${i}`, valueOf(i, length)));
    const outcomes = await Promise.allSettled(puts);
    const model: Model = new Map();
    outcomes.forEach((outcome, i) => {
      if (outcome.status === "fulfilled") model.set(`key ${i}`, i);
      else assertRefusal(outcome.reason, FULL, `key ${i}`);
    });
    assert.ok(model.size > 200 && model.size < 700, `${model.size} fitted`);
    check(store, model, length);
  });

  test("every operation that would add is refused, with the same error", async ({ store }) => {
    const model = await fill(store, 100);
    const value = valueOf(1, 3900);
    const refusals: readonly [string, () => Promise<unknown>][] = [
      ["put", () => store.put("new", value)],
      ["putSync", () => Promise.resolve().then(() => store.putSync("new", value))],
      ["putMany", () => store.putMany([["new", value], ["newer", value]])],
      ["compareAndSet", () => store.compareAndSet("new", null, value)],
      ["update", () => store.update("new", () => value)],
    ];
    for (const [name, call] of refusals) assertRefusal(await errorOf(call), FULL, name);
    assert.is(await store.has("new"), false);
    check(store, model, 100);
    assert.is(
      await applied(store.compareAndSet([...model.keys()][0]!, null, value)),
      false,
      "unmet is not full",
    );
  });

  test("a store that was full is empty after clear, and fills again nearly as far", async ({ store }) => {
    const first = await fill(store, 150);
    await store.clear();
    assert.is(store.count, 0);
    const second = await fill(store, 150);
    assert.ok(second.size >= first.size * 0.85, `${second.size} after ${first.size}`);
    check(store, second, 150);
  });

  test("at 90 % of what fits, overwrites of random sizes go on and on", async ({ store }) => {
    const model = await fill(store, 120);
    const keys = [...model.keys()];
    for (const key of keys.splice(Math.floor(keys.length * 0.9))) {
      await store.delete(key);
      model.delete(key);
    }
    const cleanedBefore = store.stats().segmentsCleaned;
    const hasCleaned = () => store.stats().segmentsCleaned > cleanedBefore;
    // Keys in no order, so that segments do not empty themselves; and a DPM processor counts when
    // it has ended.
    for (let i = 0; i < 3000 || (i < 60_000 && !hasCleaned());) {
      const puts: Promise<unknown>[] = [];
      for (let j = 0; j < 50; j++, i++) {
        const key = keys[(Math.imul(i, 0x9e3779b1) >>> 7) % keys.length]!;
        puts.push(store.put(key, valueOf(i, 120)));
        model.set(key, i);
      }
      await Promise.all(puts);
    }
    check(store, model, 120);
    assert.ok(hasCleaned(), "segments were cleaned");
  });

  test("expired keys make room", async ({ store }) => {
    let isFull = false;
    // On a machine that is busy the first of them are gone before the pool is full.
    for (let ttl = 50; !isFull; ttl *= 2) {
      for (let i = 0; i < 2000 && !isFull; i++) {
        const put = () => store.put(`key ${i}`, valueOf(i, 200), { ttl });
        isFull = await errorOf(put) !== undefined;
      }
    }
    while (await errorOf(() => store.put("new", valueOf(1, 2000))) !== undefined) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.is((await store.get("new"))?.length, 2000);
  });

  test.run();
}
