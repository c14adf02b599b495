/**
 * What another process asks for that is not one request of one key: a store answers it as one that
 * has its pool.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { sleep } from "../../lib/platform/runtime.ts";
import {
  DELETE,
  HostOnlyError,
  InvalidArgumentError,
  open,
  PathError,
  type Store,
  StoreClosedError,
} from "../../mod.ts";
import { RUNTIMES, THIS_RUNTIME } from "../../scripts/runtimes.ts";
import { CAMPAIGN_FACTOR } from "../support/campaign.ts";
import { errorOf } from "../support/errors.ts";
import { Random, SEED, seeded } from "../support/random.ts";
import { SharedStore } from "../support/shared_store.ts";
import { temporaryPath } from "../support/temporary.ts";

const RANDOM = new Random(SEED);
const CAPACITY = "32MiB" as const;
const OPERATIONS = 200 * Math.max(1, CAMPAIGN_FACTOR);

type AnyStore = Store<unknown, string>;

/**
 * A store that has a pool, and one of the same thread that asks it, as one of another process does.
 */
interface Both {
  host: AnyStore;
  remote: AnyStore;
  path: string;
}

async function openBoth(
  options: object = {},
): Promise<Both> {
  const path = temporaryPath();
  const given = { path, processes: true, capacity: CAPACITY, ...options };
  const host = await open<unknown>(given);
  return { host, remote: await open<unknown>(given), path };
}

/** The same for tests that leave nothing behind that others would meet. */
let common: Promise<Both> | undefined;

function openCommon(): Promise<Both> {
  return common ??= openBoth();
}

test.after(async () => {
  const { host, remote } = await openCommon();
  await remote.close();
  await host.close();
});

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const KEYS = Array.from({ length: 40 }, (_, i) => `${"abc"[i % 3]}:${String(i).padStart(2, "0")}`);

/** An operation of a program, on whichever store. */
type Step = (store: AnyStore) => Promise<unknown>;

function randomRange(isOrdered: boolean): object {
  const bound = () => `${RANDOM.pick(["a", "b", "c"])}:${RANDOM.below(40)}`;
  const range: Record<string, unknown> = {};
  if (RANDOM.below(3) === 0) range["prefix"] = RANDOM.pick(["a:", "b:1", "zz"]);
  if (!isOrdered) return range;
  for (const name of ["gt", "gte", "lt", "lte"]) if (RANDOM.below(4) === 0) range[name] = bound();
  if (RANDOM.below(2) === 0) range["reverse"] = true;
  if (RANDOM.below(3) === 0) range["limit"] = RANDOM.below(12);
  return range;
}

function sorted(items: unknown[], isOrdered: boolean): unknown[] {
  return isOrdered ? items : items.map((item) => JSON.stringify(item)).sort();
}

function randomStep(i: number, isOrdered: boolean): Step {
  const key = RANDOM.pick(KEYS);
  const other = RANDOM.pick(KEYS);
  const range = randomRange(isOrdered);
  const value = { i, text: "x".repeat(RANDOM.below(RANDOM.below(10) === 0 ? 30_000 : 50)) };
  const some = KEYS.filter(() => RANDOM.below(4) === 0);
  const isCleared = RANDOM.below(6) === 0;
  const { reverse: _reverse, limit: _limit, ...ends } = range as Record<string, unknown>;
  switch (RANDOM.below(16)) {
    case 0:
      return (store) => store.put(key, value).then(() => {});
    case 1:
      return (store) => store.delete(key);
    case 2:
      return (store) => store.putMany(some.map((name) => [name, value]));
    case 3:
      return async (store) => sorted(await collect(store.entries(range)), isOrdered);
    case 4:
      return async (store) => sorted(await collect(store.keys(range)), isOrdered);
    case 5:
      return (store) => store.countKeys(range);
    case 6:
      return (store) => isCleared ? store.clear(range) : Promise.resolve();
    case 7:
      return (store) => store.getMany(some, { consistent: true });
    case 8:
      return async (store) => {
        const version = (await store.getEntry(key))?.version ?? null;
        const commit = store.atomic().check(key, version).put(key, value);
        if (other !== key) commit.delete(other);
        const made = await commit.commit();
        return made?.versions.map((version) => version !== undefined);
      };
    case 9:
      return (store) =>
        store.atomic().check(key, null).put(key, value).commit().then((made) => made === null);
    case 10:
      return (store) =>
        store.transaction(async (transaction) => {
          const [one, two] = await transaction.getMany([key, other]);
          if (one === undefined) transaction.put(key, value);
          else transaction.delete(key);
          return [one, two, await transaction.has(other), await transaction.get("c:05")];
        });
    case 11:
      return (store) =>
        store.update(key, (old) => old === undefined ? value : DELETE).then(() => {});
    case 12:
      return (store) => store.getAndDelete(key);
    case 13:
      return (store) => isOrdered ? store.last(ends) : store.get(key);
    case 14:
      return async (store) => sorted(await collect(store.namespace("a:").keys()), isOrdered);
    default:
      return async (store) => (await store.getEntries(some)).map((entry) => entry?.value);
  }
}

for (const ordered of [false, true]) {
  test(
    `random programs do the same in another process${ordered ? ", in order" : ""}`,
    seeded(async () => {
      const { host, remote } = await openBoth({ ordered });
      await using local = await open<unknown>({ capacity: CAPACITY, ordered });
      const early: Promise<unknown>[] = [];
      for (let i = 0; i < OPERATIONS; i++) {
        const step = randomStep(i, ordered);
        // Operations that nobody waits for are in their order, too.
        if (RANDOM.below(3) === 0) {
          const key = RANDOM.pick(KEYS);
          for (const store of [remote, local]) early.push(store.put(key, { early: i }));
        }
        assert.equal(await step(remote), await step(local), `step ${i}`);
      }
      // The host sees what has ended.
      await Promise.all(early);
      assert.equal(
        sorted(await collect(host.entries()), ordered),
        sorted(await collect(local.entries()), ordered),
      );
      await remote.close();
      await host.close();
    }),
  );
}

test("transactions of several processes' stores add up", async () => {
  const { host, remote } = await openCommon();
  const add = async (store: AnyStore, count: number) => {
    for (let i = 0; i < count; i++) {
      await store.transaction(async (transaction) => {
        const a = await transaction.get("a") as number | undefined ?? 0;
        const b = await transaction.get("b") as number | undefined ?? 0;
        assert.is(a, b, "two keys that are changed together differ");
        transaction.put("a", a + 1);
        transaction.put("b", b + 1);
      });
    }
  };
  await Promise.all([add(remote, 15), add(host, 15), add(remote, 15)]);
  assert.equal(await remote.getMany(["a", "b"], { consistent: true }), [45, 45]);
});

test("watches of another process end with the last state of each key, and never go back", async () => {
  const { host, remote } = await openCommon();
  const keys = ["x", "y", "z"];
  const versions = [0, 0, 0];
  let last: unknown[] = [];
  const watching = (async () => {
    for await (const entries of remote.watch(keys, { keepAlive: true })) {
      for (const [i, entry] of entries.entries()) {
        if (entry === undefined) continue;
        assert.ok(entry.version >= versions[i]!, "an older state after a newer one");
        versions[i] = entry.version;
      }
      last = entries.map((entry) => entry?.value);
      if (last.every((value) => value === "end")) return;
      await sleep(RANDOM.below(3));
    }
  })();
  for (let i = 0; i < 300; i++) {
    await RANDOM.pick([host, remote]).put(RANDOM.pick(keys), i);
    if (i % 50 === 0) await sleep(2);
  }
  for (const key of keys) await host.put(key, "end");
  await watching;
  assert.equal(last, ["end", "end", "end"]);
});

test("changes of a prefix are told in another process, in their order", async () => {
  const { host, remote } = await openCommon();
  const seen: string[] = [];
  const watching = (async () => {
    for await (const change of remote.watch({ prefix: "job:" }, { keepAlive: true })) {
      seen.push(change.kind === "resync" ? "resync" : `${change.kind} ${change.key}`);
      if (seen.length === 5) return;
    }
  })();
  while (seen.length === 0) await sleep(1);
  await host.put("job:1", 1);
  await host.put("other", 1);
  await remote.put("job:2", 1);
  await host.delete("job:1");
  await remote.clear();
  await watching;
  assert.equal(seen, ["resync", "put job:1", "put job:2", "delete job:1", "delete job:2"]);
});

test("closing waits for what was asked for", async () => {
  const { path } = await openCommon();
  const remote = await open<unknown>({ path, processes: true, capacity: CAPACITY });
  const written = remote.snapshot();
  await remote.close();
  assert.type((await written).number, "number");
});

test("a watch that waits ends with its store, and by its signal", async () => {
  const { path } = await openCommon();
  const remote = await open<unknown>({ path, processes: true, capacity: CAPACITY });
  const end = new AbortController();
  const aborted = collect(remote.watch(["a"], { signal: end.signal }));
  const closed = errorOf(() => collect(remote.watch({ prefix: "" })));
  await sleep(20);
  end.abort(new Error("enough"));
  assert.match(String(await errorOf(() => aborted)), "enough");
  await remote.close();
  assert.match(String(await closed), "StoreClosedError");
});

test("what only the host's thread can do is done for another process, and its events come", async () => {
  const { host, remote, path } = await openCommon();
  await remote.clear();
  await remote.put("a", 1);
  const told: string[] = [];
  remote.addEventListener("nodeadded", ({ detail }) => told.push(`added ${detail.node}`));
  remote.addEventListener("slotsmoved", ({ detail }) => told.push(`to ${detail.to}`));
  const report = await remote.scale(2);
  assert.equal([report.from, report.to, host.nodes], [1, 2, 2]);
  while (told.length < 2) await sleep(1);
  assert.equal(told, ["added 1", "to 2"]);
  const stats = await remote.readStats();
  assert.equal([stats.count, stats.nodes.length], [1, 2]);
  await remote.flush();
  assert.type((await remote.snapshot()).number, "number");
  const copy = join(path, "..", `${path.split(/[/\\]/).at(-1)}-copy`);
  await remote.backup(copy);
  assert.ok(existsSync(copy));
  await remote.delete("a");
  const { restored, kept } = await remote.restore(copy);
  assert.equal([restored, kept, await remote.get("a")], [1, 0, 1]);
  assert.type((await remote.compact()).durationMs, "number");
  assert.is(await remote.grow(CAPACITY), host.stats().capacityBytes);
});

test("what fails at the host fails with the same error in another process", async () => {
  const { remote, path } = await openCommon();
  const cases: [() => Promise<unknown>, new (...args: never[]) => Error][] = [
    [() => remote.scale(1000), InvalidArgumentError],
    [() => remote.scale(NaN), InvalidArgumentError],
    [() => remote.grow(1), InvalidArgumentError],
    [() => remote.backup(path), PathError],
    [() => remote.first(), InvalidArgumentError],
    [() => collect(remote.keys({ gt: "a" })), InvalidArgumentError],
    [() => remote.replicate("a", 2), Error],
  ];
  for (const [action, Class] of cases) {
    const error = await errorOf(action) as Error & { code: string };
    assert.ok(error instanceof Class, String(error));
    assert.match(error.code, /^DINOMO_/);
  }
  const end = new AbortController();
  end.abort(new Error("enough"));
  assert.match(String(await errorOf(() => remote.snapshot({ signal: end.signal }))), "enough");
});

test("what cannot wait says what does", async () => {
  const { host, remote } = await openBoth({ ordered: true });
  await remote.put("a", 1);
  const refused: [() => unknown, RegExp][] = [
    [() => remote.stats(), /await readStats\(\)/],
    [() => remote.count, /await countKeys\(\)/],
    [() => remote.nodes, /await readStats\(\)/],
    [() => [...remote.entriesSync()], /await entries\(\)/],
    [() => [...remote.keysSync()], /await keys\(\)/],
    [() => [...remote.valuesSync()], /await values\(\)/],
    [() => remote.countKeysSync(), /await countKeys\(\)/],
    [() => remote.firstSync(), /await first\(\)/],
    [() => remote.lastSync(), /await last\(\)/],
    [() => remote.getManySync(["a"], { consistent: true }), /await getMany\(\)/],
  ];
  for (const [action, message] of refused) {
    const error = await errorOf(async () => await action());
    assert.ok(error instanceof HostOnlyError, String(error));
    assert.match(String(error), message);
  }
  assert.is(await remote.get("a"), 1);
  const namespace = remote.namespace("n");
  await remote.close();
  // An iterator is made at any time, and says so when it is asked.
  const closed = [remote.entries(), remote.keys(), remote.values(), namespace.keys()];
  for (const iterator of closed) {
    assert.instance(await errorOf(async () => await iterator.next()), StoreClosedError);
  }
  for (const counted of [remote, namespace]) {
    assert.instance(await errorOf(() => counted.countKeys()), StoreClosedError);
  }
  await host.close();
});

test("an iteration, a watch and a transaction go on when the host is killed", async () => {
  const path = temporaryPath();
  const options = { path, processes: true, capacity: CAPACITY, ordered: true } as const;
  const host = await SharedStore.open(options);
  const remote = await open<unknown>(options);
  const keys = Array.from({ length: 1500 }, (_, i) => `k${String(i).padStart(5, "0")}`);
  await remote.putMany(keys.map((key, i) => [key, i]));
  await remote.put("watched", 1);
  const watched: unknown[] = [];
  const watching = (async () => {
    for await (const [entry] of remote.watch(["watched"], { keepAlive: true })) {
      watched.push(entry?.value);
      if (entry?.value === 2) return;
    }
  })();
  // It is told of the state that was there first, and not only of the last one.
  while (watched.length === 0) await sleep(1);
  const seen: string[] = [];
  for await (const key of remote.keys({ prefix: "k" })) {
    seen.push(key);
    if (seen.length === 100) await host.kill();
  }
  assert.equal(seen, keys);
  await remote.put("watched", 2);
  await watching;
  assert.equal(watched, [1, 2]);
  const sum = await remote.transaction(async (transaction) => {
    const values = await transaction.getMany(["k00001", "k00002"]);
    transaction.put("sum", 3);
    return values;
  });
  assert.equal(sum, [1, 2]);
  assert.equal(await remote.getMany(["sum", "watched"], { consistent: true }), [3, 2]);
  await remote.close();
});

test("processes on other runtimes get what calls give", async () => {
  const path = temporaryPath();
  const options = { path, processes: true, capacity: CAPACITY, ordered: true } as const;
  const store = await open<unknown>(options);
  const others = await Promise.all(
    RUNTIMES.filter((runtime) => runtime !== THIS_RUNTIME).map((runtime) =>
      SharedStore.open(options, runtime)
    ),
  );
  for (const [i, other] of others.entries()) {
    await store.putMany([["a", 1], ["b", 2], ["c", { since: new Date(i) }]]);
    assert.equal(
      await other.call("getMany", ["a", "x", "c"], { consistent: true }),
      [1, undefined, { since: new Date(i) }],
    );
    assert.equal(await other.call("first"), ["a", 1]);
    assert.is(await other.call("countKeys", { gt: "a" }), 2);
    await other.call("clear", { prefix: "b" });
    assert.equal(await collect(store.keys()), ["a", "c"]);
    await other.call("scale", 2 + i);
    assert.is(store.nodes, 2 + i);
    assert.match(String(await errorOf(() => other.call("grow", 1))), "InvalidArgumentError");
    await other.end();
  }
  await store.close();
});

test.run();
