/**
 * Keys that several KNs of a far pool own, on real threads: every operation means what it means for
 * other keys.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { setTimeout } from "node:timers/promises";
import {
  attach,
  type Durability,
  FarOnlyError,
  HostOnlyError,
  InvalidArgumentError,
  InvalidKeyError,
  open,
  type Store,
  TooManyReplicatedKeysError,
} from "../../mod.ts";
import { runtimeShare } from "../support/campaign.ts";
import { AttachedThread } from "../support/attached_thread.ts";
import { assertRejects } from "../support/errors.ts";
import { Fault, FaultOrders } from "../support/faults.ts";
import { until } from "../support/store_suite.ts";
import { copyAsKilled } from "../support/killed_copy.ts";
import { temporaryPath } from "../support/temporary.ts";
import { applied } from "../support/versions.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const MORTAL_KN = new URL(`../support/workers/mortal_kn.${EXTENSION}`, import.meta.url);
const NODES = 3;
const OPTIONS = {
  placement: "far",
  nodes: NODES,
  capacity: "4MiB",
  segmentBytes: "16KiB",
  cache: "32KiB",
  backlog: "64KiB",
} as const;
/** Too large for the ring of the responses. */
const LARGE_BYTES = 300_000;

/** Reads and writes of replicated keys, by KN. */
function sharedOperations(store: Store<unknown>): number[] {
  return store.stats().nodes.map(({ far }) => far!.sharedGets + far!.sharedPuts);
}

function ownerCounts(store: Store<unknown>): [string, number][] {
  return store.stats().replicatedKeys.map(({ key, owners }) => [String(key), owners.length]);
}

test("every operation on a replicated key means what it means for any other", async () => {
  await using store = await open<unknown>(OPTIONS);
  await store.put("key", 1);
  await store.put("other", "x");
  await store.replicate("key", NODES);
  assert.equal(ownerCounts(store), [["key", NODES]]);
  assert.is(await store.get("key"), 1);
  for (let i = 0; i < 10 * NODES; i++) await store.increment("key", 1);
  assert.is(store.getSync("key"), 1 + 10 * NODES);
  assert.equal(await store.getMany(["key", "absent", "other"]), [1 + 10 * NODES, undefined, "x"]);
  assert.is(store.count, 2);

  const entry = await store.getEntry("key");
  assert.is(await applied(store.compareAndSet("key", entry!.version, "a")), true);
  assert.is(await applied(store.compareAndSet("key", entry!.version, "b")), false);
  assert.is(await applied(store.compareAndSet("key", null, "b")), false);
  assert.ok((await store.getEntry("key"))!.version > entry!.version, "versions grow");

  assert.is(await store.delete("key"), true);
  assert.is(await store.delete("key"), false);
  assert.is(await store.has("key"), false);
  assert.is(store.count, 1);
  assert.is(await applied(store.compareAndSet("key", null, "back")), true);
  assert.equal(await keysOf(store), ["key", "other"]);
  assert.is(await store.update("key", (old) => `${old} again`), "back again");

  await store.clear();
  assert.is(await store.get("key"), undefined);
  assert.is(store.count, 0);
  await store.put("key", "after");
  assert.is(store.count, 1);
  await store.replicate("key", 1);
  assert.equal(ownerCounts(store), []);
  assert.is(await store.get("key"), "after");
  assert.is(await store.delete("key"), true);
  assert.is(store.count, 0);
});

test("all owners of a key take part in its reads and writes", async () => {
  await using store = await open<unknown>(OPTIONS);
  await store.replicate("key", NODES);
  for (let i = 0; sharedOperations(store).some((count) => count < 10); i++) {
    await store.put("key", i);
    assert.is(await store.get("key"), i);
  }
});

test("a key need not exist to be replicated, and may expire", async () => {
  await using store = await open<unknown>(OPTIONS);
  await store.replicate("key", 2);
  assert.is(await store.get("key"), undefined);
  assert.is(store.count, 0);
  await store.put("key", 1, { ttl: 30 });
  await until(async () => !await store.has("key"));
  assert.is(await applied(store.compareAndSet("key", null, 2, { ttl: 30 })), true);
  await until(() => store.count === 0);
  await store.put("key", 3);
  assert.is(await store.get("key"), 3);
  assert.is(store.count, 1);
});

test("values of replicated keys may be too large for the rings", async () => {
  await using store = await open({
    ...OPTIONS,
    codec: "binary",
    segmentBytes: "1MiB",
    capacity: "32MiB",
  });
  await store.replicate("key", NODES);
  for (let i = 0; i < 2 * NODES; i++) {
    await store.put("key", new Uint8Array(LARGE_BYTES).fill(i));
    const value = await store.get("key");
    assert.is(value!.length, LARGE_BYTES);
    assert.ok(value!.every((byte) => byte === i), `the value is of put ${i}`);
  }
});

test("operations that are not awaited apply in the order in which they were issued", async () => {
  await using store = await open<number>(OPTIONS);
  const seen: (number | undefined)[] = [];
  const expected: number[] = [];
  const ends: Promise<unknown>[] = [];
  for (let i = 0; i < 300; i++) {
    ends.push(store.put("key", i));
    ends.push(store.get("key").then((value) => void (seen[i] = value)));
    expected.push(i);
    if (i % 50 === 0) ends.push(store.replicate("key", 1 + (i / 50) % NODES));
    if (i % 20 === 0) await setTimeout(1);
  }
  await Promise.all(ends);
  assert.equal(seen, expected);
});

test("no increment of several threads is lost while a key gets owners and loses them", async () => {
  await using store = await open<number>({ ...OPTIONS, clients: 4 });
  const threads = await Promise.all([1, 2].map(() => AttachedThread.start(store.share())));
  let isDone = false;
  let hostCount = 0;
  const count = async (thread: AttachedThread) => {
    for (let i = 0; i < 60; i++) await thread.call("increment", "key", 1);
  };
  const host = async () => {
    for (; !isDone; hostCount++) await store.increment("key");
  };
  const changes = async () => {
    for (let i = 0; !isDone; i++) {
      await store.replicate("key", 1 + i % 2);
      await store.scale(2 + i % 2);
      await setTimeout(5);
    }
  };
  const all = Promise.all([host(), changes()]);
  await Promise.all(threads.map(count));
  isDone = true;
  await all;
  await Promise.all(threads.map((thread) => thread.leave("exit", 0)));
  assert.is(await store.get("key"), 120 + hostCount);
  assert.is(store.count, 1);
});

test("KNs that come, go and fail leave a key with as many owners as there may be", async () => {
  const store = await open<number>({ ...OPTIONS, workers: { node: MORTAL_KN } });
  try {
    const orders = new FaultOrders(store.share());
    await store.put("key", 0);
    await store.replicate("key", NODES);
    let count = 0;
    for (const kind of [Fault.THROW, Fault.EXIT]) {
      const failed = store.stats().nodesFailed!;
      orders.give(orders.agents[count % NODES]!, kind, 200 + count);
      while (store.stats().nodesFailed === failed) {
        await store.increment("key");
        count += 1;
      }
      await until(() => store.stats().zombies === 0);
    }
    assert.is(await store.get("key"), count);
    const isRunning = new Set(store.stats().nodes.map(({ id }) => id));
    const areOwners = () => store.stats().replicatedKeys[0]!.owners;
    await until(() => areOwners().length === NODES && areOwners().every((id) => isRunning.has(id)));
    await store.scale(2);
    assert.equal(ownerCounts(store), [["key", 2]]);
    assert.is(await store.increment("key"), count + 1);
    await store.scale(4);
    await until(() => areOwners().length === NODES);
    assert.is(await store.increment("key"), count + 2);
    await store.scale(1);
    assert.equal(ownerCounts(store), []);
    assert.is(await store.get("key"), count + 2);
  } finally {
    await store.close();
  }
});

for (const durability of runtimeShare<Durability>(["os", "disk", "memory"])) {
  test(`what was acknowledged for replicated keys is in the files: ${durability}`, async () => {
    const path = temporaryPath();
    const options = { ...OPTIONS, path, durability };
    const store = await open<unknown>(options);
    const keys = ["a", "b", "gone"];
    for (const key of keys) await store.put(key, 0);
    for (const key of keys) await store.replicate(key, NODES);
    for (let i = 1; i <= 20; i++) await store.put("a", i);
    if (durability !== "memory") await store.snapshot();
    for (let i = 1; i <= 20; i++) {
      await store.increment("b");
      await store.put("gone", i);
    }
    await store.delete("gone");
    const backup = temporaryPath();
    await store.backup(backup);
    const copies = durability === "memory" ? [] : [copyAsKilled(path)];
    await store.close();
    for (const directory of [path, backup, ...copies]) {
      await using again = await open<number>({ ...options, path: directory });
      assert.equal(await again.getMany(keys), [20, 20, undefined], directory);
      assert.is(again.count, 2);
      assert.equal(ownerCounts(again), []);
      await again.replicate("a", 2);
      assert.is(await again.increment("a"), 21);
    }
  });
}

test("the M-node shares a key that is hot, and gives it back when it is cold", async () => {
  const outcomes = new Map<string, Set<string>>();
  await using store = await open<number>({
    ...OPTIONS,
    autoscale: {
      min: NODES,
      max: NODES,
      // Any request is too slow, and no KN is above that.
      slo: { meanMicros: 0.001 },
      occupancy: { lower: 0, upper: 1 },
      periodMs: 50,
      graceMs: 0,
      confirmations: 1,
      samplesMin: 1,
    },
  });
  store.addEventListener("decision", ({ detail }) => {
    const seen = outcomes.get(detail.row) ?? new Set();
    outcomes.set(detail.row, seen.add(detail.outcome));
  });
  const isShared = () => ownerCounts(store).some(([key]) => key === "hot");
  const work = async (isHot: boolean) => {
    for (let i = 0; i < 100; i++) {
      // A key that is written as often as it is read is not shared.
      if (isHot && i % 10 === 0) await store.increment("hot");
      else if (isHot && i % 5 < 3) await store.get("hot");
      else await store.put(`cold ${i % 31}`, i);
    }
  };
  while (!isShared()) await work(true);
  while (isShared()) await work(false);
  await until(() => outcomes.get("dereplicate-key")?.has("done") === true);
  assert.ok(outcomes.get("replicate-key")!.has("done"));
  assert.is(outcomes.get("replicate-key")!.has("unsupported"), false);
});

test("what cannot be done is refused", async () => {
  await using near = await open<number>({ capacity: "16MiB" });
  await assertRejects(() => near.replicate("key", 1), {
    type: FarOnlyError,
    code: "DINOMO_FAR_ONLY",
    says: /replicate must be called on a store with placement "far"/,
  });
  await using store = await open<number>(OPTIONS);
  for (const owners of [0, NODES + 1, 1.5, NaN, "2" as unknown as number]) {
    await assertRejects(() => store.replicate("key", owners), {
      type: InvalidArgumentError,
      code: "DINOMO_INVALID_ARGUMENT",
      says: /owners must be a whole number from 1 to 3, the number of KNs, got /,
    });
  }
  await assertRejects(() => store.replicate("", 2), {
    type: InvalidKeyError,
    code: "DINOMO_INVALID_KEY",
    says: /key must have 1 to 2048 bytes/,
  });
  await assertRejects(() => store.replicate("k".repeat(129), 2), {
    type: InvalidArgumentError,
    code: "DINOMO_INVALID_ARGUMENT",
    says: /key must have at most 128 bytes to be replicated, got 129 bytes/,
  });
  const attached = await attach<number>(store.share());
  await assertRejects(() => attached.replicate("key", 2), {
    type: HostOnlyError,
    code: "DINOMO_HOST_ONLY",
    says: /replicate must be called in the thread that opened the store/,
  });
  await attached.close();
  for (let i = 0; i < 64; i++) await store.replicate(`key ${i}`, 2);
  await assertRejects(() => store.replicate("one more", 2), {
    type: TooManyReplicatedKeysError,
    code: "DINOMO_TOO_MANY_REPLICATED_KEYS",
    says: /at most 64 keys may be replicated at one time/,
  });
  await store.replicate("key 7", 1);
  await store.replicate("one more", 2);
  await store.put("one more", 1);
  assert.is(await store.get("one more"), 1);
  assert.is(store.stats().replicatedKeys.length, 64);
});

async function keysOf(store: Store<unknown>): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.keys()) keys.push(String(key));
  return keys.sort();
}

test.run();
