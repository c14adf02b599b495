/**
 * `compact()`: files and memory become smaller, and nothing else changes, whatever goes on
 * meanwhile.
 *
 * @module
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open, type Store } from "../../mod.ts";
import { AttachedThread, ThreadError } from "../support/attached_thread.ts";
import { until } from "../support/store_suite.ts";
import { errorOf } from "../support/errors.ts";
import { temporaryPath } from "../support/temporary.ts";

const COUNT = 3000;
const KEPT = 20;
const SIZES = { codec: "binary", capacity: "4MiB" } as const;
const MIB = 2 ** 20;
/**
 * Node has no way to call the operating system; the others do on Linux, where the tests run with
 * all permissions.
 */
const canRelease = ("Bun" in globalThis || "Deno" in globalThis) && process.platform === "linux";

function valueOf(i: number, round = 0): Uint8Array {
  const value = new Uint8Array(900).fill(i & 0xff);
  new DataView(value.buffer).setUint32(0, i + round * COUNT);
  return value;
}

async function fill(store: Store<Uint8Array>): Promise<void> {
  for (let from = 0; from < COUNT; from += 100) {
    await Promise.all(
      Array.from({ length: 100 }, (_, n) => store.put(`key ${from + n}`, valueOf(from + n))),
    );
  }
}

async function thinOut(store: Store<Uint8Array>): Promise<void> {
  const keys = Array.from({ length: COUNT }, (_, i) => i).filter((i) => i % KEPT !== 0);
  await store.deleteMany(keys.map((i) => `key ${i}`));
}

function check(store: Store<Uint8Array>): void {
  for (let i = 0; i < COUNT; i++) {
    const value = store.getSync(`key ${i}`);
    assert.is(value !== undefined, i % KEPT === 0, `key ${i}`);
    if (value !== undefined) assert.equal(value, valueOf(i));
  }
}

function imageBytes(path: string): number {
  const images = readdirSync(path).filter((name) => name.startsWith("image-"));
  assert.is(images.length, 1);
  return statSync(join(path, images[0]!)).size;
}

for (const durability of ["memory", "os"] as const) {
  test(`files become as short as they can be, ${durability}`, async () => {
    const path = temporaryPath();
    const store = await open<Uint8Array>({ ...SIZES, path, durability });
    await fill(store);
    await store.snapshot();
    const full = imageBytes(path);
    assert.ok(full > 2 * MIB);
    await thinOut(store);
    const { fileBytes, segmentsMoved, durationMs } = await store.compact();
    assert.ok(imageBytes(path) < full / 4, `${imageBytes(path)} of ${full}`);
    assert.ok(fileBytes > full / 2 && segmentsMoved > 10 && durationMs > 0);
    check(store);
    const again = await store.compact();
    assert.ok(
      again.fileBytes <= full / 4 && again.segmentsMoved < 10,
      "there is little left to do",
    );
    await fill(store);
    await thinOut(store);
    await store.close();
    await using reopened = await open<Uint8Array>({ ...SIZES, path, durability });
    check(reopened);
  });
}

test("memory of free segments is given back where the runtime can do that", async () => {
  await using store = await open<Uint8Array>(SIZES);
  await fill(store);
  await thinOut(store);
  const { memoryBytes, fileBytes } = await store.compact();
  assert.is(fileBytes, 0);
  assert.is(memoryBytes > 2 * MIB, canRelease, `${memoryBytes}`);
  check(store);
  await fill(store);
  await thinOut(store);
  check(store);
});

test("an empty store has nothing to give back, and an attached thread may not", async () => {
  await using store = await open<Uint8Array>(SIZES);
  assert.is((await store.compact()).segmentsMoved, 0);
  const thread = await AttachedThread.start(store.share());
  const error = await errorOf(() => thread.call("compact"));
  assert.instance(error, ThreadError);
  assert.is((error as ThreadError).code, "DINOMO_HOST_ONLY");
  await thread.call("close");
  await thread.terminate();
});

for (const placement of ["near", "far"] as const) {
  test(`operations go on meanwhile, ${placement}`, async () => {
    await using store = await open<Uint8Array>({ ...SIZES, placement, nodes: 2 });
    await fill(store);
    await thinOut(store);
    let isDone = false;
    const compacted = store.compact().finally(() => isDone = true);
    let round = 0;
    while (!isDone) {
      round += 1;
      const keys = Array.from({ length: COUNT / KEPT }, (_, i) => i * KEPT);
      await Promise.all(keys.map((i) => store.put(`key ${i}`, valueOf(i, round))));
      const read = await store.getMany(keys.map((i) => `key ${i}`));
      for (const [n, i] of keys.entries()) {
        assert.equal([...read.values()][n], valueOf(i, round), `key ${i}`);
      }
      await setTimeout(0);
    }
    await compacted;
    assert.ok(round > 0);
    assert.is(store.count, COUNT / KEPT);
  });
}

test("a store that is sparse does so by itself", async () => {
  const path = temporaryPath();
  await using store = await open<Uint8Array>({ ...SIZES, path, durability: "os" });
  await fill(store);
  const full = imageBytes(path);
  await thinOut(store);
  await until(() => imageBytes(path) < full / 4);
  check(store);
});

test.run();
