/**
 * The modules that are built on a store, on one that asks another process.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { KeyvDinomo } from "../../lib/adapters/keyv.ts";
import { DinomoLevel } from "../../lib/adapters/level.ts";
import { RateLimiterDinomo } from "../../lib/adapters/rate_limiter.ts";
import { dinomoDriver } from "../../lib/adapters/unstorage.ts";
import { HonoSessionStore } from "../../lib/adapters/hono.ts";
import { openKv } from "../../lib/deno_kv/mod.ts";
import { acquireLock, tryAcquireLock } from "../../lib/lock/mod.ts";
import { Queue } from "../../lib/queue/mod.ts";
import { open, type Store } from "../../mod.ts";
import { temporaryPath } from "../support/temporary.ts";

type AnyStore = Store<unknown, string>;

async function openBoth(options: object = {}): Promise<{ host: AnyStore; remote: AnyStore }> {
  const given = {
    path: temporaryPath(),
    processes: true,
    capacity: "32MiB",
    ordered: true,
    ...options,
  };
  const host = await open<unknown>(given as never) as unknown as AnyStore;
  return { host, remote: await open<unknown>(given as never) as unknown as AnyStore };
}

test("queues, locks and adapters work in another process, with those of the host", async () => {
  const { host, remote } = await openBoth();

  const ours = new Queue<number>(host, "numbers");
  const theirs = new Queue<number>(remote, "numbers");
  const taken: number[] = [];
  const ended = new AbortController();
  const working = theirs.process((job) => {
    taken.push(job.value);
    if (taken.length === 6) ended.abort();
  }, { signal: ended.signal });
  await ours.addMany([1, 2, 3]);
  await theirs.addMany([4, 5]);
  const commit = remote.atomic().put("with it", 1);
  theirs.addTo(commit, 6);
  await commit.commit();
  await working;
  assert.equal(taken.sort(), [1, 2, 3, 4, 5, 6]);
  assert.equal(await theirs.counts(), await ours.counts());

  const lock = await acquireLock(remote, "report");
  assert.is(await tryAcquireLock(host, "report"), undefined);
  const next = acquireLock(host, "report");
  await lock.release();
  await (await next).release();

  const keyv = new KeyvDinomo(remote);
  await keyv.set("a", "1");
  assert.is(await new KeyvDinomo(host).get("a"), "1");
  const driver = dinomoDriver(remote);
  await driver.setItem!("k", "v", {});
  assert.is(await driver.getItem("k"), "v");
  const limiter = new RateLimiterDinomo({ storeClient: remote, points: 2, duration: 60 } as never);
  await limiter.consume("user");
  assert.is((await limiter.get("user"))!.consumedPoints, 1);
  const sessions = new HonoSessionStore(remote);
  assert.is(await sessions.getSessionById("nobody"), null);

  await remote.close();
  await host.close();
});

test("level and Deno.Kv work in another process", async () => {
  const bytes = await openBoth({ keys: "bytes", codec: "binary" });
  const level = new DinomoLevel(bytes.remote as never);
  await level.batch([{ type: "put", key: "a", value: "1" }, { type: "put", key: "b", value: "2" }]);
  assert.equal(await level.iterator({ reverse: true }).all(), [["b", "2"], ["a", "1"]]);
  assert.is(await new DinomoLevel(bytes.host as never).get("a"), "1");
  await bytes.remote.close();
  await bytes.host.close();

  const { host, remote } = await openBoth({ keys: "mixed" });
  const kv = await openKv(remote as never);
  await kv.set(["users", 1], { name: "Ada" });
  const other = await openKv(host as never);
  const entry = await other.get<{ name: string }>(["users", 1]);
  assert.equal(entry.value, { name: "Ada" });
  const made = await kv.atomic().check(entry).set(["users", 2], 2).delete(["users", 1]).commit();
  assert.ok(made.ok);
  assert.not.ok((await kv.atomic().check(entry).set(["users", 3], 3).commit()).ok);
  const listed: unknown[] = [];
  for await (const { key, value } of kv.list({ prefix: ["users"] })) listed.push([key, value]);
  assert.equal(listed, [[["users", 2], 2]]);
  await remote.close();
  await host.close();
});

test.run();
