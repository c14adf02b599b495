/**
 * Flipped bits in the files of a logged store, and frames that are impossible although their CRCs
 * are right: a typed error, or what each key was, never anything else.
 *
 * @module
 */
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CorruptionError, FormatError } from "../../lib/core/errors.ts";
import { SEGMENT_HEADER_BYTES } from "../../lib/log/record_layout.ts";
import { CHECKPOINT_HEADER_BYTES } from "../../lib/persistence/checkpoint_layout.ts";
import type { RestoredPool } from "../../lib/persistence/snapshot_reader.ts";
import { DurabilityLevel } from "../../lib/pool/durability.ts";
import { type FrameRange, LoggedImage } from "../support/logged_image.ts";
import { SHARE_COUNT, sharedIndexes } from "../support/campaign.ts";
import { type Random, seeded } from "../support/random.ts";
import { CHECKPOINT_PATH } from "../support/snapshots.ts";

const FLIP_COUNT = Number(process.env["DINOMO_FLIPS"] ?? 400);
const FUZZ_COUNT = Math.ceil(FLIP_COUNT / 4);
const FRAME_HEADER_BITS = 256;
const SEGMENT_BYTES = 4096;

/**
 * Every key is one that it has been, and those whose records were not touched are what they are.
 */
function checkContents(
  left: LoggedImage,
  restored: RestoredPool | undefined,
  context: string,
): number {
  if (restored === undefined) return 0;
  let oldCount = 0;
  for (const [model, found] of left.contentsOf(restored.pool)) {
    const history = left.history.get(model)!;
    assert.ok(found !== undefined && history.includes(found), `${context}: ${found}`);
    if (found !== left.newestOf(model)) oldCount += 1;
  }
  assert.ok(oldCount <= 1, `${context}: ${oldCount} keys are old`);
  return oldCount;
}

/** Flips a bit of the image, and opens it. */
function flip(left: LoggedImage, bit: number): number {
  const flipped = left.image.slice();
  flipped[bit >>> 3]! ^= 1 << (bit & 7);
  const context = `bit ${bit & 7} of byte ${bit >>> 3}`;
  return checkContents(left, left.tryRestore(flipped, context), context);
}

/**
 * Frames behind the checkpoint whose damage can be told from their end: the first, some, and the
 * last.
 */
function someFrames(left: LoggedImage): FrameRange[] {
  const frames = left.frames.filter((frame) => !left.isCheckpointed(frame));
  return [frames[0]!, frames[5]!, frames.at(-2)!, frames.at(-1)!];
}

test("every bit of frames' headers", () => {
  const left = new LoggedImage();
  let oldCount = 0;
  for (const { offset } of someFrames(left)) {
    for (const bit of sharedIndexes(FRAME_HEADER_BITS)) oldCount += flip(left, offset * 8 + bit);
  }
  assert.ok(
    oldCount >= Math.floor(FRAME_HEADER_BITS / SHARE_COUNT),
    "the end of the log shows no damage",
  );
});

test("every bit of segments' headers", () => {
  const left = new LoggedImage();
  const segments = new Set(left.frames.map(({ segment }) => segment));
  const last = [...segments].slice(-2);
  for (const segment of last) {
    for (const bit of sharedIndexes(SEGMENT_HEADER_BYTES * 8)) {
      flip(left, segment * SEGMENT_BYTES * 8 + bit);
    }
  }
});

test("every bit of the checkpoint's header", () => {
  const left = new LoggedImage();
  const checkpoint = left.disk.fileContents(CHECKPOINT_PATH);
  for (const bit of sharedIndexes(CHECKPOINT_HEADER_BYTES * 8)) {
    const flipped = checkpoint.slice();
    flipped[bit >>> 3]! ^= 1 << (bit & 7);
    left.disk.replaceFile(CHECKPOINT_PATH, flipped);
    assert.is(left.tryRestore(left.image, `bit ${bit}`), undefined, `bit ${bit}`);
  }
});

test(
  "bits anywhere",
  seeded((random) => {
    const left = new LoggedImage();
    let damageCount = 0;
    for (let i = 0; i < FLIP_COUNT; i++) {
      damageCount += flip(left, random.below(left.image.length * 8));
    }
    assert.ok(damageCount < FLIP_COUNT / 10, `${damageCount} flips were taken for the log's end`);
  }),
);

/** Changes something in a frame; returns it with its new length. */
function tamper(image: Uint8Array, frame: FrameRange, random: Random): FrameRange {
  const { offset, byteLength } = frame;
  const words = new DataView(image.buffer, offset, byteLength);
  const changeCount = random.between(1, 3);
  for (let i = 0; i < changeCount; i++) {
    // Lengths, kinds, hashes and versions are in the first words of a record.
    const word = random.below(random.pick([8, 16, byteLength / 4]));
    const value = random.pick([0, 1, 8, 0x7fffffff, 0xffffffff, random.below(2 ** 16)]);
    if (random.next() < 0.5) words.setUint32(word * 4, value, true);
    else words.setUint32(word * 4, words.getUint32(word * 4, true) ^ (1 << random.below(32)), true);
  }
  const payload = words.getUint32(8, true);
  const isPossible = payload % 8 === 0 && payload > 0 &&
    offset % SEGMENT_BYTES + 32 + payload <= SEGMENT_BYTES && offset + 32 + payload <= image.length;
  return { ...frame, byteLength: isPossible ? 32 + payload : byteLength };
}

test(
  "frames with anything in them, and the right CRC",
  seeded((random) => {
    const left = new LoggedImage();
    const frames = left.frames.filter((frame) => !left.isCheckpointed(frame));
    let openedCount = 0;
    for (let i = 0; i < FUZZ_COUNT; i++) {
      const image = left.image.slice();
      const frame = random.pick(frames);
      left.reseal(image, tamper(image, frame, random));
      const context = `round ${i}, frame at ${frame.offset}`;
      const restored = left.tryRestore(image, context);
      if (restored === undefined) continue;
      openedCount += 1;
      left.readAll(restored.pool);
    }
    assert.ok(openedCount < FUZZ_COUNT, `${openedCount} were opened`);
  }),
);

test(
  "a repair of anything ends, too",
  seeded((random) => {
    const left = new LoggedImage(DurabilityLevel.OS);
    for (let i = 0; i < FUZZ_COUNT; i++) {
      const image = left.image.slice();
      const { offset } = random.pick(left.frames);
      const noise = random.bytes(random.between(1, 300));
      image.set(noise.subarray(0, image.length - offset), offset);
      try {
        left.readAll(left.restore(image, true).pool);
      } catch (error) {
        const isTyped = error instanceof CorruptionError || error instanceof FormatError;
        assert.ok(isTyped, `round ${i}: ${error}`);
      }
    }
  }),
);

test.run();
