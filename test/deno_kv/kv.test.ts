/**
 * The interface of Deno KV: what it answers is what Deno's own answers, on every runtime; its queue
 * delivers at least once, and its watches show the last state.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Kv, KvU64, openKv } from "../../lib/deno_kv/mod.ts";
import { InvalidArgumentError, open } from "../../mod.ts";
import { findRuntime, PROJECT_ROOT } from "../../scripts/runtimes.ts";
import { errorOf } from "../support/errors.ts";
import { runKvProgram, type TestedKv } from "../support/kv_program.ts";
import { Random, SEED } from "../support/random.ts";
import { temporaryPath } from "../support/temporary.ts";

const STEPS = 1500;

/** What Deno's own database answers to a program. */
function answersOfDeno(seed: number): string[] {
  const file = join(PROJECT_ROOT, "test/support/children/deno_kv.ts");
  const args = ["run", "--allow-all", "--unstable-kv", "--no-check", file, `${seed}`, `${STEPS}`];
  const { stdout, stderr, status } = spawnSync(findRuntime("deno"), args, { encoding: "utf8" });
  assert.is(status, 0, stderr);
  return JSON.parse(stdout);
}

test("what it answers is what Deno's own database answers", async () => {
  const expected = answersOfDeno(SEED);
  assert.is(expected.length, STEPS);
  assert.ok(expected.some((line) => line.includes("refused: TypeError")));
  assert.ok(expected.some((line) => line.includes("1 checks: true")));
  assert.ok(expected.some((line) => line.includes("1 checks: false")));
  const kv = await openKv();
  const answers = await runKvProgram(kv as unknown as TestedKv, KvU64, new Random(SEED), STEPS);
  for (const [i, line] of answers.entries()) assert.is(line, expected[i], `seed ${SEED}`);
  await kv.close();
});

test("all keys of an operation have its versionstamp, and later ones have larger ones", async () => {
  const kv = await openKv(":memory:");
  const commit = await kv.atomic().set(["a"], 1).set(["b"], 2).commit();
  assert.ok(commit.ok);
  assert.match(commit.versionstamp, /^[0-9a-f]{20}$/);
  const [a, b] = await kv.getMany([["a"], ["b"]]);
  assert.is(a.versionstamp, commit.versionstamp);
  assert.is(b.versionstamp, commit.versionstamp);
  let last = commit.versionstamp;
  for (let i = 0; i < 200; i++) {
    const { versionstamp } = await kv.set(["a"], i);
    assert.ok(versionstamp > last, `${versionstamp} after ${last}`);
    last = versionstamp;
  }
  assert.equal(await kv.atomic().check(a).set(["b"], 3).commit(), { ok: false });
  assert.is((await kv.get(["b"])).value, 2);
  await kv.close();
});

test("in memory a value is stored by the call, behind what was issued before", async () => {
  const store = await open({ ordered: true, keys: "mixed" });
  const kv = await openKv(store);
  const set = kv.set(["a"], 1);
  assert.is(store.count, 1);
  const commit = kv.atomic().set(["a"], 2).set(["b"], 2).commit();
  const later = kv.set(["a"], 3);
  const last = kv.atomic().set(["a"], 4).set(["b"], 4).commit();
  const behind = kv.set(["b"], 5);
  await Promise.all([set, commit, later, last, behind]);
  const [first, second] = await kv.getMany([["a"], ["b"]]);
  assert.equal([first.value, second.value], [4, 5]);
  await kv.close();
  await store.close();
});

test("an operation of many keys changes each as the last of its mutations says", async () => {
  const kv = await openKv();
  for (const keyCount of [1, 15, 16, 17, 60]) {
    const operation = kv.atomic();
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < keyCount; i++) operation.set(["many", i], round * 100 + i);
    }
    operation.delete(["many", 0]);
    assert.ok((await operation.commit()).ok);
    const values: unknown[] = [];
    for await (const { value } of kv.list({ prefix: ["many"] })) values.push(value);
    assert.equal(values, Array.from({ length: keyCount - 1 }, (_, i) => 201 + i));
  }
  await kv.close();
});

test("many at once add to one number, and none is lost", async () => {
  const kv = await openKv();
  const adds = Array.from({ length: 50 }, () => kv.atomic().sum(["n"], 1n).commit());
  for (const { ok } of await Promise.all(adds)) assert.ok(ok);
  assert.equal((await kv.get(["n"])).value, new KvU64(50n));
  await kv.close();
});

test("a KvU64 is compared, computed with and shown as the number that it is", async () => {
  const kv = await openKv();
  await kv.atomic().sum(["n"], 12n).sum(["m"], 9n).commit();
  const [{ value: n }, { value: m }] = await kv.getMany<[KvU64, KvU64]>([["n"], ["m"]]);
  assert.ok(n! > m!);
  assert.is(n!.valueOf() as bigint + 1n, 13n);
  assert.is(`${n}`, "12");
  await kv.close();
});

test("values of all kinds come back, and expire", async () => {
  const kv = await openKv();
  const values = [undefined, null, new Map([[1, new Date(5)]]), new Uint8Array([1]), -0, 2n ** 70n];
  for (const [i, value] of values.entries()) {
    await kv.set(["v", i], value);
    const entry = await kv.get(["v", i]);
    assert.equal(entry.value, value);
    assert.ok(entry.versionstamp !== null);
  }
  await kv.set(["short"], 1, { expireIn: 400 });
  assert.is((await kv.get(["short"])).value, 1);
  await setTimeout(420);
  assert.equal(await kv.get(["short"]), { key: ["short"], value: null, versionstamp: null });
  await kv.close();
});

test("a value that is there for no time is not there", async () => {
  const kv = await openKv();
  await kv.set(["a"], 1);
  await kv.set(["a"], 2, { expireIn: 0 });
  assert.is((await kv.get(["a"])).versionstamp, null);
  assert.ok((await kv.atomic().set(["b"], 1, { expireIn: 0 }).commit()).ok);
  assert.is((await kv.get(["b"])).versionstamp, null);
  await kv.close();
});

test("the longest keys are listed, and lists go on behind them", async () => {
  const kv = await openKv();
  const longest = ["x".repeat(2046)];
  const keys = [["a"], longest, ["y"]];
  for (const key of keys) await kv.set(key, 1);
  for (const reverse of [false, true]) {
    const found = [];
    for (let cursor = "", i = 0; i < keys.length; i++) {
      const list = kv.list({ prefix: [] }, { limit: 1, reverse, cursor });
      found.push((await list.next()).value?.key);
      cursor = list.cursor;
    }
    assert.equal(found, reverse ? keys.toReversed() : keys);
  }
  assert.is((await kv.list({ prefix: longest }).next()).done, true);
  assert.equal((await kv.list({ start: longest, end: ["y"] }).next()).value?.key, longest);
  await kv.close();
});

test("a database in a directory is there again, and its messages, too", async () => {
  const path = temporaryPath();
  const first = await openKv(path);
  await first.atomic().set(["a"], 1).enqueue({ to: "ada" }).commit();
  await first.close();
  const second = await openKv(path);
  assert.is((await second.get(["a"])).value, 1);
  assert.equal(await delivered(second, 1), [{ to: "ada" }]);
  await second.close();
});

/** The messages that a listener gets, up to a number of them. */
async function delivered(kv: Kv, count: number): Promise<unknown[]> {
  const messages: unknown[] = [];
  void kv.listenQueue((message) => {
    messages.push(message);
  });
  for (let i = 0; i < 500 && messages.length < count; i++) await setTimeout(10);
  return messages;
}

test("a message is delivered after its delay, again if its handler fails, and at last to its keys", async () => {
  const kv = await openKv();
  const calls: unknown[] = [];
  let laterMs = 0;
  const listening = kv.listenQueue((message) => {
    calls.push(message);
    if (message === "later") laterMs = Date.now();
    if (
      message === "bad" || (message === "once" && calls.filter((m) => m === "once").length === 1)
    ) {
      throw new Error("not now");
    }
  });
  await kv.enqueue("bad", {
    backoffSchedule: [5, 5],
    keysIfUndelivered: [["lost", 1], ["lost", 2]],
  });
  await kv.enqueue("once", { backoffSchedule: [5] });
  const enqueuedMs = Date.now();
  await kv.enqueue("later", { delay: 500 });
  for (let i = 0; i < 500 && !calls.includes("later"); i++) await setTimeout(10);
  for (let i = 0; i < 500 && (await kv.get(["lost", 2])).value === null; i++) await setTimeout(10);
  assert.is(calls.filter((message) => message === "bad").length, 3);
  assert.is(calls.filter((message) => message === "once").length, 2);
  assert.is(calls.filter((message) => message === "later").length, 1);
  assert.ok(laterMs >= enqueuedMs + 500, `${laterMs - enqueuedMs} ms`);
  assert.is((await kv.get(["lost", 1])).value, "bad");
  assert.is((await kv.get(["lost", 2])).value, "bad");
  await kv.close();
  await listening;
});

test("a watch shows how keys are, and again when one has changed", async () => {
  const kv = await openKv();
  await kv.set(["a"], 1);
  const reader = kv.watch([["a"], ["b"]]).getReader();
  const first = (await reader.read()).value!;
  assert.equal(first.map(({ value }) => value), [1, null]);
  await kv.atomic().set(["a"], 2).set(["b"], 3).commit();
  let last: unknown[] = [];
  for (let i = 0; i < 3 && last[1] !== 3; i++) {
    last = (await reader.read()).value!.map(({ value }) => value);
  }
  assert.equal(last, [2, 3]);
  await reader.cancel();
  await kv.close();
});

test("several databases of one store have the same keys, and it is not closed with them", async () => {
  await using store = await open({ capacity: "16MiB", ordered: true, keys: "mixed" });
  const [one, other] = [await openKv(store), await openKv(store)];
  await one.set(["a"], 1);
  assert.is((await other.get(["a"])).value, 1);
  await one.close();
  await other.set(["a"], 2);
  assert.is((await other.get(["a"])).value, 2);
  await other.close();
  assert.is(store.count, 1);
});

test("what is no store is refused", async () => {
  for (const none of [null, {}]) {
    const error = await errorOf(() => openKv(none as never));
    assert.instance(error, InvalidArgumentError);
    assert.match((error as Error).message, /store must be what/);
  }
});

test("what makes no sense is refused with a TypeError", async () => {
  const kv = await openKv();
  // deno-lint-ignore no-explicit-any
  const any = kv as any;
  const long = "x".repeat(2047);
  const bad: [() => unknown, RegExp][] = [
    [() => any.set([], 1), /at least one part/],
    [() => any.set("a", 1), /must be an array/],
    [() => any.set(["a"], 1, { expireIn: -1 }), /expireIn must be/],
    [() => any.set(["a"], 1, { expireIn: 1e300 }), /expireIn must be/],
    [() => any.get([long]), /at most 2048 bytes/],
    [() => any.getMany([[long]]), /at most 2048 bytes/],
    [() => any.watch([[long]]), /at most 2048 bytes/],
    [() => any.list({ prefix: [long] }), /at most 2048 bytes/],
    [() => any.set([long.slice(20), kv.commitVersionstamp()], 1), /at most 2048 bytes/],
    [() => any.get(["a"], { consistency: "weak" }), /consistency must be/],
    [() => any.list({}), /must have a prefix/],
    [() => any.list({ prefix: ["a"], start: ["b"] }), /must begin with its prefix/],
    [() => any.list({ start: ["b"], end: ["a"] }), /must not be greater/],
    [() => any.list({ prefix: [] }, { limit: 0 }), /limit must be/],
    [() => any.list({ prefix: [] }, { cursor: "?" }), /cursor must be/],
    [() => any.atomic().check({ key: ["a"], versionstamp: "1" }), /versionstamp must be/],
    [() => any.atomic().sum(["a"], 1), /must be a bigint/],
    [() => any.atomic().mutate({ type: "add", key: ["a"] }), /the type of a mutation/],
    [() => any.enqueue(1, { delay: -1 }), /delay must be/],
    [() => any.enqueue(1, { backoffSchedule: 5 }), /backoffSchedule must be/],
    [() => any.listenQueue(5), /handler must be a function/],
  ];
  for (const [call, message] of bad) {
    const error = await errorOf(async () => await call());
    assert.instance(error, TypeError, String(error));
    assert.match((error as Error).message, message);
  }
  assert.throws(() => new KvU64(-1n), (error: unknown) => error instanceof RangeError);
  await kv.close();
});

test.run();
