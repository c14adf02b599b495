/**
 * `grow()`, and opening a pool with less or more capacity: everything that was stored is there,
 * what a store may hold is what it says, and the next opening has what the last one had.
 *
 * @module
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type Durability,
  DurabilityError,
  InvalidArgumentError,
  InvalidOptionError,
  open,
  type OpenOptions,
  PoolFullError,
  SnapshotError,
  type Store,
} from "../../mod.ts";
import { AttachedThread } from "../support/attached_thread.ts";
import { Child } from "../support/child.ts";
import { assertRejects, errorOf } from "../support/errors.ts";
import { Random, SEED } from "../support/random.ts";
import { temporaryPath } from "../support/temporary.ts";

const KIB = 1024;
const MIB = 2 ** 20;
const random = new Random(SEED);
/** Keys of the pools that live many lives. */
const KEYS = 100;

type Sizes = { readonly first: number; readonly second: number; readonly valueBytes: number };
const TINY: Sizes = { first: 64 * KIB, second: 160 * KIB, valueBytes: 600 };
const USUAL: Sizes = { first: 2 * MIB, second: 5 * MIB, valueBytes: 12_000 };

function valueOf(i: number, bytes: number): string {
  return `${i} `.padEnd(bytes, "x");
}

/**
 * Puts keys from a number on until the store is full; returns the number of the first that was
 * refused.
 */
async function fill(store: Store<string>, from: number, bytes: number): Promise<number> {
  for (let i = from;; i++) {
    const error = await errorOf(() => store.put(`key ${i}`, valueOf(i, bytes)));
    if (error === undefined) continue;
    assert.instance(error, PoolFullError);
    return i;
  }
}

/**
 * Puts keys from a number on until four fifths of what fits is there; returns how many there are.
 */
async function putSome(store: Store<string>, from: number, bytes: number): Promise<number> {
  const count = Math.floor(store.stats().liveBytesMax * 0.8 / (bytes + 100));
  for (let i = from; i < count; i++) await store.put(`key ${i}`, valueOf(i, bytes));
  return count;
}

async function check(store: Store<string>, count: number, bytes: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    assert.is(await store.get(`key ${i}`), valueOf(i, bytes), `key ${i}`);
  }
  assert.is(await store.get(`key ${count}`), undefined);
}

const KINDS: readonly [string, Sizes, OpenOptions<string>, Durability | undefined][] = [
  ["tiny, in memory", TINY, {}, undefined],
  ["tiny, memory", TINY, {}, "memory"],
  ["tiny, far, os", TINY, { placement: "far", nodes: 2 }, "os"],
  ["usual, disk", USUAL, { nodes: 3 }, "disk"],
];

for (const [name, { first, second, valueBytes }, options, durability] of KINDS) {
  test(`a full store grows, and holds as much more: ${name}`, async () => {
    const path = durability && temporaryPath();
    const files = path === undefined ? {} : { path, durability };
    const store = await open<string>({ ...options, ...files, capacity: first });
    // The last puts into a far pool take long.
    const put = options.placement === "far" ? putSome : fill;
    let count = await put(store, 0, valueBytes);
    const before = store.stats();
    assert.is(before.capacityBytes, first);
    assert.is(before.capacityBytesMax, 4 * first);
    assert.is(await store.grow(second), second);
    const after = store.stats();
    assert.is(after.capacityBytes, second);
    assert.is(after.segmentBytes, before.segmentBytes);
    assert.ok(after.liveBytesMax - before.liveBytesMax > (second - first) * 0.8);
    const smallCount = count;
    count = await put(store, count, valueBytes);
    assert.ok(count > smallCount * (second / first) * 0.9, `${count} after ${smallCount}`);
    await check(store, count, valueBytes);
    await store.close();
    if (path === undefined) return;
    const again = await open<string>({ ...options, ...files });
    assert.is(again.stats().capacityBytes, second);
    await check(again, count, valueBytes);
    const error = await errorOf(() => again.put(`key ${count}`, valueOf(count, valueBytes)));
    assert.is(error instanceof PoolFullError, put === fill, `${error}`);
    await again.close();
  });
}

test("it grows several times at once, while others put, copy and scale", async () => {
  for (const durability of ["memory", random.pick(["os", "disk"] as const)] as const) {
    const path = temporaryPath();
    const store = await open<string>({ path, durability, capacity: "64KiB", nodes: 2 });
    const copy = temporaryPath();
    // So many do not fit before it has grown.
    const puts = Array.from({ length: 60 }, async (_, i) => {
      for (;;) {
        const error = await errorOf(() => store.put(`key ${i}`, valueOf(i, 1200)));
        if (error === undefined) return;
        assert.instance(error, PoolFullError);
      }
    });
    const grown = await Promise.all([
      store.grow("75KiB"),
      store.snapshot(),
      store.grow("128KiB"),
      store.grow("128KiB"),
      store.scale(3),
      store.backup(copy),
      store.grow("256KiB"),
    ]);
    const [a, , b, c, , , d] = grown;
    assert.equal([a, b, c, d], [72 * KIB, 128 * KIB, 128 * KIB, 256 * KIB]);
    await Promise.all(puts);
    await check(store, 60, 1200);
    await store.close();
    const backup = await open<string>({ path: copy });
    assert.is(backup.stats().capacityBytes, b);
    for await (const [key, value] of backup.entries()) {
      assert.is(value, valueOf(Number(key.slice(4)), 1200));
    }
    await backup.close();
  }
});

test("sizes that cannot be are refused, and change nothing", async () => {
  await using store = await open<string>({ capacity: "1MiB", capacityMax: "2.5MiB" });
  const refused = (capacity: unknown, says: RegExp) =>
    assertRejects(() => store.grow(capacity as number), {
      type: InvalidArgumentError,
      code: "DINOMO_INVALID_ARGUMENT",
      says,
    }, String(capacity));
  await refused(undefined, /^capacity must be a positive whole number of bytes/);
  await refused("lots", /^capacity must be a positive whole number of bytes/);
  await refused("512KiB", /^capacity must be at least the 1 MiB that the store has/);
  await refused("3MiB", /^capacity must be at most 2621440 bytes \(2.5 MiB\),.*larger capacityMax/);
  assert.is(store.stats().capacityBytes, MIB);
  assert.is(await store.grow(MIB), MIB);
  assert.is(await store.grow("2.5MiB"), 2.5 * MIB);
  const thread = await AttachedThread.start(store.share());
  const error = await errorOf(() => thread.call("grow", "2.5MiB"));
  assert.is((error as { code?: string }).code, "DINOMO_HOST_ONLY");
  await thread.call("close");
  await thread.terminate();
  for (
    const [options, says] of [
      [{ capacity: "2MiB", capacityMax: "1MiB" }, /^capacityMax must be at least the capacity/],
      [
        { capacity: "64KiB", segmentBytes: "4KiB", capacityMax: "1GiB" },
        /^capacityMax must be .*65534/,
      ],
      [{ capacityMax: "64GiB" }, /^capacityMax must be /],
    ] as const
  ) {
    await assertRejects(() => open(options), {
      type: InvalidOptionError,
      code: "DINOMO_INVALID_OPTION",
      says,
    });
  }
});

for (const durability of ["os", "disk"] as const) {
  test(`where no checkpoint can be written a store does not grow, ${durability}`, async () => {
    const path = temporaryPath();
    const store = await open<string>({ path, durability, capacity: USUAL.first });
    await store.put("before", "a");
    const inTheWay = join(path, "checkpoint.new");
    // With something in it, since Deno's unlink() removes an empty directory.
    mkdirSync(join(inTheWay, "full"), { recursive: true });
    const error = await errorOf(() => store.grow(USUAL.second));
    assert.instance(error, SnapshotError, String(error));
    assert.match((error as SnapshotError).systemCode!, /^(EISDIR|ENOTEMPTY)$/);
    assert.is(store.stats().capacityBytes, USUAL.first);
    // From now on nothing is durable until the store is opened again.
    assert.instance(await errorOf(() => store.grow(USUAL.second)), DurabilityError);
    assert.instance(await errorOf(() => store.close()), DurabilityError);
    rmSync(inTheWay, { recursive: true });
    const again = await open<string>({ path, durability });
    assert.is(again.stats().capacityBytes, USUAL.first);
    assert.is(await again.get("before"), "a");
    assert.is(await again.grow(USUAL.second), USUAL.second);
    await again.close();
  });
}

test("a cache that grows keeps more, and one that is opened smaller drops what does not fit", async () => {
  const path = temporaryPath();
  const options = { path, whenFull: "evict", segmentBytes: "4KiB" } as const;
  const store = await open<string>({ ...options, capacity: "256KiB" });
  const putAll = async (from: number) => {
    for (let i = from; i < from + 900; i++) await store.put(`key ${i}`, valueOf(i, 400));
  };
  await putAll(0);
  const small = store.count;
  assert.is(await store.grow("640KiB"), 640 * KIB);
  await putAll(900);
  const large = store.count;
  assert.ok(large > 2 * small, `${large} keys after ${small}`);
  await store.close();
  const smaller = await open<string>({ ...options, capacity: "256KiB" });
  assert.is(smaller.stats().capacityBytes, 256 * KIB);
  assert.ok(smaller.count > small * 0.6 && smaller.count < large / 2, `${smaller.count} keys`);
  for await (const [key, value] of smaller.entries()) {
    assert.is(value, valueOf(Number(key.slice(4)), 400));
  }
  await smaller.put("new", "1");
  assert.is(await smaller.get("new"), "1");
  await smaller.close();
});

/** Contents of all files of a pool, and their names. */
function contentsOf(path: string): Map<string, string> {
  const names = readdirSync(path).filter((name) => /^(image|checkpoint)/.test(name)).sort();
  return new Map(names.map((name) => [name, readFileSync(join(path, name), "latin1")]));
}

test("a pool that has less than it could is opened with less capacity, or refuses", async () => {
  for (const durability of ["memory", "os"] as const) {
    const path = temporaryPath();
    const options = { path, durability, segmentBytes: "8KiB" } as const;
    const store = await open<string>({ ...options, capacity: "1MiB" });
    const count = await fill(store, 0, 1000);
    await store.clear();
    for (let i = 0; i < 200; i++) await store.put(`key ${i}`, valueOf(i, 1000));
    await store.put("passing", "1", { ttl: 1_000_000 });
    await store.put("gone", "1");
    const version = (await store.getEntry("gone"))!.version;
    await store.delete("gone");
    await store.close();
    const before = contentsOf(path);
    const error = await errorOf(() => open({ ...options, capacity: "128KiB" }));
    assert.is((error as { code?: string }).code, "DINOMO_INVALID_OPTION");
    const [, least] = /^capacity must be at least (\d+) bytes .*got 128 KiB$/.exec(
      (error as Error).message,
    )!;
    await assertRejects(() => open({ ...options, capacity: "512KiB", nodes: 60 }), {
      type: InvalidOptionError,
      code: "DINOMO_INVALID_OPTION",
      says: /^capacity must be at least /,
    });
    assert.equal(contentsOf(path), before, "a refusal changes nothing");
    const smaller = await open<string>({ ...options, capacity: Number(least) });
    assert.is(smaller.stats().capacityBytes, Number(least));
    assert.ok(Number(least) < MIB / 2, least);
    await check(smaller, 200, 1000);
    assert.is(await smaller.get("gone"), undefined);
    assert.ok(await smaller.put("gone", "2") > version, "versions go on");
    assert.ok((await smaller.getEntry("passing"))!.expiresAt !== undefined);
    await smaller.close();
    const image = readdirSync(path).filter((name) => name.startsWith("image-"));
    assert.is(image.length, 1);
    assert.ok(statSync(join(path, image[0]!)).size < MIB / 2);
    const again = await open<string>({ ...options });
    assert.is(again.stats().capacityBytes, Number(least));
    assert.is(await again.grow("1MiB"), MIB);
    await again.delete("gone");
    await again.delete("passing");
    assert.ok(await fill(again, 200, 1000) > count * 0.95);
    await again.close();
  }
});

test("lives: a pool grows, is killed, closed, opened smaller and larger, and has what was stored", async () => {
  const path = temporaryPath();
  const model = new Map<string, number>();
  let capacity = 128 * KIB;
  for (let life = 0; life < 6; life++) {
    const says = `life ${life}, seed ${SEED}`;
    const placement = random.pick(["near", "near", "far"] as const);
    const durability = random.pick(["os", "disk"] as const);
    const wanted = random.pick([undefined, 64, 96, 128, 256]);
    const options = { path, placement, durability, nodes: random.between(1, 2), capacityMax: MIB };
    const given = wanted === undefined && life > 0 ? {} : { capacity: (wanted ?? 128) * KIB };
    const opening = await errorOf(async () => {
      const store = await open<string>({ ...options, ...given, segmentBytes: "4KiB" });
      if (wanted !== undefined) capacity = wanted * KIB;
      assert.is(store.stats().capacityBytes, capacity, says);
      for (let i = 0; i < KEYS; i++) {
        assert.is(
          await store.get(`key ${i}`),
          model.has(`key ${i}`) ? valueOf(model.get(`key ${i}`)!, 400) : undefined,
          says,
        );
      }
      const grow = random.below(2) === 0
        ? store.grow(Math.max(capacity, random.between(capacity / KIB, 320) * KIB & -4096))
        : undefined;
      for (let n = 0; n < 80; n++) {
        const key = `key ${random.below(KEYS)}`;
        if (random.below(4) === 0) {
          await store.delete(key);
          model.delete(key);
          continue;
        }
        const error = await errorOf(() => store.put(key, valueOf(life * 1000 + n, 400)));
        if (error === undefined) model.set(key, life * 1000 + n);
        else assert.instance(error, PoolFullError, says);
      }
      capacity = await grow ?? capacity;
      assert.is(store.stats().capacityBytes, capacity, says);
      await store.close();
    });
    if (opening === undefined) continue;
    assert.match((opening as Error).message, /^capacity must be at least/, `${says}: ${opening}`);
    assert.ok(wanted !== undefined && wanted * KIB < capacity, says);
  }
});

test("a process is killed while its pool grows: the pool has what it had said, or more", async () => {
  const path = temporaryPath();
  const first = await open<string>({ path, capacity: "128KiB", segmentBytes: "4KiB" });
  await first.close();
  for (let kill = 0; kill < 2; kill++) {
    const child = new Child("growing_writer", { path, placement: random.pick(["near", "far"]) });
    await child.message(random.between(1, 8));
    await setTimeout(random.below(10));
    child.kill();
    const { signal, output, messages } = await child.ended();
    const says = `kill ${kill}, seed ${SEED}`;
    assert.is(signal, "SIGKILL", `${says}: ${output}`);
    const said = messages.at(-1) as { readonly put: number; readonly capacity: number };
    const store = await open<string>({ path });
    const { capacityBytes } = store.stats();
    // The next growth may have been on the disk without having been reported.
    assert.ok([said.capacity, said.capacity + 16 * KIB].includes(capacityBytes), says);
    for (let i = 0; i < said.put; i++) {
      assert.is(await store.get(`grown ${i}`), valueOf(i, 300), `${says}, key ${i}`);
    }
    await store.clear();
    await store.close();
  }
});

test.run();
