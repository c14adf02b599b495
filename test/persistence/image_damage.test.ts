/**
 * Damaged, missing and mistaken images: the checkpoint's CRC of each segment decides.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { SegmentId } from "../../lib/core/brands.ts";
import { CorruptionError } from "../../lib/core/errors.ts";
import { SegmentState } from "../../lib/pool/segment_state.ts";
import { valueOf } from "../support/pool_fixture.ts";
import {
  assertDamaged,
  imagePath,
  readerOf,
  restore,
  save,
  savedPool,
} from "../support/snapshots.ts";
import { seeded } from "../support/random.ts";

const SEGMENT_BYTES = 4096;

/** A saved pool, its image, and the parts of it that are used. */
function imaged() {
  const { f, disk, model } = savedPool();
  const used: { start: number; end: number }[] = [];
  for (let i = 0; i < f.pool.geometry.segmentCount; i++) {
    if (f.segments.state(i as SegmentId) === SegmentState.FREE) continue;
    const start = i * SEGMENT_BYTES;
    used.push({ start, end: start + f.segments.usedBytes(i as SegmentId) });
  }
  return { f, disk, model, used, image: disk.fileContents(imagePath(1)) };
}

function assertImageDamaged(
  disk: ReturnType<typeof imaged>["disk"],
  context: string,
): CorruptionError {
  const error = assertDamaged(disk, context);
  assert.instance(error, CorruptionError, context);
  assert.is((error as CorruptionError).file, imagePath(1), context);
  return error as CorruptionError;
}

test("a missing image is named", () => {
  const { disk } = imaged();
  disk.removeFile(imagePath(1));
  const error = assertImageDamaged(disk, "missing");
  assert.match(error.message, "image-1");
  assert.match(error.message, "missing");
});

test("an image cut off anywhere within used bytes is refused, with the segment that is cut", () => {
  const { disk, image, used } = imaged();
  const last = used.at(-1)!;
  const ends = [0, 1, 63, 64, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 70, last.end - 1];
  for (const end of ends) {
    disk.replaceFile(imagePath(1), image.slice(0, end));
    const error = assertImageDamaged(disk, `${end} of ${image.length} bytes`);
    const segment = used.findIndex((part) => part.end > end);
    assert.is(error.offset, segment * SEGMENT_BYTES, `${end}`);
    assert.match(error.message, `the file ends within segment ${segment}`);
  }
});

test(
  "a flipped bit in any used byte is noticed, and its segment named",
  seeded((random) => {
    const { disk, image, used } = imaged();
    const places = used.flatMap(({ start, end }) => [
      start,
      start + 64,
      end - 1,
      ...Array.from({ length: 20 }, () => random.between(start, end - 1)),
    ]);
    for (const at of places) {
      const flipped = image.slice();
      flipped[at]! ^= 1 << random.below(8);
      disk.replaceFile(imagePath(1), flipped);
      const error = assertImageDamaged(disk, `byte ${at}`);
      const segment = Math.floor(at / SEGMENT_BYTES);
      assert.is(error.offset, segment * SEGMENT_BYTES);
      assert.match(error.message, `CRC-32 of segment ${segment} does not match`);
    }
  }),
);

test("what is behind the used bytes does not matter", () => {
  const { disk, image, used, model } = imaged();
  const longer = new Uint8Array(image.length + 10_000).fill(0xee);
  for (const { start, end } of used) longer.set(image.subarray(start, end), start);
  disk.replaceFile(imagePath(1), longer);
  const read = readerOf(restore(disk).pool);
  for (const [key, value] of model) assert.equal(read(key), value, key);
});

test("exchanged segments are noticed", () => {
  const { disk, image } = imaged();
  const exchanged = image.slice();
  exchanged.set(image.subarray(SEGMENT_BYTES, 2 * SEGMENT_BYTES), 0);
  exchanged.set(image.subarray(0, SEGMENT_BYTES), SEGMENT_BYTES);
  disk.replaceFile(imagePath(1), exchanged);
  assertImageDamaged(disk, "exchanged");
});

test("the image of another snapshot is noticed", () => {
  const { f, disk, image } = imaged();
  for (let i = 0; i < 50; i++) f.put(`key ${i}`, valueOf(-i));
  save(f, disk, 2);
  disk.replaceFile(imagePath(2), image);
  const error = assertDamaged(disk, "older image");
  assert.is((error as CorruptionError).file, imagePath(2));
});

test("images that no checkpoint names are ignored, and removed by the next snapshot", () => {
  const { f, disk, image, model } = imaged();
  disk.replaceFile(imagePath(7), image.slice(0, 100));
  disk.replaceFile(imagePath(2), new Uint8Array(10));
  const read = readerOf(restore(disk).pool);
  for (const [key, value] of model) assert.equal(read(key), value, key);
  save(f, disk, 2);
  assert.equal(disk.list("/pool").sort(), ["checkpoint", "image-2"]);
  assert.is(restore(disk).number, 2);
});

test.run();
