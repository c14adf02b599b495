/**
 * Watches of prefixes, as an application sees them, on each kind of store.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import * as assert from "uvu/assert";
import { CHANGE_RING_BYTES, WATCHED_PREFIXES_MAX } from "../../lib/core/limits.ts";
import {
  InvalidArgumentError,
  type Key,
  type KeyChange,
  type Store,
  TooManyWatchersError,
} from "../../mod.ts";
import type { Random } from "../support/random.ts";
import { assertRefusal, assertThrows, type Refusal } from "../support/errors.ts";
import { storeSuite, until } from "../support/store_suite.ts";
import { WatchedItems } from "../support/watched_items.ts";

const INVALID: Refusal = {
  type: InvalidArgumentError,
  code: "DINOMO_INVALID_ARGUMENT",
  says: /^(prefix|options|keys) must be/,
};

const suite = storeSuite("watching prefixes");

/** Begins a watch, and waits until it has. */
type Begin = (
  store: Pick<Store<unknown, Key>, "watch">,
  prefix: Key,
) => Promise<WatchedItems<KeyChange<Key>>>;

/**
 * Resolves when a condition holds, to true; or to false when changes of a store with several KNs
 * are said to be missing, as two of them were in each other's way.
 */
async function untilTold(
  store: Store<unknown, Key>,
  watches: readonly WatchedItems<KeyChange<Key>>[],
  condition: () => boolean,
): Promise<boolean> {
  const isLost = () => watches.some((watched) => told(watched).lastIndexOf("resync") > 0);
  await until(() => condition() || isLost());
  if (condition()) return true;
  assert.ok(store.nodes > 1, "one KN is not in its own way");
  return false;
}

/** Registers a case whose watches end with it. */
function test(
  name: string,
  body: (store: Store<unknown, Key>, begin: Begin, random: Random) => Promise<void>,
): void {
  suite(name, async (store, random) => {
    const controller = new AbortController();
    const begun: WatchedItems<KeyChange<Key>>[] = [];
    const begin: Begin = async (of, prefix) => {
      const watched = new WatchedItems(of.watch({ prefix }, { signal: controller.signal }));
      begun.push(watched);
      await watched.until(({ kind }) => kind === "resync");
      return watched;
    };
    try {
      await body(store, begin, random);
    } finally {
      controller.abort();
      for (const { ended } of begun) await ended;
    }
  });
}

/** Changes without their versions, as "put key". */
function told(watched: WatchedItems<KeyChange<Key>>): string[] {
  return watched.items.map((change) =>
    change.kind === "resync" ? change.kind : `${change.kind} ${String(change.key)}`
  );
}

test(
  "changes of keys with the prefix are told, with their versions, and no others",
  async (store, begin) => {
    await store.put("chat:1:0", "before");
    const watched = await begin(store, "chat:1:");
    const version = await store.put("chat:1:1", "a");
    await store.put("chat:2:1", "b");
    await store.put("chat:1", "c");
    await store.put("chat:1:2", "d");
    await store.delete("chat:1:1");
    await store.put("chat:1:", "e");
    await store.put("chat:2:2", "f");
    // A far KN's change is told when it is merged, which may be after the watch has begun.
    const toldSince = () => told(watched).filter((what) => what !== "put chat:1:0");
    if (!await untilTold(store, [watched], () => toldSince().length === 5)) return;
    // Those of different keys may come in another order.
    assert.equal(toldSince().toSorted(), [
      "delete chat:1:1",
      "put chat:1:",
      "put chat:1:1",
      "put chat:1:2",
      "resync",
    ]);
    const of1 = watched.items.filter((change) => "key" in change && change.key === "chat:1:1");
    const versions = of1.map((change) => "version" in change && change.version);
    assert.equal(versions, [version, version], "a delete has the version that is gone");
  },
);

test("also overwrites, conditional changes, expiry and clear", async (store, begin) => {
  const watched = await begin(store, "k");
  await store.put("k1", 1);
  await store.put("k1", 2);
  await store.increment("k1", 3);
  await store.update("k1", (old) => (old as number) + 1);
  if (!await untilTold(store, [watched], () => watched.items.length === 5)) return;
  await store.put("k2", 1, { ttl: 30 });
  if (!await untilTold(store, [watched], () => watched.last!.kind === "delete")) return;
  assert.equal(told(watched).slice(1), [...Array(4).fill("put k1"), "put k2", "delete k2"]);
  await store.clear();
  await untilTold(store, [watched], () => told(watched).includes("delete k1"));
});

test(
  "one who keeps a copy by what it is told has the same in the end",
  async (store, _, random) => {
    const copy = new Map<string, { version: number; isThere: boolean }>();
    const set = (key: string, version: number, isThere: boolean) => {
      if (version >= (copy.get(key)?.version ?? 0)) copy.set(key, { version, isThere });
    };
    const watch = store.watch({ prefix: "key " }, { keepAlive: true });
    const copying = (async () => {
      for await (const change of watch) {
        if (change.kind !== "resync") {
          set(
            String(change.key),
            change.version,
            change.kind === "put",
          );
        } else {
          for await (const key of store.keys({ prefix: "key " })) {
            const entry = await store.getEntry(key);
            if (entry !== undefined) set(String(key), entry.version, true);
          }
        }
        if (random.next() < 0.02) await setTimeout(2);
      }
    })();
    for (let i = 0; i < 2000; i++) {
      const key = `${random.pick(["key", "other"])} ${random.below(40)}`;
      const end = random.next() < 0.3 ? store.delete(key) : store.put(key, i);
      if (i % 32 === 0) await end;
    }
    await store.flush();
    const isEqual = async () => {
      for (let i = 0; i < 40; i++) {
        const entry = await store.getEntry(`key ${i}`);
        const copied = copy.get(`key ${i}`);
        if (entry?.version !== (copied?.isThere ? copied.version : undefined)) return false;
      }
      return true;
    };
    await until(isEqual);
    await watch.return!();
    await copying;
  },
);

test("a consumer that is too slow is told so", async (store) => {
  const watch = store.watch({ prefix: "" }, { keepAlive: true });
  assert.is((await watch.next()).value.kind, "resync");
  const key = "x".repeat(200);
  const count = Math.ceil(2 * CHANGE_RING_BYTES / key.length);
  for (let i = 0; i < count; i++) store.putSync(key, i);
  if (store.stats().nodes[0]!.far !== undefined) await setTimeout(50);
  let resyncs = 0;
  let changes = 0;
  await store.put("last", 1);
  for await (const change of { [Symbol.asyncIterator]: () => watch }) {
    if (change.kind === "resync") resyncs += 1;
    else changes += 1;
    if (resyncs > 0) break;
  }
  assert.is(resyncs, 1);
  assert.ok(changes < count, `${changes} of ${count} were told`);
});

test("several watches of one thread get what is theirs", async (store, begin) => {
  const prefixes = ["", "a", "ab", "ab" + "x".repeat(40), "b"];
  const watches = await Promise.all(prefixes.map((prefix) => begin(store, prefix)));
  const long = "ab" + "x".repeat(41);
  const keys = ["a", "b", "abc", long, "ab" + "x".repeat(39) + "y", "b last"];
  for (const key of keys) await store.put(key, 1);
  // A far KN may tell late what became of other keys before.
  const puts = watches.map((watched) => () =>
    keys.filter((key) => told(watched).includes(`put ${key}`)).length
  );
  const isTold = () => [6, 4, 3, 1, 2].every((count, i) => puts[i]!() === count);
  if (!await untilTold(store, watches, isTold)) return;
  assert.equal(told(watches[3]!), ["resync", `put ${long}`]);
});

test("keys in a namespace are told without its prefix", async (store, begin) => {
  const users = store.namespace("user:");
  const all = await begin(users, "");
  const some = await begin(users, "a");
  await store.put("user:", 0);
  await store.put("user:ada", 1);
  await store.put("user:bob", 2);
  await store.put("ada", 3);
  if (!await untilTold(store, [all, some], () => all.items.length === 3)) return;
  assert.equal(told(all).toSorted(), ["put ada", "put bob", "resync"]);
  assert.equal(told(some), ["resync", "put ada"]);
});

test(
  "a prefix may be of bytes, and keys are of the type that they were put with",
  async (store, begin) => {
    const watched = await begin(store, Uint8Array.of(1, 2));
    await store.put(Uint8Array.of(1, 2, 3), 1);
    await watched.until((last) => last.kind === "put");
    assert.equal((watched.last as { key: Key }).key, Uint8Array.of(1, 2, 3));
  },
);

test(
  "what is wrong is refused in the call, and more prefixes than may be in the iteration",
  async (store, begin) => {
    for (const filter of [{ prefix: 5 }, { other: "" }, { prefix: "\ud800" }, 5, null]) {
      assertThrows(
        () => store.watch(filter as { prefix: string }),
        INVALID,
        JSON.stringify(filter),
      );
    }
    const watches = Array.from(
      { length: WATCHED_PREFIXES_MAX },
      (_, i) => store.watch({ prefix: `${i}:` }),
    );
    for (const watch of watches) {
      await watch.next();
    }
    assertRefusal(await store.watch({ prefix: "more" }).next().catch((error) => error), {
      type: TooManyWatchersError,
      code: "DINOMO_TOO_MANY_WATCHERS",
      says: /at most 16 prefixes/,
    }, "a prefix more");
    await watches[3]!.return!();
    const late = await begin(store, "late");
    await store.put("late 1", 1);
    await late.until((last) => last.kind === "put");
    for (const watch of watches) await watch.return!();
  },
);

suite.run();
