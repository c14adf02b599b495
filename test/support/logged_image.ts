/**
 * A small logged store that has been left with work behind its checkpoint, and its files to be
 * damaged: which frames there are, what each key may be, and what is found.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import * as assert from "uvu/assert";
import type { SegmentId } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { CorruptionError, FormatError } from "../../lib/core/errors.ts";
import { OneSidedReader } from "../../lib/index/one_sided_reader.ts";
import { crcSeed } from "../../lib/log/frame_layout.ts";
import { FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES } from "../../lib/log/record_layout.ts";
import { readSnapshot, type RestoredPool } from "../../lib/persistence/snapshot_reader.ts";
import { DurabilityLevel } from "../../lib/pool/durability.ts";
import type { Pool } from "../../lib/pool/pool.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import type { DurableKey } from "./durable_model.ts";
import { DurableWorld } from "./durable_world.ts";
import type { MemoryDisk } from "./memory_disk.ts";
import { readValue } from "./sim_values.ts";
import { DIRECTORY, imagePath } from "./snapshots.ts";

/** A frame in the image, header included. */
export interface FrameRange {
  readonly segment: number;
  readonly offset: number;
  readonly byteLength: number;
}

const SEGMENT_BYTES = 4096;
const SEGMENT_COUNT = 12;
const FRAME_MAGIC = "DNFR";
const MAGIC_OFFSET = 24;
const CRC_OFFSET = 28;
const PAYLOAD_OFFSET = 8;
const REQUESTED = { codec: "binary", capacityBytes: undefined, segmentBytes: undefined } as const;

/** Path of the image. */
export const IMAGE_PATH: string = imagePath(1);

/** The store that was left. */
export class LoggedImage {
  readonly world: DurableWorld;
  /** The image as it was left, and before the last put. */
  readonly image: Uint8Array;
  readonly imageBefore: Uint8Array;
  /** Operations that have put each key, in their order. */
  readonly history = new Map<DurableKey, number[]>();
  /** The key that was put last, in the last frame of the file. */
  readonly lastKey: DurableKey;
  readonly frames: readonly FrameRange[];
  readonly seed: number;
  /** Ends of the segments' used bytes at the checkpoint. */
  readonly #checkpointed: readonly number[];

  /**
   * Writes, at the level "disk": keys before a checkpoint, and again behind it, one frame for each
   * put.
   */
  constructor(level: number = DurabilityLevel.DISK) {
    const sizes = { segmentCount: SEGMENT_COUNT, intrudes: false };
    const world = this.world = new DurableWorld({ seed: 1, level, ...sizes });
    assert.ok(world.open());
    for (const model of world.models) this.put(model, 50);
    assert.ok(world.checkpoint());
    const segments = new SegmentTable(world.pool);
    this.#checkpointed = Array.from(
      { length: SEGMENT_COUNT },
      (_, segment) => segment * SEGMENT_BYTES + segments.usedBytes(segment as SegmentId),
    );
    for (const model of world.models.slice(0, 20)) this.put(model, 90);
    if (level === DurabilityLevel.OS) {
      // More of it: segments that the checkpoint does not know.
      for (const model of world.models) this.put(model, 90);
    }
    this.imageBefore = world.disk.fileContents(IMAGE_PATH);
    this.lastKey = this.#putLast();
    this.image = world.disk.fileContents(IMAGE_PATH);
    this.seed = crcSeed(world.pool);
    this.frames = framesOf(this.image);
  }

  get disk(): MemoryDisk {
    return this.world.disk;
  }

  /** The frame that was written last; it is also the last of the file. */
  get lastFrame(): FrameRange {
    return this.frames.at(-1)!;
  }

  /** Whether the checkpoint covers a frame. */
  isCheckpointed({ segment, offset }: FrameRange): boolean {
    return offset < this.#checkpointed[segment]!;
  }

  /** Operation that a key was put by last. */
  newestOf(model: DurableKey): number {
    return this.history.get(model)!.at(-1)!;
  }

  /** Opens the files, with another image. */
  restore(image: Uint8Array, repair = false): RestoredPool {
    this.disk.beforeCall = () => {};
    this.disk.replaceFile(IMAGE_PATH, image);
    return readSnapshot(this.disk, DIRECTORY, REQUESTED, { isLogged: true, repair });
  }

  /** The same, where a typed error may be the answer: then undefined. */
  tryRestore(image: Uint8Array, context: string): RestoredPool | undefined {
    try {
      return this.restore(image);
    } catch (error) {
      const isTyped = error instanceof CorruptionError || error instanceof FormatError;
      assert.ok(isTyped, `${context}: ${error instanceof Error ? error.stack : String(error)}`);
      assert.is(this.disk.openCount, OPEN_COUNT, `${context}: every file is closed`);
      return undefined;
    }
  }

  /**
   * Which operation each key was put by, in a restored pool; throws if a value is not one that was
   * put.
   */
  contentsOf(pool: Pool): Map<DurableKey, number | undefined> {
    const encoder = new KeyEncoder(...pool.hashKey);
    const reader = new OneSidedReader(pool, () => this.world.nowMs);
    return new Map(this.world.models.map((model) => {
      encoder.encode(model.key.text);
      if (!reader.read(encoder, true)) return [model, undefined];
      const { value, valueBytes } = reader;
      return [model, readValue(value, valueBytes, model.key.number).operation];
    }));
  }

  /** Reads every key, whatever its value is. */
  readAll(pool: Pool): void {
    const encoder = new KeyEncoder(...pool.hashKey);
    const reader = new OneSidedReader(pool, () => this.world.nowMs);
    for (const { key } of this.world.models) {
      encoder.encode(key.text);
      reader.read(encoder, true);
    }
  }

  /** Puts the right CRC into a frame that was tampered with. */
  reseal(image: Uint8Array, { offset, byteLength }: FrameRange): void {
    const header = crc32(image.subarray(offset, offset + CRC_OFFSET), this.seed);
    const payload = image.subarray(offset + FRAME_HEADER_BYTES, offset + byteLength);
    viewOf(image).setUint32(offset + CRC_OFFSET, crc32(payload, header), true);
  }

  /** Puts a key, in a frame of its own. */
  put(model: DurableKey, byteLength: number): void {
    const number = this.world.put(model, byteLength);
    this.world.drain();
    this.history.set(model, [...this.history.get(model) ?? [], number]);
  }

  /** Puts keys, until one has come to stand at the end of the file. */
  #putLast(): DurableKey {
    for (const model of this.world.models.slice(20)) {
      const before = this.world.disk.fileContents(IMAGE_PATH).length;
      this.put(model, 90);
      const image = this.world.disk.fileContents(IMAGE_PATH);
      if (image.length > before) return model;
      this.imageBefore.set(image);
    }
    throw new Error("a put at the end of the file");
  }
}

/** Files that the world itself has open. */
const OPEN_COUNT = 6;

/** The frames of an image, in the order of the file. */
export function framesOf(image: Uint8Array): FrameRange[] {
  const frames: FrameRange[] = [];
  for (let start = 0; start < image.length; start += SEGMENT_BYTES) {
    for (let offset = start + SEGMENT_HEADER_BYTES; offset + FRAME_HEADER_BYTES <= image.length;) {
      const magicAt = offset + MAGIC_OFFSET;
      const magic = new TextDecoder("latin1").decode(image.subarray(magicAt, magicAt + 4));
      if (magic !== FRAME_MAGIC || offset >= start + SEGMENT_BYTES) break;
      const payload = viewOf(image).getUint32(offset + PAYLOAD_OFFSET, true);
      const byteLength = FRAME_HEADER_BYTES + payload;
      frames.push({ segment: start / SEGMENT_BYTES, offset, byteLength });
      offset += byteLength;
    }
  }
  return frames;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
