/**
 * What a watch of keys makes of what it reads: of a store that is made up, whose reads say what the
 * test wants.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Key, KeyEncoder } from "../../lib/core/key_encoder.ts";
import { WAITING_CHANGES_MAX } from "../../lib/core/limits.ts";
import type { Entry } from "../../lib/store/arguments/entry.ts";
import { KeyWatch } from "../../lib/store/watches/key_watch.ts";
import { PrefixWatch } from "../../lib/store/watches/prefix_watch.ts";
import type { StoreReads } from "../../lib/store/reads/reads.ts";
import type { WatchHub } from "../../lib/store/watches/watch_hub.ts";
import type { HubWatch } from "../../lib/watch/watch_source.ts";
import type { TakenChange } from "../../lib/watch/change_ring.ts";
import { collectGarbage } from "../support/cycles.ts";

/** Keys that hold what they are told to, and a hub that only knows one watch. */
class MadeUpStore {
  readonly entries = new Map<Key, Entry<number>>();
  readCount = 0;
  watch: HubWatch | undefined;

  watchKeys(keys: readonly string[]): KeyWatch<number> {
    const hub = {
      add: (watch: HubWatch) => this.watch = watch,
      remove: () => this.watch = undefined,
      look: () => {},
      wait: () => {},
    } as unknown as WatchHub;
    const read = (key: Key) => {
      this.readCount += 1;
      return this.entries.get(key);
    };
    const reads = {
      readEntry: read,
      getEntries: (wanted: Key[]) => Promise.resolve(wanted.map(read)),
    } as unknown as StoreReads<number>;
    // The hash of a key is its place in the alphabet: each has a part of its own.
    const encoder = { encode: (key: string) => key.charCodeAt(0) << 15 } as KeyEncoder;
    return new KeyWatch(hub, reads, encoder, keys, {});
  }

  put(key: string, version: number, expiresAt?: number): void {
    const entry = { value: version, version };
    this.entries.set(key, expiresAt === undefined ? entry : { ...entry, expiresAt });
    this.note(key);
  }

  note(key: string): void {
    this.watch?.note(key.charCodeAt(0));
  }
}

/** Whether a promise is still pending after a while. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  return await Promise.race([promise.then(() => false), setTimeout(5, true)]);
}

test("a mark behind which nothing has changed delivers nothing", async () => {
  const store = new MadeUpStore();
  const watch = store.watchKeys(["a", "b"]);
  store.put("a", 1);
  await watch.next();
  const next = watch.next();
  store.note("a");
  assert.ok(await isPending(next));
  store.put("b", 1);
  assert.equal((await next).value, [{ value: 1, version: 1 }, { value: 1, version: 1 }]);
});

test("a key that has expired, and lives again by a clock that was set back, is delivered", async () => {
  const store = new MadeUpStore();
  const watch = store.watchKeys(["a", "b"]);
  store.put("a", 7, Date.now() + 2 ** 40);
  await watch.next();
  const entry = store.entries.get("a")!;
  // By the clock that is set back below it has expired.
  store.entries.delete("a");
  store.note("a");
  assert.equal((await watch.next()).value, [undefined, undefined]);
  const { changesAtMs } = watch as unknown as { changesAtMs: number };
  assert.ok(Math.abs(changesAtMs - Date.now() - 10_000) < 1000, "it looks at the clock");
  store.entries.set("a", entry);
  store.put("b", 1);
  assert.equal((await watch.next()).value, [entry, store.entries.get("b")]);
  // It is deleted: it is looked for once more, and then no longer.
  store.entries.delete("a");
  store.note("a");
  assert.is((await watch.next()).value![0], undefined);
  const reads = store.readCount;
  const next = watch.next();
  store.put("b", 2);
  await next;
  store.put("b", 3);
  await watch.next();
  assert.is(store.readCount, reads + 3);
});

test("a key that seems to be there again after it was deleted is not delivered as it was", async () => {
  const store = new MadeUpStore();
  const watch = store.watchKeys(["a"]);
  store.put("a", 7);
  await watch.next();
  const entry = store.entries.get("a")!;
  store.entries.delete("a");
  store.note("a");
  assert.equal((await watch.next()).value, [undefined]);
  store.entries.set("a", entry);
  const next = watch.next();
  store.note("a");
  assert.ok(await isPending(next));
  store.put("a", 8);
  assert.is((await next).value![0]!.version, 8);
});

test("a key is read again when it expires, without a mark", async () => {
  const store = new MadeUpStore();
  const watch = store.watchKeys(["a", "b"]);
  store.put("a", 1, Date.now() + 30);
  store.put("b", 1, Date.now() + 2 ** 40);
  await watch.next();
  const next = watch.next();
  const ended = Promise.race([next, setTimeout(2000, undefined)]);
  assert.ok(await isPending(next));
  store.entries.delete("a");
  assert.equal((await ended)?.value, [undefined, store.entries.get("b")]);
});

test("what is found together is delivered together, to the first of the calls that wait", async () => {
  const store = new MadeUpStore();
  const watch = store.watchKeys(["a", "b"]);
  await watch.next();
  const calls = [watch.next(), watch.next(), watch.next()];
  store.put("a", 1);
  store.put("b", 1);
  const both = [{ value: 1, version: 1 }, { value: 1, version: 1 }];
  assert.equal((await calls[0])!.value, both);
  assert.ok(await isPending(calls[1]!));
  store.put("b", 2);
  assert.is((await calls[1])!.value![1]!.version, 2);
  await watch.return();
  assert.equal(await calls[2], { done: true, value: undefined });
});

test("only what was marked is read, however many marks there were", async () => {
  const store = new MadeUpStore();
  const watch = store.watchKeys(["a", "b"]);
  await watch.next();
  for (let i = 1; i < 100; i++) store.put("a", i);
  assert.is((await watch.next()).value![0]!.version, 99);
  assert.is(store.readCount, 3);
});

/**
 * A watch of the keys that begin with an a, and a hub that does what it is told to when it is asked
 * for changes.
 */
function watchPrefix(look: (watch: PrefixWatch) => void = () => {}): PrefixWatch {
  const nothing = () => {};
  const hub = {
    add: nothing,
    remove: nothing,
    look: () => look(watch),
    wait: nothing,
    beginsAtOnce: true,
  };
  const watch: PrefixWatch = new PrefixWatch(
    hub as unknown as WatchHub,
    new KeyEncoder(1, 2),
    Uint8Array.of(97),
    1,
    {},
  );
  return watch;
}

function change(version: number): TakenChange {
  return { bytes: Uint8Array.of(97, 98), isBinary: false, isDelete: version % 2 === 0, version };
}

test("changes that wait for a slow consumer are bounded, and what is missing is said", async () => {
  const watch = watchPrefix();
  assert.equal((await watch.next()).value, { kind: "resync" });
  for (let i = 1; i <= WAITING_CHANGES_MAX; i++) watch.noteChange(change(i));
  assert.equal((await watch.next()).value, { kind: "put", key: "ab", version: 1 });
  assert.equal((await watch.next()).value, { kind: "delete", key: "ab", version: 2 });
  for (let i = 1; i <= 3; i++) watch.noteChange(change(WAITING_CHANGES_MAX + i));
  assert.equal((await watch.next()).value, { kind: "resync" });
  watch.noteChange(change(WAITING_CHANGES_MAX + 5));
  assert.is(((await watch.next()).value as { version: number }).version, WAITING_CHANGES_MAX + 5);
});

test("changes that never end leave the event loop its turns", async () => {
  let version = 0;
  const watch = watchPrefix((asked) => asked.noteChange(change(version += 1)));
  let hasTurned = false;
  setImmediate(() => hasTurned = true);
  let count = 0;
  for await (const _ of watch) {
    if (hasTurned || (count += 1) === 1_000_000) break;
  }
  assert.ok(hasTurned);
});

test("changes that were taken are let go, also if there are always others that wait", async () => {
  const watch = watchPrefix();
  await watch.next();
  const taken: WeakRef<TakenChange>[] = [];
  for (let i = 0; i < 3 * WAITING_CHANGES_MAX; i++) {
    noteAndKnow(watch, i, taken);
    if (i > 0) await watch.next();
  }
  const left = () => taken.filter((each) => each.deref() !== undefined).length;
  for (let i = 0; i < 500 && left() > 2 * WAITING_CHANGES_MAX; i++) {
    await setTimeout(20);
    collectGarbage();
  }
  assert.ok(left() <= 2 * WAITING_CHANGES_MAX, `${left()} of ${taken.length}`);
});

/** In a frame of its own, which ends. */
function noteAndKnow(watch: PrefixWatch, version: number, known: WeakRef<TakenChange>[]): void {
  const noted = change(version);
  known.push(new WeakRef(noted));
  watch.noteChange(noted);
}

test.run();
