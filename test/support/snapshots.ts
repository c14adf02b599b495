/**
 * Snapshots of a fixture's pool on a disk in memory: written, restored, damaged.
 *
 * @module
 */
import { join } from "node:path";
import { crc32 } from "node:zlib";
import * as assert from "uvu/assert";
import { CorruptionError, FormatError } from "../../lib/core/errors.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { OneSidedReader } from "../../lib/index/one_sided_reader.ts";
import { CHECKPOINT_CRC, CHECKPOINT_CRC_START } from "../../lib/persistence/checkpoint_layout.ts";
import type { FileSystem } from "../../lib/persistence/file_system.ts";
import { CHECKPOINT_FILE, imageFile } from "../../lib/persistence/pool_directory.ts";
import { readSnapshot } from "../../lib/persistence/snapshot_reader.ts";
import { type SnapshotReport, writeSnapshot } from "../../lib/persistence/snapshot_writer.ts";
import type { Pool } from "../../lib/pool/pool.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { PoolFixture, valueOf } from "./pool_fixture.ts";

/** Where all of this happens. */
export const DIRECTORY = "/pool";
/** The checkpoint there. */
export const CHECKPOINT_PATH: string = join(DIRECTORY, CHECKPOINT_FILE);

/** Path of a snapshot's image. */
export function imagePath(number: number): string {
  return join(DIRECTORY, imageFile(number));
}

/** Writes a snapshot. */
export function save(f: PoolFixture, files: FileSystem, number: number): SnapshotReport {
  return writeSnapshot(f.pool, files, DIRECTORY, { number, codec: "binary" });
}

/** Restores the newest snapshot, with the capacity that it has or a larger one. */
export function restore(files: FileSystem, capacityBytes?: number): { pool: Pool; number: number } {
  const requested = { codec: "binary", capacityBytes, segmentBytes: undefined } as const;
  return readSnapshot(files, DIRECTORY, requested);
}

/** Reads from a restored pool. */
export function readerOf(pool: Pool): (key: string) => Uint8Array | undefined {
  const keys = new KeyEncoder(...pool.hashKey);
  const reader = new OneSidedReader(pool, () => 1000);
  return (key) => {
    keys.encode(key);
    if (!reader.read(keys, true)) return undefined;
    return Uint8Array.from(reader.value.subarray(0, reader.valueBytes));
  };
}

/** A fixture with some keys, their values, and a disk with its snapshot number 1. */
export function savedPool(keyCount = 200): {
  f: PoolFixture;
  disk: MemoryDisk;
  model: Map<string, Uint8Array>;
} {
  const f = new PoolFixture({ segmentCount: 16 });
  const model = new Map<string, Uint8Array>();
  for (let i = 0; i < keyCount; i++) {
    f.put(`key ${i}`, valueOf(i, 20 + (i % 90)));
    model.set(`key ${i}`, valueOf(i, 20 + (i % 90)));
  }
  for (let i = 0; i < keyCount; i += 3) {
    f.delete(`key ${i}`);
    model.delete(`key ${i}`);
  }
  const disk = new MemoryDisk();
  save(f, disk, 1);
  return { f, disk, model };
}

/** Puts the right CRC into a checkpoint that was tampered with. */
export function resealed(checkpoint: Uint8Array): Uint8Array {
  const view = new DataView(checkpoint.buffer, checkpoint.byteOffset, checkpoint.length);
  view.setUint32(CHECKPOINT_CRC, crc32(checkpoint.subarray(CHECKPOINT_CRC_START)), true);
  return checkpoint;
}

/** Checks that restoring fails with a typed error, leaves no file open, and returns the error. */
export function assertDamaged(
  disk: MemoryDisk,
  context: string,
): FormatError | CorruptionError {
  try {
    restore(disk);
  } catch (error) {
    const isTyped = error instanceof FormatError || error instanceof CorruptionError;
    assert.ok(isTyped, `${context}: ${String(error)}`);
    assert.is(disk.openCount, 0, `${context}: every file is closed`);
    return error as FormatError | CorruptionError;
  }
  throw new Error(`${context}: restored as if nothing were wrong`);
}
