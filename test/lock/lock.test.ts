/**
 * Locks: one holder at a time in all threads, tokens that grow, and nobody waits for a holder that
 * has died.
 *
 * @module
 */
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  acquireLock,
  type Lock,
  LockLostError,
  LockTimeoutError,
  readLock,
  tryAcquireLock,
} from "../../lib/lock/mod.ts";
import { sleepSync } from "../../lib/platform/sleep_sync.ts";
import { InvalidArgumentError, open, type OpenOptions, type Store } from "../../mod.ts";
import { assertRejects, errorOf } from "../support/errors.ts";
import { temporaryPath } from "../support/temporary.ts";
import type { LockingClientData } from "../support/workers/locking_client.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const PLACEMENTS: readonly OpenOptions<unknown>[] = [
  { capacity: "8MiB" },
  { capacity: "8MiB", placement: "far", nodes: 2 },
];

async function tokensOf(data: LockingClientData): Promise<number[]> {
  const url = new URL(`../support/workers/locking_client.${EXTENSION}`, import.meta.url);
  const worker = new Worker(url, { workerData: data });
  const exited = once(worker, "exit");
  const [tokens] = await once(worker, "message");
  worker.postMessage("exit");
  await exited;
  return tokens;
}

const LOST = { type: LockLostError, code: "DINOMO_LOCK_LOST" } as const;
const INVALID = { type: InvalidArgumentError, code: "DINOMO_INVALID_ARGUMENT" } as const;

/** Waits until a lock is lost, awake: a lease keeps no process alive. */
async function lostInTime({ signal }: Lock): Promise<void> {
  for (let i = 0; i < 500 && !signal.aborted; i++) await setTimeout(10);
  assert.ok(signal.aborted);
}

async function refused(store: Store<unknown>, name: string): Promise<boolean> {
  return await tryAcquireLock(store, name) === undefined;
}

for (const options of PLACEMENTS) {
  const { placement = "near" } = options;
  test(`${placement}: one thread at a time holds a lock, and each later holder has a larger token`, async () => {
    await using store = await open(options);
    const words = new Int32Array(new SharedArrayBuffer(12));
    const data = { handle: store.share(), words, rounds: 20, dies: false };
    const tokens = await Promise.all([tokensOf(data), tokensOf(data), tokensOf(data)]);
    assert.is(words[0], 60);
    assert.is(words[2], 0);
    for (const own of tokens) assert.equal(own, own.toSorted((a, b) => a - b));
    assert.is(new Set(tokens.flat()).size, 60);
    assert.is(await readLock(store, "shared"), undefined);
  });

  test(`${placement}: the lock of a thread that has died is free when its lease ends`, async () => {
    await using store = await open(options);
    const words = new Int32Array(new SharedArrayBuffer(12));
    const [token] = await tokensOf({ handle: store.share(), words, rounds: 1, dies: true });
    const lock = await acquireLock(store, "shared");
    assert.ok(lock.token > token!, `${lock.token} after ${token}`);
    await lock.release();
  });
}

test("a lock that is held is not given to others, and is when it is released", async () => {
  await using store = await open({ capacity: "8MiB" });
  const first = (await tryAcquireLock(store, "a", { owner: "the first" }))!;
  assert.is(first.name, "a");
  assert.ok(first.isHeld);
  assert.ok(await refused(store, "a"));
  assert.not(await refused(store, "b"), "another name is another lock");
  const holder = (await readLock(store, "a"))!;
  assert.is(holder.owner, "the first");
  assert.is(holder.expiresAt, first.expiresAt);
  const error = await errorOf(() => acquireLock(store, "a", { waitMs: 20 }));
  assert.instance(error, LockTimeoutError);
  assert.is((error as LockTimeoutError).code, "DINOMO_LOCK_TIMEOUT");
  assert.match((error as Error).message, 'the lock "a" must be free within 20 ms');
  assert.match((error as Error).message, '"the first"');
  const second = acquireLock(store, "a");
  assert.is(await first.release(), true);
  assert.is(await first.release(), false);
  assert.not(first.isHeld);
  assert.not(first.signal.aborted, "a lock that was released is not lost");
  const { token } = await second;
  assert.ok(token > first.token);
  assert.is(await first.release(), false);
  assert.ok((await second).isHeld);
  await assertRejects(() => first.extend(), { ...LOST, says: /has been released/ });
});

test("a lease is renewed as long as its holder lives, and ends if it is not", async () => {
  await using store = await open({ capacity: "8MiB" });
  const renewed = await acquireLock(store, "renewed", { leaseMs: 1200 });
  const left = await acquireLock(store, "left", { leaseMs: 120, renew: false });
  const extended = await acquireLock(store, "extended", { leaseMs: 1200, renew: false });
  await extended.extend(60_000);
  await lostInTime(left);
  assert.not(left.isHeld);
  assert.instance(left.signal.reason, LockLostError);
  await setTimeout(1300);
  assert.ok(renewed.isHeld);
  assert.ok(await refused(store, "renewed"));
  assert.ok(extended.isHeld);
  assert.ok(await refused(store, "extended"));
  const next = (await tryAcquireLock(store, "left"))!;
  assert.ok(next.token > left.token);
  await assertRejects(() => left.extend(), { ...LOST, says: /its lease ended/ });
  assert.is(await left.release(), false, "what another one holds is not released");
  assert.ok(next.isHeld);
  const token = renewed.token;
  await renewed.extend();
  assert.is(renewed.token, token, "a token stays as long as the lock is held");
  assert.is(await renewed.release(), true);
  assert.is(await extended.release(), true);
});

test("those who wait for a lock are woken when it is free, and do not ask again and again", async () => {
  await using store = await open({ capacity: "8MiB" });
  const first = await acquireLock(store, "a", { renew: false, leaseMs: 60_000 });
  const waiting = acquireLock(store, "a");
  await setTimeout(300);
  const requests = store.stats().nodes.reduce((sum, node) => sum + node.requests, 0);
  await first.release();
  await (await waiting).release();
  assert.ok(requests < 10, `${requests} requests`);
});

test("renewing does not cut a lease short that was extended further", async () => {
  await using store = await open({ capacity: "8MiB" });
  const lock = await acquireLock(store, "a", { leaseMs: 600 });
  await lock.extend(1500);
  const { expiresAt } = lock;
  const { version } = (await store.getEntry("lock:a"))!;
  for (let i = 0; i < 500; i++) {
    if ((await store.getEntry("lock:a"))!.version !== version) break;
    await setTimeout(10);
  }
  assert.is.not((await store.getEntry("lock:a"))!.version, version, "it was renewed");
  assert.ok(lock.expiresAt >= expiresAt, `${lock.expiresAt} was ${expiresAt}`);
  await lock.release();
});

test("a holder whose event loop stood still for longer than its lease has lost the lock", async () => {
  await using store = await open({ capacity: "8MiB" });
  const lock = await acquireLock(store, "a", { leaseMs: 60 });
  sleepSync(120);
  assert.not(lock.isHeld, "it knows by the clock");
  const next = (await tryAcquireLock(store, "a"))!;
  assert.ok(next.token > lock.token);
  await assertRejects(() => lock.extend(), { ...LOST, says: /its lease ended/ });
  assert.ok(lock.signal.aborted);
  assert.is(await lock.release(), false);
  assert.ok(next.isHeld && await refused(store, "a"));
  await next.release();
});

test("a lease lasts ten seconds unless it is said, and its key expires with it", async () => {
  await using store = await open({ capacity: "8MiB" });
  const before = Date.now();
  const lock = await acquireLock(store, "a");
  assert.ok(lock.expiresAt >= before + 10_000 && lock.expiresAt <= Date.now() + 10_000);
  assert.is((await store.getEntry("lock:a"))!.expiresAt, lock.expiresAt);
  assert.equal(await readLock(store, "a"), { owner: undefined, expiresAt: lock.expiresAt });
  await lock.extend(86_400_000);
  assert.is((await store.getEntry("lock:a"))!.expiresAt, lock.expiresAt);
  assert.ok(lock.expiresAt >= before + 86_400_000);
  await lock.release();
});

test("a holder whose record was taken away learns it when it renews", async () => {
  await using store = await open({ capacity: "8MiB" });
  const lock = await acquireLock(store, "a", { leaseMs: 100 });
  await store.delete("lock:a");
  await lostInTime(lock);
  assert.not(lock.isHeld);
  assert.instance(lock.signal.reason, LockLostError);
});

test("a block holds a lock until its end, also in a namespace", async () => {
  await using store = await open({ capacity: "8MiB" });
  const space = store.namespace("jobs:");
  {
    await using lock = await acquireLock(space, "a");
    assert.ok(lock.isHeld);
    assert.ok(await store.has("jobs:lock:a"));
    assert.not(await refused(store, "a"));
  }
  assert.not(await store.has("jobs:lock:a"));
});

test("waiting is given up by a signal, and what comes too late is released", async () => {
  await using store = await open({ capacity: "8MiB" });
  const held = await acquireLock(store, "a");
  const controller = new AbortController();
  const waiting = errorOf(() => acquireLock(store, "a", { signal: controller.signal }));
  await setTimeout(20);
  controller.abort(new Error("enough"));
  assert.is(((await waiting) as Error).message, "enough");
  await held.release();
  await setTimeout(30);
  assert.is(await readLock(store, "a"), undefined);
  const aborted = errorOf(() => acquireLock(store, "a", { signal: AbortSignal.abort() }));
  assert.is(((await aborted) as Error).name, "AbortError");
});

test("tokens grow over the lives of a pool", async () => {
  const path = temporaryPath();
  let token = 0;
  for (let life = 0; life < 4; life++) {
    await using store = await open({ path, capacity: "4MiB", durability: "os" });
    const lock = await acquireLock(store, "a", { leaseMs: 20, renew: false, durability: "disk" });
    assert.ok(lock.token > token, `${lock.token} after ${token}, life ${life}`);
    token = lock.token;
    if (life % 2 === 0) await lock.release();
  }
});

test("options that are none, or not what they must be, are refused", async () => {
  await using store = await open({ capacity: "8MiB" });
  const bad: [object, RegExp][] = [
    [{ leaseMs: 1 }, /leaseMs must be from 10 to 86400000 milliseconds, got the number 1/],
    [{ leaseMs: NaN }, /leaseMs must be/],
    [{ leaseMs: "1s" }, /leaseMs must be/],
    [{ renew: 1 }, /renew must be a boolean/],
    [{ owner: 1 }, /owner must be a string/],
    [{ waitMs: -1 }, /waitMs must be/],
    [{ ttl: 1 }, /options must be among/],
    [{ durability: "always" }, /durability/],
  ];
  for (const [options, message] of bad) {
    await assertRejects(() => acquireLock(store, "a", options), { ...INVALID, says: message });
  }
  await assertRejects(
    () => tryAcquireLock(store, "a", { waitMs: 1 } as object),
    { ...INVALID, says: /options must be among leaseMs, renew, owner, durability/ },
  );
  const lock = await acquireLock(store, "a", { leaseMs: undefined, owner: undefined });
  await assertRejects(() => lock.extend(1), { ...INVALID, says: /leaseMs must be/ });
  for (const take of [acquireLock, tryAcquireLock, readLock]) {
    await assertRejects(() => take({} as never, "a"), { ...INVALID, says: /store must be what/ });
  }
});

test.run();
