/**
 * Stores with a path: snapshots, closing, opening again with the same options and with others.
 *
 * @module
 */
import { cpSync, statSync } from "node:fs";
import { join } from "node:path";
import { platform } from "node:process";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { InvalidOptionError, open, type OpenOptions } from "../../mod.ts";
import { checkDataset, writeDataset } from "../support/dataset.ts";
import { assertRejects } from "../support/errors.ts";
import { contentsOf, until } from "../support/store_suite.ts";
import { temporaryPath } from "../support/temporary.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const OWNING_KN = new URL(`../support/workers/owning_kn.${EXTENSION}`, import.meta.url);
const SIZES = { capacity: "1MiB", segmentBytes: "16KiB" } as const;

test("what was there at close is there after open", async () => {
  const path = temporaryPath();
  const store = await open<unknown>({ keys: "mixed", path, ...SIZES });
  await writeDataset(store, 800);
  await store.close();
  const again = await open<unknown>({ keys: "mixed", path });
  await checkDataset(again, 800);
  await again.close();
  const third = await open<unknown>({ keys: "mixed", path, ...SIZES, nodes: 3 });
  await checkDataset(third, 800);
  await third.close();
});

test("an empty store, and one that was emptied, are empty after open", async () => {
  const path = temporaryPath();
  for (let round = 0; round < 3; round++) {
    await using store = await open<unknown>({ keys: "mixed", path, ...(round === 0 ? SIZES : {}) });
    assert.is(store.count, 0);
    await writeDataset(store, 100);
    await store.clear();
  }
});

test("versions go on growing, space is reused, over many rounds", async () => {
  const path = temporaryPath();
  let version = 0;
  for (let round = 1; round <= 4; round++) {
    await using store = await open<unknown>({ keys: "mixed", path, ...SIZES });
    if (round > 1) assert.is(await store.get("round"), round - 1);
    for (let i = 0; i < 1500; i++) void store.put(`key ${i % 300}`, "x".repeat(round * 40));
    await store.put("round", round);
    const entry = (await store.getEntry("round"))!;
    assert.ok(entry.version > version, "I9");
    version = entry.version;
    assert.is(store.count, 301);
  }
});

test("snapshots are numbered, also across processes, and their reports add up", async () => {
  const path = temporaryPath();
  const store = await open<unknown>({ keys: "mixed", path, ...SIZES, durability: "memory" });
  for (let number = 1; number <= 3; number++) {
    await store.put(`key ${number}`, number);
    const report = await store.snapshot();
    assert.is(report.number, number);
    assert.is(report.checkpointBytes, statSync(join(path, "checkpoint")).size);
    assert.ok(report.imageBytes > 0 && report.imageBytes <= 2 ** 20);
    assert.ok(report.pauseMs <= report.durationMs);
  }
  await store.close();
  const again = await open<unknown>({ keys: "mixed", path, durability: "memory" });
  assert.is((await again.snapshot()).number, 5, "close has written the fourth");
  await again.close();
});

test("snapshots that are asked for at once are written one after the other", async () => {
  const path = temporaryPath();
  await using store = await open<unknown>({ keys: "mixed", path, ...SIZES, durability: "memory" });
  await store.put("a", 1);
  const reports = await Promise.all([store.snapshot(), store.scale(2), store.snapshot()]);
  assert.equal([reports[0].number, reports[2].number], [1, 2]);
});

test("a snapshot holds what was acknowledged before it, and one moment of what goes on", async () => {
  const path = temporaryPath();
  // The files of a snapshot do not change; those of a pool that is logged do.
  await using store = await open<unknown>({
    keys: "mixed",
    path,
    ...SIZES,
    nodes: 2,
    durability: "memory",
  });
  await store.put("before", 1);
  let isDone = false;
  let count = 0;
  const writing = (async () => {
    while (!isDone) {
      count += 1;
      await store.put("first", count);
      await store.put("second", count);
      void store.put(`filler ${count % 50}`, "x".repeat(500));
      if (count % 16 === 0) await setTimeout(0);
    }
  })();
  const copies: string[] = [];
  for (let i = 0; i < 4; i++) {
    await store.snapshot();
    const copy = temporaryPath("copy");
    cpSync(path, copy, { recursive: true });
    copies.push(copy);
  }
  isDone = true;
  await writing;
  let last = -1;
  for (const copy of copies) {
    await using kept = await open<unknown>({ keys: "mixed", path: copy });
    const first = (await kept.get("first") ?? 0) as number;
    const second = (await kept.get("second") ?? 0) as number;
    assert.ok(first === second || first === second + 1, `first ${first}, second ${second}`);
    assert.ok(first >= last, `${first} after ${last}`);
    assert.is(await kept.get("before"), 1);
    last = first;
  }
});

test("a snapshot beside large values on their way leaves no space behind", async () => {
  const path = temporaryPath();
  const store = await open({
    keys: "mixed",
    path,
    ...SIZES,
    ringBytes: "8KiB",
    codec: "binary",
    durability: "memory",
  });
  const large = (i: number) => new Uint8Array(9000).fill(i);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 12; i++) void store.put(`key ${i}`, large(round));
    const copy = temporaryPath("copy");
    await store.snapshot();
    cpSync(path, copy, { recursive: true });
    await using kept = await open({ keys: "mixed", path: copy, codec: "binary" });
    for (let i = 0; i < 12; i++) {
      const value = kept.getSync(`key ${i}`);
      if (value !== undefined) assert.is(new Set(value).size, 1, `key ${i} is whole`);
    }
    await kept.clear();
    assert.is(kept.stats().liveBytes, 0);
  }
  await store.close();
});

test("expiry times survive, and pass meanwhile", async () => {
  const path = temporaryPath();
  const store = await open<unknown>({ keys: "mixed", path, ...SIZES });
  await store.put("long", 1, { ttl: 3_600_000 });
  await store.put("short", 2, { ttl: 5 });
  const { expiresAt } = (await store.getEntry("long"))!;
  await store.close();
  await setTimeout(10);
  await using again = await open<unknown>({ keys: "mixed", path });
  assert.is((await again.getEntry("long"))?.expiresAt, expiresAt);
  assert.is(await again.get("short"), undefined);
});

test("what expires while nobody asks a KN for anything is removed all the same", async () => {
  const path = temporaryPath();
  const store = await open<number>({ keys: "mixed", path, ...SIZES, nodes: 2 });
  for (let i = 0; i < 50; i++) store.putSync(`key ${i}`, i, { ttl: 1500 });
  await store.close();
  await using again = await open<number>({ keys: "mixed", path, nodes: 2 });
  await until(() => again.count === 0);
  assert.is(again.stats().liveBytes, 0);
});

test("what has expired meanwhile is removed by the KNs that own it, and by no other that starts before", async () => {
  for (const options of [{ help: false }, { placement: "far" }] as const) {
    const path = temporaryPath();
    const store = await open<number>({ keys: "mixed", path, ...SIZES, ...options });
    for (let i = 0; i < 500; i++) void store.put(`key ${i}`, i, { ttl: 1 });
    await store.close();
    await setTimeout(5);
    await using again = await open<number>({
      keys: "mixed",
      path,
      nodes: 2,
      workers: { node: OWNING_KN },
      ...options,
    });
    for (let i = 0; i < 500; i++) await again.put(`key ${i}`, -i);
    await until(() => again.count === 500);
    for (let i = 0; i < 500; i++) assert.is(await again.get(`key ${i}`), -i);
  }
});

test("the capacity can grow at open, and holds more then", async () => {
  const path = temporaryPath();
  const store = await open<unknown>({ keys: "mixed", path, ...SIZES });
  await writeDataset(store, 300);
  await store.close();
  const larger = await open<unknown>({ keys: "mixed", path, capacity: "4MiB" });
  assert.is(larger.stats().capacityBytes, 4 * 2 ** 20);
  await checkDataset(larger, 300);
  await writeDataset(larger, 5000);
  await larger.close();
  const again = await open<unknown>({ keys: "mixed", path });
  assert.is(again.stats().capacityBytes, 4 * 2 ** 20);
  await checkDataset(again, 5000);
  await again.close();
});

test("options that contradict the pool are refused, and leave it as it is", async () => {
  const path = temporaryPath();
  const store = await open<unknown>({ keys: "mixed", path, ...SIZES });
  await writeDataset(store, 100);
  await store.close();
  const contradictions: readonly [OpenOptions<unknown, "mixed">, RegExp][] = [
    [
      { capacity: "64KiB" },
      /^capacity must be at least 131072 bytes \(128 KiB\), which the pool at path needs/,
    ],
    [{ segmentBytes: "32KiB" }, /^segmentBytes must be the 16384 of the pool at path/],
    [{ capacity: "32GiB" }, /^capacity must /],
    [{ codec: "json" }, /^codec must be .*msgpack/],
    [{ codec: "binary" } as OpenOptions<unknown, "mixed">, /^codec must be .*msgpack/],
    [{ nodes: 64 }, /^nodes must be at most 60 for a pool of 64 segments/],
  ];
  for (const [options, says] of contradictions) {
    await assertRejects(() => open<unknown>({ path, ...options, keys: "mixed" }), {
      type: InvalidOptionError,
      code: "DINOMO_INVALID_OPTION",
      says,
    }, JSON.stringify(options));
  }
  await using again = await open<unknown>({ keys: "mixed", path });
  await checkDataset(again, 100);
});

test("each codec finds its values again", async () => {
  const text = new TextEncoder();
  const custom = {
    encode: (value: unknown) => text.encode(`<${value}>`),
    decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes).slice(1, -1),
  };
  for (const [codec, value] of [["json", { a: [1] }], [custom, "own"]] as const) {
    const path = temporaryPath();
    const store = await open<unknown>({ keys: "mixed", path, ...SIZES, codec });
    await store.put("a", value);
    await store.close();
    await using again = await open<unknown>({ keys: "mixed", path, codec });
    assert.equal(await contentsOf(again), [["a", value]]);
  }
});

test("files are for their owner only", async () => {
  if (platform === "win32") return;
  const path = temporaryPath();
  await using store = await open<unknown>({ keys: "mixed", path, ...SIZES });
  await store.snapshot();
  assert.is(statSync(path).mode & 0o777, 0o700);
  for (const file of ["checkpoint", "image-1"]) {
    assert.is(statSync(join(path, file)).mode & 0o777, 0o600, file);
  }
});

test.run();
