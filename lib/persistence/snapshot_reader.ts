/**
 * Restores a pool from its newest snapshot.
 *
 * Nothing in the files is believed before it is checked: first the checkpoint
 * (checkpoint_reader.ts), then every number that an offset is computed from, then the CRC of each
 * segment (segment_loader.ts). Last, the index is checked against the log.
 *
 * @module
 */
import { KEY_TYPE_NUMBERS, type KeyTypes } from "../core/key_types.ts";
import { join } from "node:path";
import { assert } from "../core/assert.ts";
import type { BucketId, SegmentId, Slot } from "../core/brands.ts";
import { CorruptionError, InvalidOptionError } from "../core/errors.ts";
import { REGION_BYTES, SEGMENT_COUNT_MAX, SLOT_COUNT } from "../core/limits.ts";
import { epochMs } from "../platform/runtime.ts";
import { formatBytes } from "../core/units.ts";
import {
  GATE_DEFER_FREE,
  HEADER_KEY_TYPES,
  INDEX_SPACE_FREE,
  INDEX_SPACE_FREE_COUNT,
  INDEX_SPACE_NEXT,
  SLOT_EXPIRING_COUNT,
  SLOT_EXTENT_COUNT,
  SLOT_META,
  SLOT_OVERFLOW_COUNT,
  SLOT_RECORD_COUNT,
  SLOT_VERSION_HIGH,
  SLOT_VERSION_LOW,
} from "../pool/control_layout.ts";
import { SEGMENT_WORDS } from "../pool/segment_layout.ts";
import { BUCKET_WORDS, bucketRegion, bucketWord } from "../index/bucket_layout.ts";
import { FreeSegments } from "../pool/free_segments.ts";
import { allocatePool, type PoolSizes } from "../pool/allocate_pool.ts";
import { LEDGER_SIZES, type LedgerSizes } from "../pool/ledger_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { DeferFree, SegmentState } from "../pool/segment_state.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import * as layout from "./checkpoint_layout.ts";
import { readCheckpoint, type StoredCheckpoint } from "./checkpoint_reader.ts";
import { FrameReplay } from "./frame_replay.ts";
import { FramesAhead } from "./frames_ahead.ts";
import { moveLinksFromFile } from "./free_bucket_links.ts";
import { IndexCheck } from "./index_check.ts";
import { ReplayedSessions, restoreLedger } from "./ledger_copy.ts";
import type { FileSystem } from "./file_system.ts";
import type { ReplayReport } from "./replay_report.ts";
import { LoadedSegments } from "./loaded_segments.ts";
import { imageFile, openPoolFile } from "./pool_directory.ts";
import { loadSegments, type SegmentSource } from "./segment_loader.ts";

/** How often progress is reported while segments are read. */
const PROGRESS_STEPS = 50;

/** What was restored. */
export interface RestoredPool {
  readonly pool: Pool;
  /** Number of the checkpoint, and of its image. */
  readonly number: number;
  /** See {@linkcode number}. */
  readonly image: number;
  /** Codec that its values were written with. */
  readonly codec: layout.CodecName;
  readonly recovery: ReplayReport;
  /** Whether it was restored ahead, so that it is to be ready soon. */
  readonly isAhead: boolean;
}

/** How a pool is restored. */
export interface RestoreOptions {
  /** Whether damage is dropped and reported instead of being an error. */
  readonly repair?: boolean | undefined;
  /**
   * Whether the pool will be logged to the image that it is restored from: then nothing in it is
   * reused before a checkpoint.
   */
  readonly isLogged?: boolean | undefined;
  /** Whether another process may have the pool open, so that it is restored ahead: a standby. */
  readonly isStandby?: boolean | undefined;
  /** Called now and then with the share that is done, 0 to 1. */
  readonly onProgress?: ((share: number) => void) | undefined;
  /**
   * Sizes of the ledger, if the pool has one: those of the pool that is restored, or larger ones.
   */
  readonly ledgerSizes?: LedgerSizes | undefined;
  /** Milliseconds since the epoch. @default the machine's clock */
  readonly clock?: (() => number) | undefined;
}

/** What `open` was asked for; undefined means "whatever the snapshot has". */
export interface RequestedPool {
  /** Types of the keys; undefined: as stored. */
  readonly keys?: KeyTypes | undefined;
  readonly codec: layout.CodecName | undefined;
  /** One that is smaller is for the caller to see to: the pool is restored as it is. */
  readonly capacityBytes: number | undefined;
  readonly capacityBytesMax?: number | undefined;
  readonly segmentBytes: number | undefined;
}

/**
 * Restores the pool in a directory that holds a checkpoint, with the capacity that is requested, if
 * that is larger than it was.
 *
 * @throws {FormatError} when a file is not of this format, or of a newer one
 * @throws {CorruptionError} when a file is damaged
 * @throws {InvalidOptionError} when what is requested contradicts the snapshot
 */
export function readSnapshot(
  files: FileSystem,
  directory: string,
  requested: RequestedPool,
  options: RestoreOptions = {},
): RestoredPool {
  const restore = new PoolRestore(files, directory, requested, options);
  restore.load();
  restore.replay();
  restore.check();
  return restore.finish();
}

/** The steps of restoring a pool; `load` and `check` can be done by several threads. */
export class PoolRestore {
  readonly pool: Pool;
  /** Where the segments are, for {@linkcode loadSegments}. */
  readonly source: SegmentSource;
  /** What memory has of them; kept for restores that go on with it. */
  readonly loaded: LoadedSegments | undefined;
  readonly #files: FileSystem;
  readonly #options: RestoreOptions;
  readonly #checkpoint: StoredCheckpoint;
  #replay: FrameReplay | undefined;
  #sessions: ReplayedSessions | undefined;
  #recovery: ReplayReport | undefined;
  /** The check of the tables before the replay. */
  #checked: IndexCheck | undefined;

  /**
   * Reads the checkpoint, and restores what is in it.
   *
   * @param before what was restored of an earlier checkpoint by a standby: this goes on with its
   *   memory, if it fits, and `before` cannot be used any more
   */
  constructor(
    files: FileSystem,
    directory: string,
    requested: RequestedPool,
    options: RestoreOptions,
    before?: PoolRestore,
  ) {
    const checkpoint = readCheckpoint(files, directory);
    const { path, bytes, segmentBytes, segmentCount } = checkpoint;
    this.#files = files;
    this.#options = options;
    this.#checkpoint = checkpoint;
    checkCodec(checkpoint.codec, requested.codec);
    checkKeys(checkpoint.keys, requested.keys);
    const sizes = sizesOf(requested, segmentBytes, segmentCount);
    const view = new DataView(bytes.buffer);
    const hashKey = [
      view.getInt32(layout.CHECKPOINT_HASH_KEY, true),
      view.getInt32(layout.CHECKPOINT_HASH_KEY + 4, true),
    ] as const;
    const reused = before?.reusedFor(sizes, hashKey, checkpoint);
    this.pool = reused?.pool ?? allocatePool(sizes, hashKey);
    if (reused !== undefined) emptyPool(this.pool, checkpoint.bucketCount);
    this.loaded = reused?.loaded ??
      (options.isStandby ? new LoadedSegments(this.pool.geometry.segmentCount) : undefined);
    this.pool.control[HEADER_KEY_TYPES] = KEY_TYPE_NUMBERS[checkpoint.keys];
    restoreSlots(this.pool, bytes);
    restoreIndex(this.pool, bytes, segmentCount, checkpoint);
    if (checkpoint.ledger.length > 0) {
      const { ledger, format } = checkpoint;
      restoreLedger(this.pool, ledger, format, options.ledgerSizes ?? LEDGER_SIZES);
    }
    const entriesAt = layout.checkpointParts(segmentCount, 0).segments;
    const entriesEnd = entriesAt + segmentCount * layout.SEGMENT_ENTRY_WORDS * 4;
    this.source = {
      imagePath: join(directory, imageFile(checkpoint.image)),
      checkpointPath: path,
      entries: bytes.slice(entriesAt, entriesEnd),
      entriesAt,
      segmentCount,
    };
    if (files.info(this.source.imagePath) === undefined) {
      throw new CorruptionError(
        this.source.imagePath,
        0,
        `${path} needs this file, and it is missing`,
      );
    }
  }

  /** This restore, if what it has in memory can be what another checkpoint is restored into. */
  reusedFor(
    sizes: PoolSizes,
    [key0, key1]: readonly [number, number],
    { image, ledger }: StoredCheckpoint,
  ): PoolRestore | undefined {
    const { pool, loaded } = this;
    const fits = loaded !== undefined && (pool.ledger === undefined || ledger.length > 0) &&
      image === this.#checkpoint.image &&
      pool.hashKey[0] === key0 && pool.hashKey[1] === key1 &&
      pool.geometry.segmentBytes === sizes.segmentBytes && pool.segmentLimit === sizes.segmentCount;
    return fits ? this : undefined;
  }

  /** Bytes of the segments that the image may have: those behind its end are free. */
  get storedBytes(): number {
    const { segmentCount, imagePath } = this.source;
    const imageBytes = this.#files.info(imagePath)?.size ?? 0;
    return Math.min(segmentCount * this.pool.geometry.segmentBytes, imageBytes);
  }

  /** Reads all segments. */
  load(): void {
    const { onProgress } = this.#options;
    const { segmentCount } = this.source;
    const storedCount = Math.ceil(this.storedBytes / this.pool.geometry.segmentBytes);
    const step = Math.ceil(storedCount / PROGRESS_STEPS);
    for (let from = 0, to = 0; from < segmentCount; from = to) {
      onProgress?.(from < storedCount ? from / storedCount : 1);
      // Those that are free take no time, nor an opening of the file for each step.
      to = from < storedCount ? Math.min(storedCount, from + step) : segmentCount;
      loadSegments(this.pool, this.#files, this.source, from, to, this.loaded);
    }
  }

  /** Replays what is behind the checkpoint. */
  replay(): void {
    this.#withReplay((replay) => replay.run());
    this.#sessions?.finish((this.#options.clock ?? epochMs)());
    // A checkpoint that does not know the segments of a larger capacity would not have them
    // replayed.
    const hasGrown = this.pool.segmentLimit > this.source.segmentCount;
    const { report } = this.#replay!;
    this.#recovery = {
      ...report,
      mustCheckpoint: report.mustCheckpoint || hasGrown,
      isRepeatable: report.isRepeatable && !hasGrown,
    };
  }

  /**
   * Replays whole frames behind the checkpoint while another process may write there.
   *
   * @returns how many records they had
   */
  follow(): number {
    return this.#withReplay((replay) => replay.follow(this.loaded!));
  }

  /** Whether the image still has what was followed. */
  isAsFollowed(): boolean {
    const { pool, source } = this;
    const file = openPoolFile(this.#files, source.imagePath);
    try {
      return new FramesAhead(pool, this.#files, file).hasAll(this.loaded!, source);
    } finally {
      this.#files.close(file);
    }
  }

  #withReplay<Result>(use: (replay: FrameReplay) => Result): Result {
    const { imagePath, checkpointPath, segmentCount } = this.source;
    if (this.#replay === undefined) {
      // A replay looks keys up, so nothing in the index may lead it astray.
      this.#checked = new IndexCheck(this.pool, checkpointPath);
      this.#checked.checkTables();
      const repair = this.#options.repair ?? false;
      this.#sessions = ReplayedSessions.of(this.pool);
      this.#replay = new FrameReplay(
        this.pool,
        this.#files,
        imagePath,
        segmentCount,
        repair,
        this.#sessions,
      );
    }
    const file = openPoolFile(this.#files, imagePath);
    try {
      this.#replay.file = file;
      return use(this.#replay);
    } finally {
      this.#files.close(file);
    }
  }

  /** A check of the records that have been restored, whose tables are right. */
  makeCheck(): IndexCheck {
    // Without a record nothing in the index has changed.
    if (!this.mustCount && this.#checked !== undefined) return this.#checked;
    const check = new IndexCheck(this.pool, this.source.checkpointPath, this.mustCount);
    check.checkTables();
    return check;
  }

  /** Whether counts have to be set, as the replay has changed what they count. */
  get mustCount(): boolean {
    return (this.#replay?.report.records ?? 0) > 0;
  }

  /** Checks everything that has been restored. */
  check(): void {
    this.makeCheck().checkRecords();
  }

  /** Makes the pool ready for use. */
  finish(): RestoredPool {
    if (this.#options.isLogged === true) {
      Atomics.store(this.pool.control, GATE_DEFER_FREE, DeferFree.YES);
    }
    rebuildFreeSegments(this.pool);
    this.#options.onProgress?.(1);
    return {
      pool: this.pool,
      number: this.#checkpoint.number,
      image: this.#checkpoint.image,
      codec: this.#checkpoint.codec,
      recovery: this.#recovery!,
      isAhead: this.#options.isStandby ?? false,
    };
  }
}

/** Empties what a checkpoint with so many buckets is restored into, but for the log. */
function emptyPool(pool: Pool, bucketCount: number): void {
  const { control } = pool;
  control.fill(0, pool.segments, pool.segments + pool.geometry.segmentCount * SEGMENT_WORDS);
  // What is handed out of the index's untouched end is zero.
  for (let bucket = bucketCount; bucket < control[INDEX_SPACE_NEXT]; bucket++) {
    const at = bucketWord(bucket as BucketId);
    bucketRegion(pool, bucket as BucketId).fill(0, at, at + BUCKET_WORDS);
  }
}

function checkKeys(stored: KeyTypes, requested: KeyTypes | undefined): void {
  if (requested === undefined || requested === stored) return;
  throw new InvalidOptionError(
    `keys must be what the pool at path was made with (${JSON.stringify(stored)}), got ${
      JSON.stringify(requested)
    }`,
  );
}

function checkCodec(stored: layout.CodecName, requested: layout.CodecName | undefined): void {
  if (requested === undefined || requested === stored) return;
  throw new InvalidOptionError(
    `codec must be the one that the pool at path was written with (${stored}), got ${requested}`,
  );
}

/** Sizes of a stored pool as it is restored. */
function sizesOf(
  requested: RequestedPool,
  segmentBytes: number,
  segmentCount: number,
): PoolSizes {
  if (requested.segmentBytes !== undefined && requested.segmentBytes !== segmentBytes) {
    throw new InvalidOptionError(
      `segmentBytes must be the ${segmentBytes} of the pool at path, or left out, got ${requested.segmentBytes}`,
    );
  }
  const { capacityBytes = 0, capacityBytesMax } = requested;
  // What will be copied to a smaller pool needs no more than it has.
  if (capacityBytes > 0 && capacityBytes < segmentBytes * segmentCount) {
    return { segmentBytes, segmentCount, capacityBytesMax: segmentBytes * segmentCount };
  }
  if (capacityBytes / segmentBytes >= SEGMENT_COUNT_MAX + 1) {
    throw new InvalidOptionError(
      `capacity must be at most ${SEGMENT_COUNT_MAX} times the ${segmentBytes} bytes of a segment of the pool at path, ` +
        `got ${formatBytes(capacityBytes)}`,
    );
  }
  return {
    segmentBytes,
    segmentCount: Math.max(segmentCount, Math.floor(capacityBytes / segmentBytes)),
    capacityBytesMax,
  };
}

function restoreSlots(pool: Pool, checkpoint: Uint8Array<ArrayBuffer>): void {
  const start = layout.CHECKPOINT_HEADER_BYTES / 4;
  const words = new Int32Array(checkpoint.buffer, 0, checkpoint.length >>> 2);
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const from = start + slot * layout.SLOT_ENTRY_WORDS;
    const to = pool.slotAt(slot as Slot);
    for (let i = 0; i <= SLOT_EXTENT_COUNT; i++) pool.control[to + SLOT_META + i] = words[from + i];
    pool.control[to + SLOT_VERSION_LOW] = words[from + layout.SLOT_ENTRY_VERSION_LOW];
    pool.control[to + SLOT_VERSION_HIGH] = words[from + layout.SLOT_ENTRY_VERSION_HIGH];
    pool.control[to + SLOT_RECORD_COUNT] = words[from + layout.SLOT_ENTRY_RECORD_COUNT];
    pool.control[to + SLOT_EXPIRING_COUNT] = words[from + layout.SLOT_ENTRY_EXPIRING_COUNT];
    pool.control[to + SLOT_OVERFLOW_COUNT] = words[from + layout.SLOT_ENTRY_OVERFLOW_COUNT];
  }
}

function restoreIndex(
  pool: Pool,
  checkpoint: Uint8Array<ArrayBuffer>,
  segmentCount: number,
  { bucketCount, ledger }: StoredCheckpoint,
): void {
  const view = new DataView(checkpoint.buffer);
  const end = checkpoint.length - ledger.length;
  let from = layout.checkpointParts(segmentCount, bucketCount).buckets;
  // From then on all regions reach as far as they are used.
  pool.seeBucket((bucketCount - 1) as BucketId);
  for (const region of pool.handle.index) {
    const count = Math.min(REGION_BYTES, end - from);
    if (count <= 0) break;
    new Uint8Array(region, 0, count).set(checkpoint.subarray(from, from + count));
    from += count;
  }
  assert(from === end, "the index of a checkpoint fits into that of its pool");
  pool.control[INDEX_SPACE_NEXT] = bucketCount;
  pool.control[INDEX_SPACE_FREE] = view.getUint32(layout.CHECKPOINT_INDEX_FREE, true);
  pool.control[INDEX_SPACE_FREE_COUNT] = view.getUint32(layout.CHECKPOINT_INDEX_FREE_COUNT, true);
  moveLinksFromFile(pool);
}

/** Counts the free segments anew; segments without live bytes become free at once. */
function rebuildFreeSegments(pool: Pool): void {
  const free = new FreeSegments(pool);
  const segments = new SegmentTable(pool);
  for (let i = 0, end = pool.segmentLimit; i < end; i++) {
    if (segments.state(i as SegmentId) !== SegmentState.FREE) free.remove(i as SegmentId);
  }
  for (let i = 0, end = pool.segmentLimit; i < end; i++) {
    if (segments.state(i as SegmentId) === SegmentState.SEALED) segments.seal(i as SegmentId);
  }
}
