/**
 * Logs that end in the middle of a frame, and logs that are damaged before their end. What was not
 * wholly written is dropped; what had been synced and is not whole any more is an error, or is
 * reported by a repair.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CorruptionError, FormatError } from "../../lib/core/errors.ts";
import { startLog } from "../../lib/persistence/open_log.ts";
import { DurabilityLevel } from "../../lib/pool/durability.ts";
import { type FrameRange, IMAGE_PATH, LoggedImage } from "../support/logged_image.ts";
import { sharedIndexes } from "../support/campaign.ts";
import { seeded } from "../support/random.ts";
import { CHECKPOINT_PATH, DIRECTORY } from "../support/snapshots.ts";

const PLACE = { directory: DIRECTORY, codec: "binary" } as const;

/**
 * Checks that every key is what it was, and the last one what it was before or after the last
 * frame.
 */
function checkOldOrNew(left: LoggedImage, image: Uint8Array, context: string): "old" | "new" {
  const { pool, recovery } = left.restore(image);
  assert.equal(recovery.damages, [], context);
  const contents = left.contentsOf(pool);
  for (const model of left.world.models) {
    if (model === left.lastKey) continue;
    assert.is(contents.get(model), left.newestOf(model), `${context}: ${model.key.text}`);
  }
  const [old, newest] = left.history.get(left.lastKey)!.slice(-2);
  const found = contents.get(left.lastKey);
  assert.ok(found === old || found === newest, `${context}: ${found} is not ${old} or ${newest}`);
  return found === old ? "old" : "new";
}

test("an image cut off anywhere in its last frame", () => {
  const left = new LoggedImage();
  const { offset, byteLength } = left.lastFrame;
  assert.is(offset + byteLength, left.image.length, "the last frame ends the file");
  for (const length of sharedIndexes(byteLength)) {
    const cut = left.image.slice(0, offset + length);
    assert.is(checkOldOrNew(left, cut, `${length} of ${byteLength} bytes`), "old");
  }
  assert.is(checkOldOrNew(left, left.image, "whole"), "new");
});

test(
  "a last frame that is zeros, remains of something else, or noise from anywhere on",
  seeded((random) => {
    const left = new LoggedImage();
    const { offset, byteLength } = left.lastFrame;
    for (const from of sharedIndexes(byteLength)) {
      const size = byteLength - from;
      const other = left.image.slice(SEGMENT_START, SEGMENT_START + size);
      for (const rest of [new Uint8Array(size), other, random.bytes(size)]) {
        const torn = left.image.slice();
        torn.set(rest, offset + from);
        const isSame = torn.every((byte, i) => byte === left.image[i]);
        const found = checkOldOrNew(left, torn, `from byte ${from} of ${byteLength} on`);
        assert.is(found, isSame ? "new" : "old", `from byte ${from} on`);
      }
    }
  }),
);

/** Where noise is taken from that looks like a log. */
const SEGMENT_START = 64;

test("frames behind a first one that was lost are not taken for those of the segment's next life", () => {
  const left = new LoggedImage(DurabilityLevel.OS);
  // A segment of which the checkpoint knows nothing.
  const segments = new Set(left.frames.map(({ segment }) => segment));
  for (const frame of left.frames) if (left.isCheckpointed(frame)) segments.delete(frame.segment);
  const [segment] = segments;
  assert.ok(left.frames.filter((frame) => frame.segment === segment).length > 3);
  const start = segment! * 4096;
  left.restore(left.image.slice().fill(0, start, start + 512));
  assert.ok(left.world.open());
  left.world.checkRecovered("durable");
  for (let i = 0; i < 3; i++) {
    for (const model of left.world.models) left.put(model, 90);
    const { pool } = left.restore(left.disk.fileContents(IMAGE_PATH));
    const contents = left.contentsOf(pool);
    for (const model of left.world.models) {
      assert.is(contents.get(model), left.newestOf(model), `round ${i}: ${model.key.text}`);
    }
    assert.ok(left.world.open());
  }
});

test("a checkpoint.new that is not whole is ignored, whatever is in it", () => {
  const left = new LoggedImage();
  const checkpoint = left.disk.fileContents(CHECKPOINT_PATH);
  for (const length of [0, 1, 8, 127, 128, 4096, checkpoint.length - 1, checkpoint.length]) {
    left.disk.replaceFile(`${CHECKPOINT_PATH}.new`, checkpoint.slice(0, length));
    assert.is(checkOldOrNew(left, left.image, `${length} bytes`), "new");
  }
});

test("a checkpoint that is cut off or zeroed is a typed error, with the log behind it", () => {
  const left = new LoggedImage();
  const checkpoint = left.disk.fileContents(CHECKPOINT_PATH);
  const ends = Array.from({ length: 100 }, (_, i) => Math.floor(checkpoint.length * i / 100));
  for (const end of [...ends, ...Array.from({ length: 130 }, (_, i) => i), checkpoint.length - 1]) {
    for (const isZeroed of [false, true]) {
      const damaged = isZeroed ? checkpoint.slice().fill(0, end) : checkpoint.slice(0, end);
      left.disk.replaceFile(CHECKPOINT_PATH, damaged);
      let error: unknown;
      try {
        left.restore(left.image);
      } catch (thrown) {
        error = thrown;
      }
      const isHarmless = damaged.length === checkpoint.length &&
        damaged.every((byte, i) => byte === checkpoint[i]);
      const isTyped = error instanceof CorruptionError || error instanceof FormatError;
      assert.ok(isTyped || isHarmless, `${end} bytes, zeroed ${isZeroed}: ${error}`);
    }
  }
});

/** Frames that have been synced before another one of their segment was written. */
function provenFrames(left: LoggedImage): FrameRange[] {
  return left.frames.filter((frame, i) => left.frames[i + 1]?.segment === frame.segment);
}

test("damage in front of frames that say that more had been synced is an error that names the place", () => {
  const left = new LoggedImage();
  const frames = framesBehindCheckpoint(left, provenFrames(left));
  assert.ok(frames.length > 10);
  for (const { offset, byteLength } of frames) {
    for (const at of [8, 20, 28, 40, byteLength - 1]) {
      const damaged = left.image.slice();
      damaged[offset + at]! ^= 1;
      let error: unknown;
      try {
        left.restore(damaged);
      } catch (thrown) {
        error = thrown;
      }
      assert.instance(error, CorruptionError, `byte ${at} of the frame at ${offset}`);
      assert.is((error as CorruptionError).file, IMAGE_PATH);
      assert.is((error as CorruptionError).offset, offset);
    }
  }
});

test("a repair salvages the rest, says what is lost, and need not be repeated", () => {
  for (const index of [0, 3, 7]) {
    const left = new LoggedImage();
    const { offset, byteLength } = framesBehindCheckpoint(left, provenFrames(left))[index]!;
    const damaged = left.image.slice();
    damaged[offset + byteLength - 1]! ^= 4;
    const restored = left.restore(damaged, true);
    const [damage, ...others] = restored.recovery.damages;
    assert.equal(others, []);
    assert.is(damage!.file, IMAGE_PATH);
    assert.is(damage!.offset, offset);
    assert.is(damage!.bytes, byteLength);
    checkAllButOne(left, left.contentsOf(restored.pool));
    const log = startLog(restored.pool, PLACE, DurabilityLevel.DISK, restored, left.disk);
    log.file.close();
    const again = left.restore(left.disk.fileContents(IMAGE_PATH));
    assert.equal(again.recovery.damages, []);
    checkAllButOne(left, left.contentsOf(again.pool));
  }
});

/** Checks that one key is as it was before its last put, and all others as after it. */
function checkAllButOne(
  left: LoggedImage,
  contents: ReturnType<LoggedImage["contentsOf"]>,
): void {
  const lost = left.world.models.filter((model) => contents.get(model) !== left.newestOf(model));
  assert.is(lost.length, 1);
  assert.is(contents.get(lost[0]!), left.history.get(lost[0]!)!.at(-2));
}

/** Those that the checkpoint does not cover. */
function framesBehindCheckpoint(left: LoggedImage, frames: readonly FrameRange[]): FrameRange[] {
  return frames.filter((frame) => !left.isCheckpointed(frame));
}

test.run();
