/**
 * Snapshots as an attacker would write them, or a defect of a disk that the CRC cannot see: every
 * checksum is right, and one thing in them is impossible.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import {
  CHECKPOINT_HEADER_BYTES,
  CHECKPOINT_INDEX_FREE,
  CHECKPOINT_INDEX_FREE_COUNT,
  checkpointParts,
  entryUsedBytes,
  SEGMENT_ENTRY_CRC,
  SEGMENT_ENTRY_LIVE,
  SEGMENT_ENTRY_USED,
  SEGMENT_ENTRY_WORDS,
  SLOT_ENTRY_RECORD_COUNT,
  SLOT_ENTRY_VERSION_LOW,
  SLOT_ENTRY_WORDS,
} from "../../lib/persistence/checkpoint_layout.ts";
import { BUCKET_OVERFLOW, BUCKET_WORDS } from "../../lib/index/bucket_layout.ts";
import {
  RECORD_META,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  recordWords,
} from "../../lib/log/record_layout.ts";
import { SLOT_COUNT } from "../../lib/core/limits.ts";
import type { MemoryDisk } from "./memory_disk.ts";
import { CHECKPOINT_PATH, imagePath, resealed } from "./snapshots.ts";

/** Segments of the pool that is tampered with. */
const SEGMENT_COUNT = 16;
const SEGMENT_BYTES = 4096;

/** A checkpoint and its image as words, and where things are in them. */
class Files {
  readonly words: Int32Array;
  readonly image: Int32Array;
  /** Index of the first word of a slot that has keys, and of its first bucket. */
  readonly slot: number;
  readonly bucket: number;
  /** Index of the first word of the segment entries. */
  readonly segments: number;
  readonly bucketCount: number;
  readonly #disk: MemoryDisk;
  readonly #bytes: Uint8Array;

  constructor(disk: MemoryDisk) {
    this.#disk = disk;
    this.#bytes = disk.fileContents(CHECKPOINT_PATH);
    this.words = new Int32Array(this.#bytes.buffer, 0, this.#bytes.length >>> 2);
    const image = new Uint8Array(SEGMENT_COUNT * SEGMENT_BYTES);
    image.set(disk.fileContents(imagePath(1)));
    this.image = new Int32Array(image.buffer);
    const parts = checkpointParts(SEGMENT_COUNT, 0);
    this.segments = parts.segments / 4;
    this.bucketCount = (this.#bytes.length - parts.buckets) / 64;
    let slot = CHECKPOINT_HEADER_BYTES / 4;
    while (this.words[slot + 1] === 0) slot += SLOT_ENTRY_WORDS;
    this.slot = slot;
    this.bucket = this.bucketAt(this.words[slot + 1]!);
  }

  /** Index of the first word of a bucket. */
  bucketAt(bucket: number): number {
    return checkpointParts(SEGMENT_COUNT, 0).buckets / 4 + bucket * BUCKET_WORDS;
  }

  /** The address in the first pair of the first slot's bucket, and the record there. */
  get address(): number {
    return this.words[this.bucket + 1]!;
  }

  set address(address: number) {
    this.words[this.bucket + 1] = address;
  }

  get record(): number {
    return this.address * 2;
  }

  /** Appends a copy of a record to the last used segment, as a live one; returns its address. */
  appendCopy(record: number): number {
    let segment = SEGMENT_COUNT - 1;
    const usedAt = () => this.segments + segment * SEGMENT_ENTRY_WORDS + SEGMENT_ENTRY_USED;
    while (this.words[usedAt()] === 0) segment -= 1;
    const length = recordWords(this.image[record + RECORD_META]!, this.image[record]!);
    const at = (segment * SEGMENT_BYTES + entryUsedBytes(this.words[usedAt()]!)) / 4;
    this.image.copyWithin(at, record, record + length);
    this.words[usedAt()]! += length * 4;
    this.words[usedAt() - SEGMENT_ENTRY_USED + SEGMENT_ENTRY_LIVE]! += length * 4;
    return at / 2;
  }

  /** Writes both back, with the right CRCs. */
  write(): void {
    const image = new Uint8Array(this.image.buffer);
    for (let segment = 0; segment < SEGMENT_COUNT; segment++) {
      const entry = this.segments + segment * SEGMENT_ENTRY_WORDS;
      const used = entryUsedBytes(this.words[entry + SEGMENT_ENTRY_USED]!);
      if (used <= 0) continue;
      const start = segment * SEGMENT_BYTES;
      const crc = crc32(image.subarray(start, start + used));
      this.words[entry + SEGMENT_ENTRY_CRC] = crc | 0;
    }
    this.#disk.replaceFile(imagePath(1), image);
    this.#disk.replaceFile(CHECKPOINT_PATH, resealed(this.#bytes));
  }
}

function tampered(change: (files: Files) => void): (disk: MemoryDisk) => void {
  return (disk) => {
    const files = new Files(disk);
    change(files);
    files.write();
  };
}

/** What is wrong, by name. */
export const HOSTILE_CASES: Readonly<Record<string, (disk: MemoryDisk) => void>> = {
  "a table larger than its extents": tampered((f) => f.words[f.slot]! |= 5),
  "a table of 2^31 buckets": tampered((f) => f.words[f.slot]! |= 31),
  "a bucket that continues itself": tampered((f) => {
    f.words[f.bucket + BUCKET_OVERFLOW] = f.words[f.slot + 1]!;
  }),
  "two slots with the same bucket": tampered((f) => {
    let other = f.slot + SLOT_ENTRY_WORDS;
    while (f.words[other + 1] === 0) other += SLOT_ENTRY_WORDS;
    f.words[other + 1] = f.words[f.slot + 1]!;
  }),
  "an address in a segment's header": tampered((f) => f.address = 1),
  "an address in a free segment": tampered((f) => {
    f.address = ((SEGMENT_COUNT - 1) * SEGMENT_BYTES) / 8 + 8;
  }),
  "an address in the middle of a record": tampered((f) => f.address += 1),
  "an address of another key's record": tampered((f) => {
    let other = f.slot + SLOT_ENTRY_WORDS;
    while (f.words[other + 1] === 0) other += SLOT_ENTRY_WORDS;
    f.address = f.words[f.bucketAt(f.words[other + 1]!) + 1]!;
  }),
  "a value longer than its segment": tampered((f) => {
    f.image[f.record + RECORD_VALUE_BYTES] = 0x7fffffff;
  }),
  "a value of negative length": tampered((f) => f.image[f.record + RECORD_VALUE_BYTES] = -8),
  "a value that ends behind the used bytes": tampered((f) => {
    f.image[f.record + RECORD_VALUE_BYTES] = SEGMENT_BYTES - 300;
  }),
  "a key longer than a key can be": tampered((f) => f.image[f.record + RECORD_META]! |= 0x800007ff),
  "fewer keys than there are": tampered((f) => f.words[f.slot + SLOT_ENTRY_RECORD_COUNT] = 0),
  "live bytes that are not live": tampered((f) => {
    f.words[f.segments + SEGMENT_ENTRY_LIVE]! += 4000;
  }),
  "no live bytes although there are": tampered((f) => f.words[f.segments + SEGMENT_ENTRY_LIVE] = 0),
  "used bytes that end within a record": tampered((f) => {
    f.words[f.segments + SEGMENT_ENTRY_USED]! -= 8;
  }),
  "a used word with a bit that means nothing": tampered((f) => {
    f.words[f.segments + SEGMENT_ENTRY_USED]! |= 2;
  }),
  "a full segment without used bytes": tampered((f) => {
    f.words[f.segments + (SEGMENT_COUNT - 1) * SEGMENT_ENTRY_WORDS + SEGMENT_ENTRY_USED] = 1;
  }),
  "a free bucket outside the index": tampered((f) => {
    f.words[CHECKPOINT_INDEX_FREE / 4] = f.bucketCount + 5;
    f.words[CHECKPOINT_INDEX_FREE_COUNT / 4] = 1;
  }),
  "a free bucket that is in use": tampered((f) => {
    f.words[CHECKPOINT_INDEX_FREE / 4] = f.words[f.slot + 1]!;
    f.words[CHECKPOINT_INDEX_FREE_COUNT / 4] = 1;
  }),
  "two records of one key": tampered((f) => {
    // Another record of the same slot, hash and key, in a pair of its own.
    const copy = f.appendCopy(f.record);
    f.words[f.bucket + 3] = copy;
    f.words[f.bucket + 2] = f.words[f.bucket]!;
    f.words[f.slot + SLOT_ENTRY_RECORD_COUNT]! += 1;
  }),
  "a version newer than its slot's": tampered((f) => {
    f.words[f.slot + SLOT_ENTRY_VERSION_LOW] = 0;
    f.image[f.record + RECORD_VERSION_LOW] = 1_000_000;
  }),
  "extents in every slot": tampered((f) => {
    for (let i = 0; i < SLOT_COUNT; i++) {
      f.words[CHECKPOINT_HEADER_BYTES / 4 + i * SLOT_ENTRY_WORDS + 1] = 1;
    }
  }),
};
