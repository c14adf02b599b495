/**
 * Damaged, foreign and newer checkpoints: a typed error for each, before anything is allocated for
 * them.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CorruptionError, FormatError } from "../../lib/core/errors.ts";
import {
  CHECKPOINT_FORMAT,
  CHECKPOINT_HEADER_BYTES,
  CHECKPOINT_LENGTH,
  CHECKPOINT_MAGIC,
  CHECKPOINT_SEGMENT_BYTES,
  CHECKPOINT_SEGMENT_COUNT,
} from "../../lib/persistence/checkpoint_layout.ts";
import type { MemoryDisk } from "../support/memory_disk.ts";
import {
  assertDamaged,
  CHECKPOINT_PATH,
  resealed,
  restore,
  savedPool,
} from "../support/snapshots.ts";
import { sharedIndexes } from "../support/campaign.ts";
import { seeded } from "../support/random.ts";

/** A disk, and its checkpoint to be tampered with. */
function checkpointed(): { disk: MemoryDisk; bytes: Uint8Array; view: DataView } {
  const { disk } = savedPool();
  const bytes = disk.fileContents(CHECKPOINT_PATH);
  return { disk, bytes, view: new DataView(bytes.buffer) };
}

/** Restores from other bytes; returns the error. */
function damaged(disk: MemoryDisk, bytes: Uint8Array, context: string): Error {
  disk.replaceFile(CHECKPOINT_PATH, bytes);
  return assertDamaged(disk, context);
}

test("a checkpoint cut off anywhere is refused", () => {
  const { disk, bytes } = checkpointed();
  const { length } = bytes;
  const early = Array.from({ length: 140 }, (_, i) => i);
  const later = Array.from({ length: 60 }, (_, i) => 140 + Math.floor((length - 141) * i / 60));
  for (const end of [...early, ...later, length - 64, length - 1]) {
    const error = damaged(disk, bytes.slice(0, end), `${end} of ${length} bytes`);
    assert.instance(error, end < CHECKPOINT_MAGIC.length ? FormatError : CorruptionError, `${end}`);
    if (error instanceof CorruptionError) {
      assert.is(error.file, CHECKPOINT_PATH);
      assert.ok(error.offset >= 0 && error.offset <= length);
      assert.match(
        error.message,
        new RegExp(`^${CHECKPOINT_PATH}: damaged at byte ${error.offset}: `),
      );
    }
  }
});

test("bytes behind the end are refused", () => {
  const { disk, bytes } = checkpointed();
  for (const extra of [1, 64, 5000]) {
    const longer = new Uint8Array(bytes.length + extra);
    longer.set(bytes);
    assert.instance(damaged(disk, longer, `${extra} more`), CorruptionError);
  }
});

test("every flipped bit of the header is noticed", () => {
  const { disk, bytes } = checkpointed();
  for (const bit of sharedIndexes(CHECKPOINT_HEADER_BYTES * 8)) {
    const flipped = bytes.slice();
    flipped[bit >>> 3]! ^= 1 << (bit & 7);
    const error = damaged(disk, flipped, `bit ${bit & 7} of byte ${bit >>> 3}`);
    const isIdentity = bit >>> 3 < CHECKPOINT_FORMAT + 4;
    assert.instance(error, isIdentity ? FormatError : CorruptionError, `byte ${bit >>> 3}`);
  }
});

test(
  "flipped bits anywhere are noticed",
  seeded((random) => {
    const { disk, bytes } = checkpointed();
    for (let i = 0; i < 300; i++) {
      const flipped = bytes.slice();
      const at = random.between(CHECKPOINT_HEADER_BYTES, bytes.length - 1);
      flipped[at]! ^= 1 << random.below(8);
      assert.instance(damaged(disk, flipped, `byte ${at}`), CorruptionError);
    }
  }),
);

test(
  "overwritten and exchanged stretches are noticed",
  seeded((random) => {
    const { disk, bytes } = checkpointed();
    for (let i = 0; i < 100; i++) {
      const changed = bytes.slice();
      const length = random.between(1, 5000);
      const at = random.below(bytes.length - length);
      if (i % 2 === 0) changed.set(random.bytes(length), at);
      else changed.copyWithin(at, random.below(bytes.length - length), at + length);
      if (changed.every((byte, j) => byte === bytes[j])) continue;
      damaged(disk, changed, `${length} bytes at ${at}`);
    }
  }),
);

test("a file of something else is not of this format", () => {
  const { disk, bytes } = checkpointed();
  const foreign = [
    new Uint8Array(0),
    new Uint8Array(10_000),
    new TextEncoder().encode("SQLite format 3\0 and so on, for more than 128 bytes".repeat(5)),
    new TextEncoder().encode('{"some":"json"}'),
    bytes.slice(1),
    bytes.slice(4096),
  ];
  for (const content of foreign) {
    const error = damaged(disk, content, `${content.length} foreign bytes`);
    assert.instance(error, FormatError);
    assert.match(error.message, `${CHECKPOINT_PATH} must begin with "DINOMOCP", got `);
  }
});

test("a newer format is refused as such, whatever else is in the file", () => {
  const { disk, bytes, view } = checkpointed();
  for (const version of [0, 1, 6, 2 ** 32 - 1]) {
    view.setUint32(CHECKPOINT_FORMAT, version, true);
    const error = damaged(disk, bytes, `version ${version}`);
    assert.instance(error, FormatError);
    assert.match(error.message, `must have format version 2 to 5, got version ${version}`);
    assert.match(error.message, "another release of dinomo");
    damaged(disk, bytes.slice(0, 200), `version ${version}, cut off`);
  }
});

test("a length that is not the file's is refused before anything is allocated for it", () => {
  const { disk, bytes, view } = checkpointed();
  const lengths: readonly [number, number][] = [[0, 0], [1, 0], [bytes.length, 1], [0, 2 ** 31]];
  for (const [low, high] of lengths) {
    view.setUint32(CHECKPOINT_LENGTH, low, true);
    view.setUint32(CHECKPOINT_LENGTH + 4, high, true);
    assert.instance(damaged(disk, resealed(bytes), `${high}:${low}`), CorruptionError);
  }
});

test("sizes that no pool has are refused, even with the right CRC", () => {
  const impossible: readonly [number, number][] = [
    [0, 16],
    [1, 16],
    [5000, 16],
    [2048, 16],
    [2 ** 31, 16],
    [4096, 0],
    [4096, 7],
    [4096, 12],
    [4096, 17],
    [4096, 65_535],
    [4096, 2 ** 32 - 1],
    [2 ** 30, 16],
  ];
  for (const [segmentBytes, segmentCount] of impossible) {
    const { disk, bytes, view } = checkpointed();
    view.setUint32(CHECKPOINT_SEGMENT_BYTES, segmentBytes, true);
    view.setUint32(CHECKPOINT_SEGMENT_COUNT, segmentCount, true);
    damaged(disk, resealed(bytes), `${segmentCount} segments of ${segmentBytes} bytes`);
  }
});

test("after all that the undamaged checkpoint is restored", () => {
  const { disk, bytes } = checkpointed();
  damaged(disk, bytes.slice(0, 100), "cut off");
  disk.replaceFile(CHECKPOINT_PATH, bytes);
  assert.is(restore(disk).number, 1);
});

test.run();
