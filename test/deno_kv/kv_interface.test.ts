/**
 * What `dinomo/deno-kv` says beside what random programs compare with Deno's own database:
 * versionstamps in keys, pages that begin at the start of a range, what else is in the store,
 * limits, and what becomes of listeners, watches and calls when it is closed.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { AtomicOperation, type CheckedStore } from "../../lib/deno_kv/kv_atomic.ts";
import { type Kv, type KvKey, openKv } from "../../lib/deno_kv/mod.ts";
import { attach, open } from "../../mod.ts";
import { runtimeCommand, THIS_RUNTIME } from "../../scripts/runtimes.ts";
import { errorOf } from "../support/errors.ts";

const STORE = { capacity: "16MiB", ordered: true, keys: "mixed" } as const;

async function keysOf(list: AsyncIterable<{ key: KvKey }>): Promise<KvKey[]> {
  const keys: KvKey[] = [];
  for await (const { key } of list) keys.push(key);
  return keys;
}

test("a key may end with the versionstamp of its commit", async () => {
  const kv = await openKv();
  const { versionstamp } = await kv.set(["log", kv.commitVersionstamp()], 1);
  assert.is((await kv.get(["log", versionstamp])).value, 1);
  const commit = await kv.atomic()
    .set(["one", kv.commitVersionstamp()], 1)
    .set(["one", kv.commitVersionstamp()], 2)
    .mutate({ type: "set", key: ["other", kv.commitVersionstamp()], value: 3 })
    .set(["one", "key"], 4)
    .commit();
  assert.ok(commit.ok);
  const { versionstamp: last } = commit;
  const entries = await kv.getMany([["one", "key"], ["one", last], ["other", last]]);
  assert.equal(entries.map(({ value }) => value), [4, 2, 3]);
  for (const entry of entries) assert.is(entry.versionstamp, last);
  const stamp = kv.commitVersionstamp();
  const bad = [
    () => kv.get(["log", stamp]),
    () => kv.delete(["log", stamp]),
    () => kv.set([stamp], 1),
    () => kv.set([stamp, "log"], 1),
    () => kv.set(["log", Symbol("other")], 1),
    async () => await kv.atomic().sum(["n", stamp], 1n).commit(),
    async () => await kv.atomic().check({ key: ["n", stamp], versionstamp: null }).commit(),
  ];
  for (const call of bad) assert.instance(await errorOf(call), TypeError);
  await kv.close();
});

test("a list goes on behind a key that all others of its range begin with", async () => {
  const kv = await openKv();
  for (const key of [["a"], ["a", 1], ["a", 2]]) await kv.set(key, 0);
  for (const reverse of [false, true]) {
    const pages: KvKey[] = [];
    let cursor = "";
    do {
      const selector = { start: ["a"], end: ["a", 3] };
      const page = kv.list(selector, { limit: 1, reverse, cursor });
      pages.push(...await keysOf(page));
      cursor = page.cursor;
    } while (cursor !== "");
    const expected = [["a"], ["a", 1], ["a", 2]];
    assert.equal(pages, reverse ? expected.reverse() : expected);
  }
  const elsewhere = kv.list({ prefix: ["a"] }, { limit: 1 });
  await keysOf(elsewhere);
  const { cursor } = elsewhere;
  const other = { start: ["a", 2], end: ["a", 3] };
  assert.throws(() => kv.list(other, { cursor }), (error: unknown) => error instanceof TypeError);
  await kv.close();
});

test("messages and other keys are in no list, and lists have all kinds of keys in the order of their types", async () => {
  await using store = await open(STORE);
  await store.put("a key of another module", 1);
  const kv = await openKv(store);
  await kv.enqueue("later", { delay: 3_600_000 });
  const keys: KvKey[] = [[new Uint8Array([255])], ["\u{10ffff}"], [-5n], [NaN], [false], [true]];
  for (const key of keys.toReversed()) await kv.set(key, 0);
  assert.equal(await keysOf(kv.list({ prefix: [] })), keys);
  assert.equal(await keysOf(kv.list({ prefix: [] }, { reverse: true })), keys.toReversed());
  await kv.close();
});

test("the key without parts has no value, and can have none", async () => {
  const kv = await openKv();
  await kv.set(["a"], 1);
  const absent = { key: [], value: null, versionstamp: null };
  assert.equal(await kv.get([]), absent);
  const [none, a] = await kv.getMany([[], ["a"]]);
  assert.equal(none, absent);
  assert.is(a.value, 1);
  assert.instance(await errorOf(() => kv.delete([])), TypeError);
  await kv.close();
});

test("values are larger than Deno's, keys are not, and many keys are read at once", async () => {
  const kv = await openKv();
  const value = "x".repeat(300_000);
  await kv.set(["large"], value);
  assert.is((await kv.get(["large"])).value, value);
  // The string and its type, its end, and nothing else.
  const long = ["k".repeat(2046)];
  await kv.set(long, 1);
  assert.is((await kv.get(long)).value, 1);
  const tooLong = ["k".repeat(2047)];
  for (const call of [() => kv.set(tooLong, 1), () => kv.delete(tooLong)]) {
    const error = await errorOf(call);
    assert.instance(error, TypeError);
    assert.match(String(error), /at most 2048 bytes/);
  }
  const error = await errorOf(() => kv.enqueue(1, { keysIfUndelivered: [tooLong] }));
  assert.instance(error, TypeError);
  const keys = Array.from({ length: 1024 }, (_, i) => ["n", i]);
  const operation = kv.atomic();
  for (const [i, key] of keys.entries()) operation.check({ key, versionstamp: null }).set(key, i);
  assert.ok((await operation.commit()).ok);
  const entries = await kv.getMany(keys as unknown as [KvKey]);
  assert.equal(entries.map((entry) => entry.value), keys.map((_, i) => i));
  const most = Array.from({ length: 4096 }, (_, i) => ["n", i]) as unknown as [KvKey];
  assert.is((await kv.getMany(most)).length, 4096);
  const more = [...most, ["n", 4096]] as unknown as [KvKey];
  assert.match(String(await errorOf(() => kv.getMany(more))), /at most 4096/);
  const large = kv.atomic();
  for (let i = 0; i < 1025; i++) large.set(["n", i], i);
  const refused = await errorOf(() => large.commit());
  assert.is((refused as { code: string }).code, "DINOMO_COMMIT_TOO_LARGE");
  assert.match(String(await errorOf(() => kv.set(["f"], () => 1))), /function/);
  await kv.close();
});

test("an operation that others disturb again and again is given up", async () => {
  let tries = 0;
  const store = {
    getEntries: () => Promise.resolve([undefined]),
    atomic: () => ({
      check: () => {},
      put: () => {},
      commit: () => {
        tries += 1;
        return Promise.resolve(null);
      },
    }),
  } as unknown as CheckedStore;
  const clock = { next: () => [1, 1] };
  const operation = new AtomicOperation(store, clock as never, undefined as never);
  const error = await errorOf(async () => await operation.sum(["n"], 1n).commit());
  assert.is((error as { code: string }).code, "DINOMO_CONFLICT");
  assert.is(tries, 1000);
});

test("a delay of more than 30 days is refused, also in a schedule, and so is Infinity", async () => {
  const kv = await openKv();
  const month = 30 * 24 * 60 * 60 * 1000;
  assert.ok((await kv.enqueue(1, { delay: month, backoffSchedule: [month] })).ok);
  for (const ms of [month + 1, Infinity, NaN]) {
    for (const options of [{ delay: ms }, { backoffSchedule: [ms] }]) {
      const error = await errorOf(async () => await kv.enqueue(1, options));
      assert.instance(error, TypeError);
    }
  }
  await kv.close();
});

test("without a schedule a message is tried again after 100 ms; a key is set once", async () => {
  const kv = await openKv();
  const at: number[] = [];
  void kv.listenQueue((message: string) => {
    at.push(performance.now());
    if (message === "twice" && at.length === 2) return;
    throw new Error("not now");
  });
  await kv.enqueue("twice");
  for (let i = 0; i < 500 && at.length < 2; i++) await setTimeout(10);
  assert.is(at.length, 2);
  assert.ok(at[1]! - at[0]! >= 95, `again after ${at[1]! - at[0]!} ms`);
  await kv.enqueue("never", { backoffSchedule: [], keysIfUndelivered: [["lost"], ["lost"]] });
  for (let i = 0; i < 500 && (await kv.get(["lost"])).value === null; i++) await setTimeout(10);
  assert.is((await kv.get(["lost"])).value, "never");
  await kv.close();
});

test("databases of attached stores are the same, also their queue", async () => {
  await using store = await open(STORE);
  const attached = await attach(store.share());
  const [one, other] = [await openKv(store), await openKv(attached)];
  await one.set(["a"], 1);
  assert.is((await other.get(["a"])).value, 1);
  const messages: unknown[] = [];
  const handler = (message: unknown) => {
    messages.push(message);
  };
  const listening = [one.listenQueue(handler), other.listenQueue(handler)];
  for (let i = 0; i < 20; i++) await (i % 2 === 0 ? one : other).enqueue(i);
  for (let i = 0; i < 500 && messages.length < 20; i++) await setTimeout(10);
  assert.equal(
    (messages as number[]).sort((a, b) => a - b),
    Array.from({ length: 20 }, (_, i) => i),
  );
  await one.close();
  await other.close();
  await Promise.all(listening);
  await attached.close();
});

test("after its end its watches have ended, and calls are refused", async () => {
  await using store = await open(STORE);
  const kv = await openKv(store);
  const reader = kv.watch([["a"], []]).getReader();
  assert.equal((await reader.read()).value!.map(({ value }) => value), [null, null]);
  const next = reader.read();
  kv[Symbol.dispose]();
  assert.ok((await next).done);
  const calls: ((kv: Kv) => unknown)[] = [
    (kv) => kv.get(["a"]),
    (kv) => kv.getMany([["a"]]),
    (kv) => kv.set(["a"], 1),
    (kv) => kv.delete(["a"]),
    (kv) => kv.list({ prefix: [] }),
    (kv) => kv.atomic(),
    (kv) => kv.enqueue(1),
    (kv) => kv.listenQueue(() => {}),
    (kv) => kv.watch([["a"]]),
  ];
  for (const call of calls) {
    const error = await errorOf(async () => await call(kv));
    assert.is((error as { code?: string }).code, "DINOMO_CLOSED", String(error));
  }
  await kv.close();
  await store.put("still", 1);
});

test("a store that does not know its order has no lists", async () => {
  await using store = await open({ capacity: "16MiB", keys: "mixed" });
  const kv = await openKv(store);
  await kv.set(["a"], 1);
  assert.is((await kv.get(["a"])).value, 1);
  const error = await errorOf(() => keysOf(kv.list({ prefix: [] })));
  assert.match(String(error), /ordered: true/);
});

test("a process does not wait for its listeners", () => {
  const { program, args } = runtimeCommand(THIS_RUNTIME, "test/support/children/listening_kv.ts");
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.is(status, 0, stderr);
  assert.is(stdout.trim(), "delivered hello");
});

test.run();
