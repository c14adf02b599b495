/**
 * Backups of a cluster and restores into one, over a real server: what is in them, what is refused,
 * and what is left when they are interrupted. An owner that is killed meanwhile is in
 * cluster_processes.
 *
 * @module
 */
import { readdirSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type ClusterOptions,
  InvalidArgumentError,
  type Key,
  open,
  PathError,
  type Store,
  StoreClosedError,
} from "../../mod.ts";
import { until } from "../support/cluster/cluster_user.ts";
import { NatsServers } from "../support/cluster/nats_servers.ts";
import { errorThatSays } from "../support/errors.ts";
import { temporaryPath } from "../support/temporary.ts";
import { ToldShares } from "../support/told_shares.ts";

const HOUR_MS = 3_600_000;
const LEASE_MS = 1000;

let servers: NatsServers;
let common: Omit<ClusterOptions, "name">;
let store: Store<unknown, Key>;

test.before(async () => {
  servers = await NatsServers.start(1);
  common = { servers: servers.urls, leaseMs: LEASE_MS };
  store = await openCluster("shop");
});

test.after(async () => {
  await store.close();
  await servers.stop();
});

async function openCluster(name: string): Promise<Store<unknown, Key>> {
  return await open<unknown>({ cluster: { ...common, name }, keys: "mixed" });
}

/** All that a store has, by the names of its keys. */
async function contentOf(of: Store<unknown, Key>): Promise<Record<string, unknown>> {
  const content: [string, unknown][] = [];
  for await (const key of of.keys()) {
    const entry = await of.getEntry(key);
    if (entry === undefined) continue;
    const { value, expiresAt } = entry;
    content.push([typeof key === "string" ? key : `bytes ${key.join()}`, { value, expiresAt }]);
  }
  return Object.fromEntries(content.sort(([a], [b]) => a < b ? -1 : 1));
}

async function fill(of: Store<unknown, Key>): Promise<void> {
  const later = Date.now() + HOUR_MS;
  await of.putMany([
    ["number", 1],
    ["user", { name: "Ada", born: new Date(0), tags: new Set(["a"]) }],
    [Uint8Array.of(1, 2), Uint8Array.of(3)],
    ["for an hour", "x", { expiresAt: later }],
    ["gone soon", "x", { ttl: 1 }],
    ["large", "y".repeat(200_000)],
    ["deleted", 1],
    ...Array.from({ length: 200 }, (_, i) => [`key ${i}`, { i }] as const),
  ]);
  await of.delete("deleted");
  await of.increment("number", 41);
}

test("a backup has what was acknowledged, and opens like any pool", async () => {
  await fill(store);
  const path = temporaryPath("backup");
  // It is issued before, and not awaited.
  void store.put("issued before", 7);
  const shares = new ToldShares();
  const report = await store.backup(path, { onProgress: shares.onProgress });
  assert.ok(report.number === 1 && report.imageBytes > 200_000 && report.pauseMs === 0);
  assert.ok(report.durationMs > 0);
  shares.assertDone();
  assert.equal(readdirSync(path).sort(), ["checkpoint", "image-1"]);
  const expected = await contentOf(store);
  const copy = await open<unknown>({ path, keys: "mixed" });
  try {
    assert.equal(await contentOf(copy), expected);
    assert.equal(copy.getSync("issued before"), 7);
    assert.equal(copy.getSync("number"), 42);
    assert.is(copy.getSync("deleted"), undefined);
    assert.is(await copy.increment("number"), 43);
  } finally {
    await copy.close();
  }
});

test("a backup that is refused or given up leaves no pool", async () => {
  const path = temporaryPath("given up");
  const end = new AbortController();
  const onProgress = () => end.abort(new Error("it takes too long"));
  await errorThatSays(() => store.backup(path, { signal: end.signal, onProgress }), "too long");
  const failing = () => {
    throw new Error("the bar is broken");
  };
  await errorThatSays(() => store.backup(path, { onProgress: failing }), "the bar is broken");
  assert.equal(readdirSync(path), []);
  await errorThatSays(() => store.backup(path, { progress: 1 } as object), "options must be among");
  await errorThatSays(() => store.backup(path, { onProgress: 1 } as object), "onProgress must be");
  await store.backup(path);
  const full = await errorThatSays(() => store.backup(path), "which holds a pool");
  assert.instance(full, PathError);
  const user = await openCluster("shop");
  const other = temporaryPath("closed");
  const closing = errorThatSays(
    () => user.backup(other, { onProgress: () => void user.close() }),
    "was closed meanwhile",
  );
  assert.instance(await closing, StoreClosedError);
  await user.close();
  assert.equal(readdirSync(other), []);
});

test("a cluster is filled from a pool, once, or again until it has all", async () => {
  const path = temporaryPath("source");
  const source = await open<unknown>({ path, keys: "mixed" });
  await fill(source);
  await source.put("its own", "of the pool");
  const expected = await contentOf(source);
  await source.close();
  const keyCount = Object.keys(expected).length;

  const target = await openCluster("filled");
  try {
    await target.put("its own", "of the cluster");
    const refused = await errorThatSays(() => target.restore(path), "without keys");
    assert.instance(refused, InvalidArgumentError);
    await target.delete("its own");
    const end = new AbortController();
    const given = { signal: end.signal, onProgress: () => end.abort(new Error("interrupted")) };
    await errorThatSays(() => target.restore(path, given), "interrupted");
    // Batches are put to their end.
    await until("something is put", () => target.stats().pending === 0);
    await target.put("its own", "of the cluster");
    await target.put("key 7", "changed");
    const shares = new ToldShares();
    const { onProgress } = shares;
    const { restored, kept } = await target.restore(path, { merge: true, onProgress });
    assert.is(restored + kept, keyCount);
    assert.ok(kept >= 2, `${kept} were there`);
    shares.assertDone();
    const value = (value: unknown) => ({ value, expiresAt: undefined });
    assert.equal(await contentOf(target), {
      ...expected,
      "its own": value("of the cluster"),
      "key 7": value("changed"),
    });
    const again = await target.restore(path, { merge: true });
    assert.equal([again.restored, again.kept], [0, keyCount]);
  } finally {
    await target.close();
  }
});

test("what a cluster cannot hold is named", async () => {
  const path = temporaryPath("large");
  const source = await open<unknown>({ path });
  await source.put("much", "z".repeat(1_100_000));
  await source.close();
  const target = await openCluster("small");
  try {
    const error = await errorThatSays(
      () => target.restore(path),
      'the string "much" cannot be put',
    );
    assert.is(error.code, "DINOMO_INVALID_VALUE");
    assert.is((error.cause as { code?: string }).code, "DINOMO_VALUE_TOO_LARGE");
  } finally {
    await target.close();
  }
});

test.run();
