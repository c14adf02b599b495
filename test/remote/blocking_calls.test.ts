/**
 * Calls that block in another process than the one that has the pool: what they do, in which order,
 * how much may be on its way, and what happens when there is no way to block, or no host any more.
 *
 * @module
 */
import { once } from "node:events";
import { readdirSync } from "node:fs";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HostOnlyError, open, type OpenOptions, type Store, UnavailableError } from "../../mod.ts";
import { sleep } from "../../lib/platform/runtime.ts";
import { isFifoName } from "../../lib/gateway/line_frames.ts";
import { CAMPAIGN_FACTOR } from "../support/campaign.ts";
import { seeded } from "../support/random.ts";
import { SharedStore } from "../support/shared_store.ts";
import { temporaryPath } from "../support/temporary.ts";

const OPERATIONS = 1500 * Math.max(1, CAMPAIGN_FACTOR);
const KEYS = ["a", "b", "c"];
const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";

function optionsAt(path = temporaryPath()): OpenOptions<unknown> & { path: string } {
  return { path, processes: true, capacity: "64MiB" };
}

/** A store of this thread that asks another store of this thread, by the gateway's thread. */
async function openBoth(): Promise<{ host: Store<unknown>; remote: Store<unknown>; path: string }> {
  const options = optionsAt();
  const host = await open<unknown>(options);
  return { host, remote: await open<unknown>(options), path: options.path };
}

/** A store of this thread whose pool another process has. */
async function openRemote(): Promise<{ host: SharedStore; remote: Store<unknown>; path: string }> {
  const options = optionsAt();
  const host = await SharedStore.open(options);
  return { host, remote: await open<unknown>(options), path: options.path };
}

test("the sync twins do what they do in the host", async () => {
  const { host, remote } = await openRemote();
  const version = remote.putSync("a", { text: "é", list: [1] });
  assert.equal(remote.getSync("a"), { text: "é", list: [1] });
  assert.is(remote.getEntrySync("a")!.version, version);
  assert.is(remote.compareAndSetSync("a", version + 1, 2), undefined);
  assert.type(remote.compareAndSetSync("a", version, 2), "number");
  assert.is(remote.hasSync("a"), true);
  assert.is(remote.incrementSync("a", 3), 5);
  assert.type(remote.touchSync("a", { ttl: 60_000 }), "number");
  assert.is(remote.updateSync("a", (old) => (old as number) + 1), 6);
  assert.is(remote.getAndDeleteSync("a"), 6);
  assert.is(remote.getSync("a"), undefined);
  assert.is(remote.deleteSync("a"), false);
  const entries = Array.from({ length: 3000 }, (_, i) => [`key ${i}`, i] as [string, number]);
  remote.putManySync(entries);
  const keys = entries.map(([key]) => key);
  assert.equal(remote.getManySync([...keys, "none"]), [...keys.keys(), undefined]);
  assert.equal(remote.hasManySync(["key 1", "none"]), [true, false]);
  assert.equal(remote.deleteManySync(["key 1", "none"]), [true, false]);
  // An object of a shape that is not known here.
  await host.call("put", "new", { shape: 1, of: { theirs: true } });
  await host.call("put", "new", { shape: 1, of: { theirs: true } });
  assert.equal(remote.getSync("new"), { shape: 1, of: { theirs: true } });
  await remote.close();
  await host.end();
});

test(
  "calls that block see what was issued before, and keep its order",
  seeded(async (random) => {
    const { host, remote } = await openBoth();
    const model = new Map<string, unknown>();
    const pending: Promise<void>[] = [];
    for (let i = 0; i < OPERATIONS; i++) {
      const key = random.pick(KEYS);
      const value = random.below(10) === 0 ? "x".repeat(random.below(100_000)) : i;
      const kind = random.below(8);
      const held = model.get(key);
      if (kind <= 1) {
        model.set(key, value);
        pending.push(remote.put(key, value).then(() => {}));
      } else if (kind === 2) {
        pending.push(remote.get(key).then((read) => assert.equal(read, held)));
      } else if (kind === 3) {
        pending.push(remote.delete(key).then((was) => assert.is(was, held !== undefined)));
        model.delete(key);
      } else if (kind === 4) {
        model.set(key, value);
        remote.putSync(key, value);
      } else if (kind === 5) {
        assert.is(remote.deleteSync(key), held !== undefined);
        model.delete(key);
      } else assert.equal(remote.getSync(key), held);
      if (random.below(40) === 0) await Promise.all(pending.splice(0));
    }
    await Promise.all(pending);
    for (const key of KEYS) assert.equal(host.getSync(key), model.get(key));
    await remote.close();
    await host.close();
  }),
);

test("whatever is not awaited, a call that blocks ends", async () => {
  const { host, remote } = await openBoth();
  const many: Promise<unknown>[] = [];
  const cases: [count: number, bytes: number][] = [[5000, 10], [500, 1729], [20, 100_000], [
    5,
    400_000,
  ]];
  for (const [count, bytes] of cases) {
    for (let i = 0; i < count; i++) many.push(remote.put(`${i % 50}`, "x".repeat(bytes)));
    for (let i = 0; i < 500; i++) many.push(remote.get(`${i % 50}`));
    assert.is((remote.getSync("2") as string).length, bytes);
    remote.putSync("large", "y".repeat(bytes));
    assert.is((await remote.get("large") as string).length, bytes);
  }
  await Promise.all(many);
  await remote.close();
  await host.close();
});

test("what is awaited is settled while a thread blocks again and again", async () => {
  const { host, remote } = await openBoth();
  let isSettled = false;
  const put = remote.put("a", 1).then(() => isSettled = true);
  for (let i = 0; i < 100; i++) remote.putSync("b", i);
  assert.is(isSettled, false, "it is settled afterwards");
  await put;
  assert.is(await Promise.race([remote.get("b"), sleep(5000)]), 99);
  await remote.close();
  await host.close();
});

test("a thread that blocks for a host that is killed is told, and goes on with the next host", async () => {
  const { host, remote } = await openRemote();
  for (let i = 0; i < 10; i++) remote.putSync("count", i);
  await host.call("dieIn", 30);
  let count = 10;
  const awaited: Promise<number>[] = [];
  const error = failureOf(() => {
    for (;; count++) {
      awaited.push(remote.increment("sum"));
      remote.putSync("count", count);
    }
  });
  assert.instance(error, UnavailableError);
  assert.match(error.message, "may or may not have been made");
  const found = await remote.get("count") as number;
  assert.ok(found === count || found === count - 1, `${found} of ${count}`);
  assert.equal(await Promise.all(awaited), awaited.map((_, i) => i + 1));
  remote.putSync("count", -1);
  assert.is(remote.getSync("count"), -1);
  await remote.close();
  await host.child.ended();
});

test("where there are no FIFOs, nothing is issued, and the error names what to await", async () => {
  const { host, remote, path } = await openBoth();
  const { PATH } = process.env;
  process.env["PATH"] = path;
  try {
    for (const method of ["getSync", "putSync", "deleteSync", "incrementSync"] as const) {
      const refused = failureOf(() => (remote[method] as (key: string) => void)("key"));
      assert.instance(refused, HostOnlyError);
      assert.match(refused.message, `await ${method.replace("Sync", "")} instead`);
    }
  } finally {
    process.env["PATH"] = PATH;
  }
  assert.is(await remote.has("key"), false);
  remote.putSync("key", 1);
  assert.is(host.getSync("key"), 1);
  assert.not(readdirSync(path).some(isFifoName), "a FIFO has its name only until it is open");
  await remote.close();
  await host.close();
});

test("several threads of a process block, each with a way of its own", async () => {
  const options = optionsAt();
  const host = await open<unknown>(options);
  const remote = await open<unknown>(options);
  const count = 30;
  const threads = ["one", "two"].map((name) => {
    const url = new URL(`../support/workers/blocking_thread.${EXTENSION}`, import.meta.url);
    return new Worker(url, { workerData: { options, name, count } });
  });
  const ends = threads.map((thread) => once(thread, "message"));
  // This thread has the pool, and blocks, too: the gateway is a thread of its own.
  for (let i = 0; i < count; i++) remote.incrementSync("sum");
  await Promise.all(ends);
  assert.is(host.getSync("sum"), 3 * count);
  await remote.close();
  await host.close();
});

function failureOf(action: () => unknown): Error {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  throw new Error("it has not failed");
}

test.run();
