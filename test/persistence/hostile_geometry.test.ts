/**
 * Checkpoints with the right CRC and any geometry: a typed error, or a pool, in bounded time and
 * memory.
 *
 * @module
 */
import process from "node:process";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DinomoError, InvalidOptionError } from "../../lib/core/errors.ts";
import {
  CHECKPOINT_INDEX_FREE,
  CHECKPOINT_INDEX_FREE_COUNT,
  CHECKPOINT_INDEX_NEXT,
  CHECKPOINT_LENGTH,
  CHECKPOINT_SEGMENT_BYTES,
  CHECKPOINT_SEGMENT_COUNT,
  checkpointParts,
} from "../../lib/persistence/checkpoint_layout.ts";
import { readSnapshot } from "../../lib/persistence/snapshot_reader.ts";
import { allocatePool } from "../../lib/pool/allocate_pool.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { assertThrows } from "../support/errors.ts";
import type { MemoryDisk } from "../support/memory_disk.ts";
import { SEED } from "../support/random.ts";
import { CHECKPOINT_PATH, DIRECTORY, resealed, savedPool } from "../support/snapshots.ts";

const RUN_COUNT = 60;
/**
 * Far more than the pools take whose geometry is possible, and far less than what an unchecked one
 * takes.
 */
const RESIDENT_BYTES_MAX = 600 * 2 ** 20;
const REQUESTED = { codec: undefined, capacityBytes: undefined, segmentBytes: undefined } as const;

const word = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  fc.integer({ min: 0, max: 32 }).map((log2) => 2 ** log2 % 2 ** 32),
  fc.constantFrom(0, 1, 7, 8, 16, 4096, 65_534, 65_535, 2 ** 31, 2 ** 32 - 1),
);
const geometry = fc.record({
  segmentBytes: fc.oneof(word, fc.constantFrom(4096, 2 ** 20, 2 ** 27, 2 ** 30)),
  segmentCount: fc.oneof(word, fc.integer({ min: 8, max: 64 })),
  bucketCount: fc.oneof(word, fc.integer({ min: 0, max: 5000 })),
  free: word,
  freeCount: word,
  /** Whether the file is as long as its geometry says, where that is not too long. */
  fits: fc.boolean(),
});
type Geometry = typeof geometry extends fc.Arbitrary<infer Value> ? Value : never;

/** Puts a geometry into the checkpoint of a disk. */
function plant(disk: MemoryDisk, original: Uint8Array, given: Geometry): void {
  const { length } = checkpointParts(given.segmentCount, given.bucketCount);
  const isPadded = given.fits && length < 8 * 2 ** 20;
  const bytes = new Uint8Array(isPadded ? length : original.length);
  bytes.set(original.subarray(0, bytes.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(CHECKPOINT_SEGMENT_BYTES, given.segmentBytes, true);
  view.setUint32(CHECKPOINT_SEGMENT_COUNT, given.segmentCount, true);
  view.setUint32(CHECKPOINT_INDEX_NEXT, given.bucketCount, true);
  view.setUint32(CHECKPOINT_INDEX_FREE, given.free, true);
  view.setUint32(CHECKPOINT_INDEX_FREE_COUNT, given.freeCount, true);
  view.setUint32(CHECKPOINT_LENGTH, bytes.length, true);
  disk.replaceFile(CHECKPOINT_PATH, resealed(bytes));
}

function isRefused(disk: MemoryDisk, context: string): boolean {
  try {
    readSnapshot(disk, DIRECTORY, REQUESTED);
    return false;
  } catch (error) {
    assert.ok(error instanceof DinomoError, `${context}: got ${String(error)}`);
    assert.is(disk.openCount, 0, `${context}: every file is closed`);
    return true;
  }
}

test("any geometry with the right CRC is refused, or restored", () => {
  const { disk } = savedPool();
  const original = disk.fileContents(CHECKPOINT_PATH);
  const before = process.memoryUsage().rss;
  let refusedCount = 0;
  fc.assert(
    fc.property(geometry, (given) => {
      plant(disk, original, given);
      if (isRefused(disk, JSON.stringify(given))) refusedCount += 1;
      const grown = process.memoryUsage().rss - before;
      assert.ok(grown < RESIDENT_BYTES_MAX, `${grown} bytes more by ${JSON.stringify(given)}`);
    }),
    { numRuns: RUN_COUNT, seed: SEED },
  );
  assert.ok(refusedCount > RUN_COUNT / 2, `${refusedCount} of ${RUN_COUNT}, seed ${SEED}`);
});

test("more segments than addresses reach, and more buckets than an index has, are refused", () => {
  const { disk } = savedPool();
  const original = disk.fileContents(CHECKPOINT_PATH);
  const base = { free: 0, freeCount: 0, fits: true };
  for (
    const given of [
      { ...base, segmentBytes: 2 ** 30, segmentCount: 33, bucketCount: 100 },
      { ...base, segmentBytes: 2 ** 20, segmentCount: 65_534, bucketCount: 100 },
      { ...base, segmentBytes: 2 ** 30, segmentCount: 65_534, bucketCount: 1 },
      { ...base, segmentBytes: 4096, segmentCount: 16, bucketCount: 0 },
      { ...base, segmentBytes: 4096, segmentCount: 16, bucketCount: 20_000 },
    ]
  ) {
    plant(disk, original, given);
    assert.ok(isRefused(disk, JSON.stringify(given)), JSON.stringify(given));
  }
});

test("a file that is as long as it says, and longer than its geometry allows, is not read", () => {
  const { disk } = savedPool();
  const bytes = disk.fileContents(CHECKPOINT_PATH);
  const size = 3 * 2 ** 30;
  const view = new DataView(bytes.buffer);
  view.setUint32(CHECKPOINT_LENGTH, size, true);
  disk.replaceFile(CHECKPOINT_PATH, resealed(bytes));
  const { info } = disk;
  // As if it were sparse.
  disk.info = (path) => {
    const found = info.call(disk, path);
    return found && path === CHECKPOINT_PATH ? { ...found, size } : found;
  };
  const { read } = disk;
  let readBytes = 0;
  disk.read = (file, into, position) => {
    readBytes += into.length;
    return read.call(disk, file, into, position);
  };
  assert.ok(isRefused(disk, "3 GiB"));
  assert.ok(readBytes < 1024, `${readBytes} bytes were to be read`);
});

test("a capacity beyond what the process can address is refused", () => {
  const Original = globalThis.SharedArrayBuffer;
  const planted = new RangeError("Array buffer allocation failed");
  globalThis.SharedArrayBuffer = class extends Original {
    constructor(length: number) {
      if (length > 2 ** 20) throw planted;
      super(length);
    }
  } as typeof SharedArrayBuffer;
  try {
    assertThrows(() => allocatePool(geometryOf(2 ** 30, 2 ** 20), [1, 2]), {
      type: InvalidOptionError,
      code: "DINOMO_INVALID_OPTION",
      says: /^capacity must be one for which this process can reserve .* got 1 GiB: Array buffer/,
    });
  } finally {
    globalThis.SharedArrayBuffer = Original;
  }
});

test("a process that can address little reserves less than others, unless it is asked for", () => {
  const Original = globalThis.SharedArrayBuffer;
  globalThis.SharedArrayBuffer = class extends Original {
    constructor(length: number, options?: { readonly maxByteLength?: number }) {
      if ((options?.maxByteLength ?? 0) > 2 ** 29) throw new RangeError("planted");
      super(length, options);
    }
  } as typeof SharedArrayBuffer;
  try {
    const sizes = { segmentBytes: 2 ** 20, segmentCount: 256 };
    assert.is(allocatePool(sizes, [1, 2]).capacityBytesMax, 2 ** 28);
    assertThrows(() => allocatePool({ ...sizes, capacityBytesMax: 2 ** 30 }, [1, 2]), {
      type: InvalidOptionError,
      code: "DINOMO_INVALID_OPTION",
      says: /^capacityMax must be one for which this process can reserve .* got 1 GiB: planted/,
    });
    globalThis.SharedArrayBuffer = Original;
    assert.is(allocatePool(sizes, [1, 2]).capacityBytesMax, 2 ** 30);
  } finally {
    globalThis.SharedArrayBuffer = Original;
  }
});

test.run();
