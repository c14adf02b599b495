/**
 * Stores that are opened to be read only: what they refuse, what works, and that nothing changes in
 * their directories.
 *
 * @module
 */
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { tryAcquireLock } from "../../lib/lock/mod.ts";
import { type FileSystem, nodeFileSystem } from "../../lib/persistence/file_system.ts";
import { Queue } from "../../lib/queue/mod.ts";
import { openPathToRead, type PoolOptions } from "../../lib/store/opening/open_path.ts";
import {
  attach,
  CorruptionError,
  InvalidOptionError,
  open,
  type OpenOptions,
  PathError,
  PoolLockedError,
  ReadOnlyError,
  type Store,
} from "../../mod.ts";
import { assertRejects, errorOf } from "../support/errors.ts";
import { FREE_PID, lockText } from "../support/locks.ts";
import { type Random, seeded } from "../support/random.ts";
import { temporaryPath } from "../support/temporary.ts";

const SIZES: OpenOptions<number> = { capacity: "1MiB", segmentBytes: "16KiB" };
/** How a pool is opened in parts. */
const AS_STORED = {
  codec: "msgpack",
  keys: "string",
  workers: {},
  durability: "memory",
} as unknown as PoolOptions;
const LOCKED = { type: PoolLockedError, code: "DINOMO_LOCKED", says: /this thread/ };
const REFUSED = { type: ReadOnlyError, code: "DINOMO_READ_ONLY" };

/** Everything that is known about a directory: names, sizes, times, bytes. */
function stateOf(path: string): unknown {
  const names = ["", ...readdirSync(path).sort()];
  return names.map((name) => {
    const file = join(path, name);
    const { size, mtimeNs, ctimeNs, mode, ino } = statSync(file, { bigint: true });
    const bytes = name === "" ? "" : readFileSync(file, "latin1");
    return [name, ...[size, mtimeNs, ctimeNs, mode, ino].map(String), bytes];
  });
}

/** A pool of a hundred keys, the last of which stand behind its checkpoint, as after a kill. */
async function poolAsKilled(options: OpenOptions<number> = {}): Promise<string> {
  const living = temporaryPath();
  const path = temporaryPath("killed");
  await using store = await open<number>({ ...SIZES, ...options, path: living });
  for (let i = 0; i < 50; i++) await store.put(`key ${i}`, i);
  await store.snapshot();
  for (let i = 50; i < 100; i++) await store.put(`key ${i}`, i);
  await store.put("gone", 1, { ttl: 1 });
  await store.put("going", 1, { expiresAt: Date.now() + 3_600_000 });
  await setTimeout(2);
  cpSync(living, path, { recursive: true });
  writeFileSync(join(path, "lock"), lockText(path, { pid: FREE_PID }));
  return path;
}

const pool = await poolAsKilled();
const before = stateOf(pool);

/** A function of the application that must not be called. */
function never(): number {
  throw new Error("it was called");
}

/** The methods that change something, each called as one that works otherwise. */
const CHANGES: Record<string, (store: Store<number>) => unknown> = {
  put: (store) => store.put("key 1", 2, { durability: "disk" }),
  putSync: (store) => store.putSync("key 1", 2),
  putMany: (store) => store.putMany([]),
  putManySync: (store) => store.putManySync([]),
  delete: (store) => store.delete("none"),
  deleteSync: (store) => store.deleteSync("none"),
  compareAndDelete: (store) => store.compareAndDelete("none", 1),
  compareAndDeleteSync: (store) => store.compareAndDeleteSync("none", 1),
  deleteMany: (store) => store.deleteMany([]),
  deleteManySync: (store) => store.deleteManySync([]),
  compareAndSet: (store) => store.compareAndSet("key 1", null, 1),
  compareAndSetSync: (store) => store.compareAndSetSync("key 1", null, 1),
  update: (store) => store.update("key 1", () => never()),
  updateSync: (store) => store.updateSync("key 1", () => never()),
  getAndDelete: (store) => store.getAndDelete("key 1"),
  getAndDeleteSync: (store) => store.getAndDeleteSync("key 1"),
  getOrPut: (store) => store.getOrPut("none", () => never()),
  increment: (store) => store.increment("key 1"),
  incrementSync: (store) => store.incrementSync("key 1"),
  incrementEntry: (store) => store.incrementEntry("key 1"),
  incrementEntrySync: (store) => store.incrementEntrySync("key 1"),
  touch: (store) => store.touch("key 1", { ttl: 1 }),
  touchSync: (store) => store.touchSync("key 1", { ttl: 1 }),
  clear: (store) => store.clear(),
  clearSync: (store) => store.clearSync({ limit: 0 }),
  "atomic: put": (store) => store.atomic().put("key 1", 1),
  "atomic: delete": (store) => store.atomic().delete("key 1"),
  "atomic: increment": (store) => store.atomic().increment("key 1"),
  "transaction: put": (store) => store.transaction((tx) => tx.put("key 1", 1)),
  "transaction: delete": (store) => store.transaction((tx) => tx.delete("key 1")),
  "transaction: increment": (store) => store.transaction((tx) => tx.increment("key 1")),
};
/** Those of the store as a whole. */
const MAINTENANCE: typeof CHANGES = {
  snapshot: (store) => store.snapshot(),
  restore: (store) => store.restore(pool),
  grow: (store) => store.grow("2MiB"),
};
/** The methods that change nothing, or nothing that is in a file. */
const OTHERS = [
  ...["get", "getSync", "getMany", "getManySync", "getEntry", "getEntrySync", "getEntries"],
  ...["getEntriesSync", "has", "hasSync", "hasMany", "hasManySync", "count", "countKeys"],
  ...["countKeysSync", "entries", "entriesSync", "keys", "keysSync", "values", "valuesSync"],
  ...["first", "firstSync", "last", "lastSync", "watch", "pick", "namespace", "atomic"],
  ...["transaction", "recovery", "readOnly", "nodes", "scale", "replicate", "backup", "compact"],
  ...["flush", "share", "addEventListener", "removeEventListener", "stats", "readStats", "close"],
];

function methodsOf(store: object): string[] {
  const names = new Set<string>();
  for (let at = Object.getPrototypeOf(store); at !== Object.prototype;) {
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
    at = Object.getPrototypeOf(at);
  }
  names.delete("constructor");
  return [...names].sort();
}

async function assertAllRefused(store: Store<number>, changes: typeof CHANGES): Promise<void> {
  for (const [name, change] of Object.entries(changes)) {
    const method = name.replace(/.*: /, "").replace(/^(increment|touch).*/, "$1");
    const says = new RegExp(`^${method} must be called .*, got .* opened with readOnly$`);
    await assertRejects(async () => await change(store), { ...REFUSED, says }, name);
  }
}

test("every method that changes something is refused, in every thread and view", async () => {
  await using store = await open<number>({ path: pool, readOnly: true });
  const known = [...Object.keys(CHANGES), ...Object.keys(MAINTENANCE), ...OTHERS];
  const forgotten = methodsOf(store).filter((name) => !known.includes(name));
  assert.equal(forgotten, [], "methods that this test does not know");
  assert.is(store.readOnly, true);
  await assertAllRefused(store, { ...CHANGES, ...MAINTENANCE });
  await assertAllRefused(store.namespace<number>("key ") as Store<number>, CHANGES);
  await using attached = await attach(store.share());
  assert.is(attached.readOnly, true);
  await assertAllRefused(attached, CHANGES);
  assert.equal(stateOf(pool), before);
});

test("what is built on a store is refused with the same error", async () => {
  await using store = await open({ path: pool, readOnly: true });
  const says = /readOnly/;
  await assertRejects(() => tryAcquireLock(store, "a", { leaseMs: 1000 }), { ...REFUSED, says });
  const queue = new Queue(store, "jobs");
  await assertRejects(() => queue.add(1), { ...REFUSED, says });
});

test("reads work, and what has expired is hidden", async () => {
  await using store = await open<number>({ path: pool, readOnly: true, ordered: true });
  assert.is(await store.get("key 7"), 7, "of the checkpoint");
  assert.is(store.getSync("key 77"), 77, "behind the checkpoint");
  assert.is(store.recovery!.records > 50, true);
  assert.is(await store.get("gone"), undefined);
  assert.is((await store.getEntry("going"))!.value, 1);
  assert.equal(await store.getMany(["key 1", "none"], { consistent: true }), [1, undefined]);
  assert.is(await store.getOrPut("key 3", () => never()), 3);
  assert.is([...store.keysSync({ prefix: "key " })].length, 100);
  assert.equal(await store.first({ gt: "key 98" }), ["key 99", 99]);
  assert.is(await store.transaction((tx) => tx.get("key 4")), 4);
  const { version } = (await store.getEntry("key 4"))!;
  assert.equal(await store.atomic().check("key 4", version).commit(), { versions: [] });
  for await (const [entry] of store.watch(["key 5"])) {
    assert.is(entry!.value, 5);
    break;
  }
  await using other = await attach(store.share(), { cache: "64KiB" });
  assert.is(other.getSync("key 9"), 9);
  await store.scale(2);
  assert.equal([store.nodes, await store.get("key 9")], [2, 9]);
  await store.flush();
  assert.is((await store.compact()).fileBytes, 0);
  assert.is(store.stats().durability.level, "memory");
  await other.close();
  await store.close();
  assert.equal(stateOf(pool), before);
});

test("a far pool is read, too", async () => {
  await using store = await open<number>({ path: pool, readOnly: true, placement: "far" });
  assert.is(await store.get("key 77"), 77);
  await assertRejects(() => store.put("a", 1), { ...REFUSED, says: /^put / });
  await store.close();
  assert.equal(stateOf(pool), before);
});

test("a backup of it is a pool like any other, and is outside of it", async () => {
  await using store = await open<number>({ path: pool, readOnly: true });
  const says = /outside/;
  const inside = () => store.backup(join(pool, "copy"));
  await assertRejects(inside, { type: PathError, code: "DINOMO_PATH", says });
  const path = temporaryPath("backup");
  await store.backup(path);
  await using copy = await open<number>({ path });
  assert.is(copy.readOnly, false);
  assert.is(await copy.increment("key 9"), 10);
  assert.equal(stateOf(pool), before);
});

test("nothing is called that could write", async () => {
  const reads = ["openForRead", "openDirectory", "read", "close", "list", "info", "infoOf"];
  const called: string[] = [];
  const files = new Proxy(nodeFileSystem, {
    get(target, name: keyof FileSystem) {
      if (!reads.includes(name)) called.push(name);
      return target[name];
    },
  });
  const opened = await openPathToRead(pool, AS_STORED, files);
  assert.equal([opened.pool.isReadOnly, opened.lock, opened.log], [true, undefined, undefined]);
  assert.equal(called, []);
});

test("a directory is enough in which this user may not write", async () => {
  const path = await poolAsKilled();
  for (const name of readdirSync(path)) chmodSync(join(path, name), 0o444);
  chmodSync(path, 0o555);
  // Everything that is loaded on demand has been by then: it may not be the other user's to read.
  await (await open<number>({ path, readOnly: true })).close();
  const state = stateOf(path);
  const isRoot = process.geteuid!() === 0;
  // The directory of all temporary ones is its owner's only.
  if (isRoot) chmodSync(dirname(path), 0o755);
  if (isRoot) process.seteuid!(65534);
  try {
    assert.throws(() => writeFileSync(join(path, "more"), ""), /EACCES|denied/);
    await using store = await open<number>({ path, readOnly: true });
    assert.is(await store.get("key 77"), 77);
  } finally {
    if (isRoot) process.seteuid!(0);
  }
  assert.equal(stateOf(path), state);
  chmodSync(path, 0o700);
});

test("it is refused while a store has the pool open, and is in no other's way", async () => {
  const path = temporaryPath();
  const store = await open<number>({ ...SIZES, path });
  await store.put("a", 1);
  await assertRejects(() => open({ path, readOnly: true }), LOCKED);
  await store.close();
  const readers = await Promise.all(
    Array.from({ length: 4 }, () => open<number>({ path, readOnly: true })),
  );
  await using writer = await open<number>({ path });
  await writer.put("a", 2);
  for (const reader of readers) {
    assert.is(await reader.get("a"), 1, "it has what was there when it was opened");
    await reader.close();
  }
});

test("a lock file is believed as long as it is not known better", async () => {
  const path = await poolAsKilled();
  const tryIt = async () => await (await open<number>({ path, readOnly: true })).close();
  const says = /has had open since/;
  for (const socket of [null, "of another runtime"]) {
    // Another thread of this process, which may have ended.
    writeFileSync(join(path, "lock"), lockText(path, { socket }));
    await assertRejects(tryIt, { ...LOCKED, says });
  }
  const ended = [{ directory: "copied from another one" }, { pid: FREE_PID }];
  for (const holder of ended) {
    writeFileSync(join(path, "lock"), lockText(path, holder));
    await tryIt();
  }
  writeFileSync(join(path, "lock"), "torn");
  await tryIt();
});

test("what changes while it is read is read again, and is given up in the end", async () => {
  const path = await poolAsKilled();
  let attempts = 0;
  const openWhile = (disturb: () => void) => {
    attempts = 0;
    const openForRead = (file: string) => {
      const descriptor = nodeFileSystem.openForRead(file);
      if (!file.endsWith("checkpoint")) return descriptor;
      attempts += 1;
      disturb();
      return descriptor;
    };
    return openPathToRead(path, AS_STORED, { ...nodeFileSystem, openForRead });
  };
  const { recovery } = await openWhile(() => {
    if (attempts < 3) writeFileSync(join(path, `image-9${attempts}`), "");
  });
  assert.equal([attempts, recovery!.damages], [3, []]);
  const endlessly = () => openWhile(() => writeFileSync(join(path, `image-8${attempts}`), ""));
  await assertRejects(endlessly, { ...LOCKED, says: /opening or closing/ });
  assert.is(attempts, 5);
  // What is damaged in what is not there any more is none of the reader's business.
  const checkpoint = readFileSync(join(path, "checkpoint"));
  writeFileSync(join(path, "checkpoint"), "damaged");
  const found = await openWhile(() => {
    if (attempts > 1) return;
    rmSync(join(path, "checkpoint"));
    writeFileSync(join(path, "checkpoint"), checkpoint);
  });
  assert.equal([attempts, found.recovery!.damages], [2, []]);
});

test("what is damaged is said, and left as it is", async () => {
  const path = await poolAsKilled();
  const bytes = readFileSync(join(path, "checkpoint"));
  bytes[bytes.length - 9]! ^= 1;
  writeFileSync(join(path, "checkpoint"), bytes);
  const state = stateOf(path);
  const says = /damaged/;
  const refused = { type: CorruptionError, code: "DINOMO_CORRUPTION", says };
  await assertRejects(() => open({ path, readOnly: true }), refused);
  await assertRejects(() => open({ path, readOnly: true, repair: true }), refused);
  assert.equal(stateOf(path), state);
});

test("a path without a pool is refused, and nothing is made there", async () => {
  const path = temporaryPath();
  const refused = { type: PathError, code: "DINOMO_PATH" };
  const tryIt = () => open({ path, readOnly: true });
  await assertRejects(tryIt, { ...refused, says: /must be a pool, .* does not exist/ });
  assert.throws(() => statSync(path), /ENOENT|no such/);
  mkdirSync(path);
  await assertRejects(tryIt, { ...refused, says: /holds no file "checkpoint"/ });
  assert.equal(readdirSync(path), []);
  rmSync(path, { recursive: true });
  writeFileSync(path, "");
  await assertRejects(tryIt, { ...refused, says: /which is a file/ });
});

test("options of pools that are made or written are refused", async () => {
  const given: OpenOptions[] = [
    { capacity: "1MiB" },
    { capacityMax: "1MiB" },
    { segmentBytes: 4096 },
    { whenFull: "evict" },
    { whenFull: "refuse" },
    { maxEntries: 9 },
    { durability: "disk" },
    { durability: "memory" },
    { checkpointBytes: "1MiB" },
    { placement: "far", backlog: "1MiB" },
  ];
  const refused = { type: InvalidOptionError, code: "DINOMO_INVALID_OPTION" };
  for (const options of given) {
    const says = new RegExp(`^${Object.keys(options).at(-1)} must be left out with readOnly, got`);
    await assertRejects(() => open({ path: pool, readOnly: true, ...options }), {
      ...refused,
      says,
    });
    // False is as if it were left out: the one that is refused comes next.
    const path = join(pool, "none");
    await assertRejects(() => open({ path, readOnly: false, ...options, spin: -1 }), {
      ...refused,
      says: /^(spin|maxEntries) must/,
    });
  }
  const says = /^readOnly must be false without a path, got the boolean true$/;
  await assertRejects(() => open({ readOnly: true }), { ...refused, says });
  await assertRejects(() => open({ readOnly: 1 as never }), { ...refused, says: /a boolean/ });
});

/** The numbers that a store holds, by key. */
function contentsOf(store: Store<number>): string {
  return JSON.stringify([...store.entriesSync()].sort());
}

/** Changes a store, and a model of it. */
async function change(store: Store<number>, model: Map<string, number>, random: Random) {
  for (let i = random.below(40); i >= 0; i--) {
    const key = `key ${random.below(30)}`;
    if (random.below(4) === 0) {
      await store.delete(key);
      model.delete(key);
    } else {
      const value = random.below(1000);
      await store.put(key, value);
      model.set(key, value);
    }
  }
}

test(
  "lives with stores between them that only read",
  seeded(async (random) => {
    let path = temporaryPath();
    const model = new Map<string, number>();
    const expected = () => JSON.stringify([...model].sort());
    for (let life = 0; life < 8; life++) {
      const store = await open<number>({ ...SIZES, path });
      assert.is(contentsOf(store), expected(), `life ${life}: writer`);
      await change(store, model, random);
      if (random.below(3) === 0) await store.snapshot();
      const isKilled = random.below(2) === 0;
      const next = isKilled ? temporaryPath() : path;
      if (isKilled) cpSync(path, next, { recursive: true });
      await store.close();
      path = next;
      for (let readers = random.below(3); readers > 0; readers--) {
        const state = stateOf(path);
        await using reader = await open<number>({ path, readOnly: true, nodes: 1 + readers });
        assert.is(contentsOf(reader), expected(), `life ${life}: reader`);
        assert.instance(await errorOf(() => reader.put("key 1", -1)), ReadOnlyError);
        await reader.close();
        assert.equal(stateOf(path), state, `life ${life}`);
      }
    }
  }),
);

test.run();
