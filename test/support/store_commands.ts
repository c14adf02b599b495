/**
 * Commands on a store beside a model, for fast-check: random sequences of them are run on both, and
 * what the store answers is compared with what the model says.
 *
 * @module
 */
import fc from "fast-check";
import * as assert from "uvu/assert";
import type { Store } from "../../mod.ts";
import { applied, assertVersion } from "./versions.ts";

/** What the store should hold. */
export type Model = Map<string, unknown>;

/** The store; reopening replaces it. */
export interface Real {
  store: Store<unknown>;
  /** Closes the store and opens it again; absent if it has no path. */
  readonly reopen?: () => Promise<Store<unknown>>;
}

type Command = fc.AsyncCommand<Model, Real>;
type Run = (model: Model, real: Real) => Promise<void>;

const KEY_COUNT = 16;
/**
 * Largest value that is tried, in characters: more than a ring of 8 KiB takes, less than a segment
 * of 4 KiB.
 */
const TEXT_LENGTH_MAX = 3500;
const LONG_MS = 3_600_000;

const key = fc.nat(KEY_COUNT - 1).map((i) => i % 5 === 4 ? `schlüssel 🦖 ${i}` : `key ${i}`);
const keys = fc.array(key, { maxLength: 8 });
const value: fc.Arbitrary<unknown> = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.nat(TEXT_LENGTH_MAX).map((length) => "x".repeat(length)),
  fc.uint8Array({ maxLength: 200 }),
  fc.record(
    { id: fc.nat(), name: fc.string(), tags: fc.array(fc.string(), { maxLength: 3 }) },
    { noNullPrototype: true },
  ),
  fc.constantFrom(null, true, new Map([["a", 1]]), new Set([1, 2]), 2n ** 70n, new Date(5)),
);
const options = fc.option(fc.constant({ ttl: LONG_MS }), { nil: undefined });

function command(name: string, run: Run): Command {
  return { check: () => true, run, toString: () => name };
}

function shown(...parameters: unknown[]): string {
  return parameters.map((parameter) => fc.stringify(parameter).slice(0, 40)).join(", ");
}

const puts = fc.tuple(key, value, options).map(([k, v, o]) =>
  command(`put(${shown(k, v)})`, async (model, { store }) => {
    assertVersion(await store.put(k, v, o));
    model.set(k, v);
  })
);

const putsSync = fc.tuple(key, value, options).map(([k, v, o]) =>
  command(`putSync(${shown(k, v)})`, (model, { store }) => {
    store.putSync(k, v, o);
    model.set(k, v);
    assert.equal(store.getSync(k), v);
    return Promise.resolve();
  })
);

const gets = key.map((k) =>
  command(`get(${k})`, async (model, { store }) => {
    assert.equal(await store.get(k), model.get(k));
    assert.equal(store.getSync(k), model.get(k));
    assert.is(await store.has(k), model.has(k));
    assert.equal((await store.getEntry(k))?.value, model.get(k));
  })
);

const deletes = fc.tuple(key, fc.boolean()).map(([k, isSync]) =>
  command(`delete(${k})`, async (model, { store }) => {
    const existed = isSync ? store.deleteSync(k) : await store.delete(k);
    assert.is(existed, model.delete(k));
  })
);

const insertions = fc.tuple(key, value).map(([k, v]) =>
  command(`compareAndSet(${shown(k, null, v)})`, async (model, { store }) => {
    assert.is(await applied(store.compareAndSet(k, null, v)), !model.has(k));
    if (!model.has(k)) model.set(k, v);
  })
);

const replacements = fc.tuple(key, value, fc.boolean()).map(([k, v, isStale]) =>
  command(
    `compareAndSet(${shown(k, isStale ? "stale" : "current", v)})`,
    async (model, { store }) => {
      const entry = await store.getEntry(k);
      assert.is(entry !== undefined, model.has(k));
      const version = (entry?.version ?? 1) - (isStale ? 1 : 0);
      const applies = model.has(k) && !isStale;
      assert.is(await applied(store.compareAndSet(k, version, v)), applies);
      if (applies) model.set(k, v);
    },
  )
);

const removals = fc.tuple(key, fc.boolean(), fc.boolean()).map(([k, isStale, isSync]) =>
  command(
    `compareAndDelete${isSync ? "Sync" : ""}(${shown(k, isStale ? "stale" : "current")})`,
    async (model, { store }) => {
      const version = ((await store.getEntry(k))?.version ?? 1) - (isStale ? 1 : 0);
      const isDeleted = isSync
        ? store.compareAndDeleteSync(k, version)
        : await store.compareAndDelete(k, version);
      assert.is(isDeleted, model.has(k) && !isStale);
      if (isDeleted) model.delete(k);
    },
  )
);

const bounds = fc.option(fc.record({ min: fc.integer(), max: fc.constant(2 ** 32) }), {
  nil: undefined,
});

const increments = fc.tuple(key, fc.oneof(fc.integer(), fc.double({ noNaN: true })), bounds).map(
  ([k, by, within]) =>
    command(`increment(${shown(k, by, within)})`, async (model, { store }) => {
      if (!Number.isFinite(by)) return;
      const old = model.get(k) ?? (model.has(k) ? NaN : 0);
      const sum = typeof old === "number" ? old + by + 0 : NaN;
      if (!Number.isFinite(sum)) {
        const error = await store.increment(k, by).then(() => undefined, (e: Error) => e);
        return assert.is(error?.name, "NotANumberError");
      }
      const isWithin = within === undefined || (sum >= within.min && sum <= within.max);
      const options = within ?? {};
      const got = await store.incrementEntry(k, by, options);
      assert.is(got?.value, isWithin ? sum : undefined);
      if (!isWithin) return;
      model.set(k, sum);
      assert.equal(await store.getEntry(k), got);
    }),
);

const touches = fc.tuple(key, fc.constantFrom(LONG_MS, Infinity), fc.boolean()).map(
  ([k, ttl, isSync]) =>
    command(`touch${isSync ? "Sync" : ""}(${shown(k, ttl)})`, async (model, { store }) => {
      const before = (await store.getEntry(k))?.version ?? 0;
      const version = isSync ? store.touchSync(k, { ttl }) : await store.touch(k, { ttl });
      assert.is(version !== undefined, model.has(k));
      if (version === undefined) return;
      assert.ok(version > before, `${version} after ${before}`);
      const entry = (await store.getEntry(k))!;
      assert.equal(entry.value, model.get(k));
      assert.is(entry.version, version);
      assert.is(entry.expiresAt === undefined, ttl === Infinity);
    }),
);

const updates = fc.tuple(key, value).map(([k, v]) =>
  command(`update(${shown(k, v)})`, async (model, { store }) => {
    const old = model.get(k);
    const next = [Array.isArray(old) ? old.length : 0, v];
    const stored = await store.update(k, (seen) => {
      assert.equal(seen, old);
      return next;
    });
    assert.equal(stored, next);
    model.set(k, next);
  })
);

const batches = fc.tuple(fc.array(fc.tuple(key, value), { maxLength: 8 }), keys).map(
  ([entries, removed]) =>
    command(`putMany(${entries.length}), deleteMany(${removed.length})`, async (model, real) => {
      const put = real.store.putMany(entries);
      const deleted = real.store.deleteMany(removed);
      for (const [k, v] of entries) model.set(k, v);
      const expected = removed.map((k) => model.delete(k));
      await put;
      assert.equal(await deleted, expected);
    }),
);

const readsOfMany = keys.map((list) =>
  command(`getMany(${list.length})`, async (model, { store }) => {
    assert.equal(await store.getMany(list), list.map((k) => model.get(k)));
  })
);

const bursts = fc.array(fc.tuple(key, fc.option(value, { nil: undefined })), {
  minLength: 2,
  maxLength: 40,
}).map((steps) =>
  command(`burst of ${steps.length}`, async (model, { store }) => {
    const work: Promise<unknown>[] = [];
    for (const [k, v] of steps) {
      if (v !== undefined) {
        work.push(store.put(k, v));
        model.set(k, v);
      } else {
        const existed = model.delete(k);
        work.push(store.delete(k).then((outcome) => assert.is(outcome, existed)));
      }
    }
    await Promise.all(work);
    for (const [k] of steps) assert.equal(store.getSync(k), model.get(k));
  })
);

const listings = fc.constantFrom("", "key", "key 1", "schlüssel", "nothing").map((prefix) =>
  command(`entries(${prefix})`, async (model, { store }) => {
    const seen: Model = new Map();
    for await (const [k, v] of store.entries({ prefix })) {
      assert.not(seen.has(String(k)), `${k} twice`);
      seen.set(String(k), v);
    }
    assert.equal(
      seen,
      new Map([...model].filter(([k]) => k.startsWith(prefix)).sort(byOrder(seen))),
    );
    assert.is(store.count, model.size);
  })
);

const clears = fc.constant(command("clear", async (model, { store }) => {
  await store.clear();
  model.clear();
}));

const scalings = fc.integer({ min: 1, max: 4 }).map((nodes) =>
  command(`scale(${nodes})`, async (_model, { store }) => {
    const report = await store.scale(nodes);
    assert.is(report.bytesMoved, 0);
    assert.is(store.nodes, nodes);
  })
);

const reopenings = fc.boolean().map((snapshotFirst): Command => ({
  check: () => true,
  toString: () => snapshotFirst ? "snapshot, reopen" : "reopen",
  async run(_model, real) {
    if (real.reopen === undefined) return;
    if (snapshotFirst) await real.store.snapshot();
    real.store = await real.reopen();
  },
}));

/** Sequences of commands. Those that take long, or make the others pointless, are rare. */
export function storeCommands(maxCommands: number): fc.Arbitrary<Iterable<Command>> {
  const often = [
    puts,
    putsSync,
    gets,
    deletes,
    insertions,
    replacements,
    removals,
    increments,
    touches,
    updates,
  ];
  const sometimes = [batches, readsOfMany, bursts, listings];
  const common = [...often, ...often, ...often, ...sometimes, ...sometimes];
  const all = [...common, ...common, clears, scalings, reopenings];
  return fc.commands(all, { maxCommands, size: "max" });
}

/** Orders a model's entries as they were seen, so that maps can be compared. */
function byOrder(seen: Model): (a: [string, unknown], b: [string, unknown]) => number {
  const order = [...seen.keys()];
  return ([a], [b]) => order.indexOf(a) - order.indexOf(b);
}
