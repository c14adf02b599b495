/**
 * A pool that several threads restore: the same contents, the same errors, as with one.
 *
 * @module
 */
import { closeSync, openSync, readdirSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CorruptionError, open } from "../../mod.ts";
import { OWN_WORKERS } from "../../lib/platform/worker_loader.ts";
import { nodeFileSystem } from "../../lib/persistence/file_system.ts";
import { restoreInParallel } from "../../lib/persistence/parallel_restore.ts";
import { PoolRestore, type RestoredPool } from "../../lib/persistence/snapshot_reader.ts";
import { errorOf } from "../support/errors.ts";
import { readerOf } from "../support/snapshots.ts";
import { temporaryPath } from "../support/temporary.ts";

const KEYS = 2000;

function valueOf(i: number): Uint8Array {
  return new Uint8Array(100 + i % 300).fill(i);
}

/** A pool with many segments, and with frames behind its checkpoint. */
async function writePool(): Promise<string> {
  const path = temporaryPath();
  const options = { path, capacity: "4MiB", segmentBytes: "16KiB", codec: "binary" } as const;
  const store = await open(options);
  for (let i = 0; i < KEYS; i++) void store.put(`key ${i}`, valueOf(i));
  await store.snapshot();
  for (let i = 0; i < KEYS; i += 3) void store.delete(`key ${i}`);
  for (let i = 1; i < KEYS; i += 3) void store.put(`key ${i}`, valueOf(i + 7));
  await store.flush();
  const copy = temporaryPath("copy");
  await store.backup(copy);
  await store.close();
  return copy;
}

/** @param shares takes what the threads report; nothing is added if there are none */
async function restored(
  path: string,
  shares: number[] = [],
  bytesMin = 0,
): Promise<RestoredPool> {
  const requested = { codec: "binary", capacityBytes: undefined, segmentBytes: undefined } as const;
  const restore = new PoolRestore(nodeFileSystem, path, requested, {});
  await restoreInParallel(restore, {
    workerCode: OWN_WORKERS.dpm,
    threadCount: 2,
    onProgress: (share) => shares.push(share),
    bytesMin,
  });
  return restore.finish();
}

test("has the same contents", async () => {
  const shares: number[] = [];
  const read = readerOf((await restored(await writePool(), shares)).pool);
  for (let i = 0; i < KEYS; i++) {
    const expected = i % 3 === 0 ? undefined : i % 3 === 1 ? valueOf(i + 7) : valueOf(i);
    assert.equal(read(`key ${i}`), expected, `key ${i}`);
  }
  assert.ok(shares.length > 4 && Math.max(...shares) === 0.5, shares.join());
});

test("starts no threads for a large pool with little in it", async () => {
  const path = temporaryPath();
  const bytesMin = 16 * 2 ** 20;
  const store = await open({ path, capacity: bytesMin, codec: "binary" });
  await store.put("key", valueOf(0));
  await store.close();
  const shares: number[] = [];
  const read = readerOf((await restored(path, shares, bytesMin)).pool);
  assert.equal(read("key"), valueOf(0));
  assert.equal(shares, []);
});

test("damage in a segment is reported with its place", async () => {
  const path = await writePool();
  const image = join(path, readdirSync(path).find((name) => name.startsWith("image-"))!);
  const offset = Math.floor(statSync(image).size / 2);
  const file = openSync(image, "r+");
  writeSync(file, new Uint8Array(64).fill(0xa5), 0, 64, offset);
  closeSync(file);
  const error = await errorOf(() => restored(path));
  assert.instance(error, CorruptionError);
  assert.is((error as CorruptionError).file, image);
  const distance = offset - (error as CorruptionError).offset;
  assert.ok(distance >= 0 && distance < 16 * 1024, `${distance} bytes into its segment`);
});

test.run();
