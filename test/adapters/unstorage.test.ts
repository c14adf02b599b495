/**
 * `dinomo/unstorage`: what a storage does on its own drivers it does on this one.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { createStorage, prefixStorage, type Storage } from "unstorage";
import lruDriver from "unstorage/drivers/lru-cache";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { dinomoDriver } from "../../lib/adapters/unstorage.ts";
import { InvalidArgumentError, open, StoreClosedError } from "../../mod.ts";
import { AttachedThread } from "../support/attached_thread.ts";
import { assertRejects, assertThrows } from "../support/errors.ts";
import { temporaryPath } from "../support/temporary.ts";
import { uncaughtBy } from "../support/uncaught.ts";

const FAR = { placement: "far" } as const;
const INVALID = { type: InvalidArgumentError, code: "DINOMO_INVALID_ARGUMENT" } as const;

/** What a storage answers to a program that uses all of its methods. */
async function answersOf(storage: Storage): Promise<unknown[]> {
  const answers: unknown[] = [];
  const note = async (answer: unknown) => void answers.push(await answer);
  await note(storage.getItem("none"));
  await note(storage.setItem("s1:a", "test_data"));
  await note(storage.setItem("s2:a", { deep: [1, null] }));
  await note(storage.setItem("s3:a?q=1", 42));
  await note(storage.hasItem("s1:a"));
  await note(storage.hasItem("s1:b"));
  for (const key of ["s1:a", "s1/a", "s2:a", "s3:a"]) await note(storage.getItem(key));
  await note(storage.setItems<string | boolean>([
    { key: "m:1", value: "x" },
    { key: "m:2", value: true },
  ]));
  await note(storage.getItems(["m:1", "m:2", { key: "m:3" }]));
  await note(storage.setItemRaw("raw", new Uint8Array([1, 2, 255])));
  await note(storage.getItemRaw("raw"));
  await note(storage.getItemRaw("no"));
  await note(storage.setMeta("s1:a", { mtime: new Date(5), color: "red" }));
  const { color, mtime } = await storage.getMeta("s1:a") as { color: string; mtime: Date };
  answers.push([color, mtime]);
  for (const base of ["", "s1", "s2:", "m", "x"]) {
    await note(storage.getKeys(base).then((keys) => keys.sort()));
  }
  await note(storage.getKeys("", { maxDepth: 0 }));
  await note(prefixStorage(storage, "s1").getItem("a"));
  await note(storage.setItem("s1:a", undefined as never));
  await note(storage.hasItem("s1:a"));
  await note(storage.removeItem("s2:a"));
  await note(storage.removeItem("s2:a"));
  await note(storage.clear("m"));
  await note(storage.getKeys().then((keys) => keys.sort()));
  await note(storage.clear());
  await note(storage.getKeys());
  return answers;
}

for (
  const [prefix, options] of [["", { ordered: true }], ["app:", {}], ["app:", FAR]] as const
) {
  test(`behind ${JSON.stringify(prefix)}, ${JSON.stringify(options)}: it answers what unstorage's own driver does`, async () => {
    await using store = await open<unknown>({ capacity: "8MiB", ...options });
    await store.put("other", 1);
    const driver = dinomoDriver(prefix === "" ? store.namespace("part:") : store, { prefix });
    const expected = await answersOf(createStorage({ driver: lruDriver({}) }));
    assert.ok(expected.length > 30);
    assert.equal(await answersOf(createStorage({ driver })), expected);
    assert.is(await store.countKeys(), 1);
  });
}

test("an item lives for its ttl in seconds, to the millisecond, or for the driver's", async () => {
  await using store = await open<unknown>({ capacity: "8MiB" });
  const storage = createStorage({ driver: dinomoDriver(store, { ttlMs: 5_000 }) });
  const before = Date.now();
  await storage.setItem("a", 1, { ttl: 60 });
  await storage.setItemRaw("b", 2);
  await storage.setItems([{ key: "c", value: 3, options: { ttl: 60 } }, { key: "d", value: 4 }]);
  const after = Date.now();
  for (const [key, ttlMs] of [["a", 60_000], ["b", 5_000], ["c", 60_000], ["d", 5_000]] as const) {
    const { expiresAt } = (await store.getEntry(key))!;
    assert.ok(expiresAt! >= before + ttlMs && expiresAt! <= after + ttlMs, key);
  }
  const meta = await storage.getMeta("a") as { ttl: number; version: number };
  assert.ok(meta.ttl > 50 && meta.ttl <= 60);
  assert.ok(meta.version > 0);
  assert.equal({ ...await storage.getMeta("none") }, {});
  await storage.setItem("short", 1, { ttl: 0.2 });
  await setTimeout(220);
  assert.is(await storage.getItem("short"), null);
  await assertRejects(() => storage.setItem("a", 1, { ttl: "long" }), { ...INVALID, says: /ttl/ });
});

test("a watch is told of changes in all threads until it ends", async () => {
  await using store = await open<unknown>({ capacity: "8MiB" });
  const storage = createStorage({ driver: dinomoDriver(store, { prefix: "w:" }) });
  const seen: string[] = [];
  const unwatch = await storage.watch((event, key) => void seen.push(`${event} ${key}`));
  const told = async (count: number) => {
    for (let i = 0; i < 500 && seen.length < count; i++) await setTimeout(5);
  };
  await storage.setItem("a", 1);
  await told(1);
  const thread = await AttachedThread.start(store.share());
  await thread.call("put", "w:b", "2");
  await told(2);
  await thread.call("put", "other", "2");
  await thread.call("delete", "w:a");
  await told(3);
  assert.equal(seen, ["update a", "update b", "remove a"]);
  await unwatch();
  await storage.setItem("c", 1);
  await setTimeout(20);
  assert.is(seen.length, 3);
  await thread.call("close");
  await thread.leave("exit", 0);
  await storage.watch(() => {});
  await storage.dispose();
  assert.ok(await store.has("w:c"));
});

test("a watcher that throws is told of what comes, and what it throws is nobody else's", async () => {
  await using store = await open({ capacity: "8MiB" });
  const driver = dinomoDriver(store);
  const seen: string[] = [];
  await driver.watch((_event, key) => {
    seen.push(key);
    throw new Error(`not ${key}`);
  });
  const thrown = await uncaughtBy(async () => {
    await driver.setItem("a", "1");
    await driver.setItem("b", "2");
  }, 2);
  assert.equal(seen, ["a", "b"]);
  assert.equal(thrown, ["not a", "not b"]);
});

test("a watch ends with the store, and disturbs nothing", async () => {
  const store = await open({ capacity: "8MiB" });
  const storage = createStorage({ driver: dinomoDriver(store) });
  const seen: string[] = [];
  await storage.watch((event, key) => void seen.push(`${event} ${key}`));
  // What is rejected and not caught would end this process.
  await store.close();
  await setTimeout(20);
  assert.equal(seen, []);
});

test("items in a directory are there again; what is closed or wrong is refused", async () => {
  const path = temporaryPath();
  const first = createStorage({ driver: dinomoDriver({ path, capacity: "8MiB" }) });
  await first.setItem("a", { n: 1 });
  await first.dispose();
  const closed = { type: StoreClosedError, code: "DINOMO_CLOSED", says: /dinomoDriver must not/ };
  await assertRejects(() => first.getItem("a"), closed);
  const driver = dinomoDriver({ path });
  assert.is(driver.getInstance(), undefined);
  const second = createStorage({ driver });
  assert.equal(await second.getItem("a"), { n: 1 });
  assert.is(driver.getInstance().stats().durability.level, "os");
  await second.dispose();
  const refused = (call: () => unknown, says: RegExp) => assertThrows(call, { ...INVALID, says });
  refused(() => dinomoDriver(undefined as never), /dinomoDriver must be given/);
  refused(() => dinomoDriver({}, { prefix: 1 } as never), /prefix/);
  refused(() => dinomoDriver({}, { ttlMs: -1 }), /ttlMs/);
  refused(() => dinomoDriver({}, { base: "a" } as never), /"base"/);
});

test.run();
