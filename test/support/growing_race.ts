/**
 * A thread that takes segments and buckets of a pool that grows by the smallest steps there are,
 * writes to their ends, and publishes them; and looks at what others have published.
 *
 * @module
 */
import { type BucketId, NO_BUCKET, NO_SEGMENT, type PoolAddress } from "../../lib/core/brands.ts";
import { BUCKET_WORDS, bucketRegion, bucketWord } from "../../lib/index/bucket_layout.ts";
import { IndexSpace } from "../../lib/index/index_space.ts";
import { Pool, type PoolHandle } from "../../lib/pool/pool.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";

/** Words between what two threads publish. */
const LINE_WORDS = 32;
const ADDRESS = 0;
const BUCKET = 1;

/** What the threads share. */
export interface GrowingData {
  readonly pool: PoolHandle;
  /** A line for each thread. */
  readonly board: SharedArrayBuffer;
  readonly thread: number;
}

/** One thread's part. */
export class GrowingThread {
  readonly #pool: Pool;
  readonly #segments: SegmentTable;
  readonly #space: IndexSpace;
  readonly #board: Int32Array;
  readonly #at: number;
  readonly #agent: number;

  /** Looks at the pool as it is now. */
  constructor({ pool, board, thread }: GrowingData) {
    this.#pool = Pool.attach(pool);
    this.#segments = new SegmentTable(this.#pool);
    this.#space = new IndexSpace(this.#pool, thread);
    this.#board = new Int32Array(board);
    this.#at = thread * LINE_WORDS;
    this.#agent = thread;
  }

  /** Takes a segment and a bucket, if there is one; returns whether there was. */
  take(): boolean {
    const segment = this.#segments.allocate(this.#agent, 0);
    const bucket = this.#space.allocateExtent(1);
    if (segment === NO_SEGMENT || bucket === NO_BUCKET) return false;
    const address = this.#pool.segmentAddress(segment);
    const words = this.#pool.wordsOf(address);
    words[this.#pool.wordAt(address)] = segment + 1;
    words[this.#lastWord(address)] = segment + 1;
    bucketRegion(this.#pool, bucket)[bucketWord(bucket) + BUCKET_WORDS - 1] = bucket;
    Atomics.store(this.#board, this.#at + ADDRESS, address);
    Atomics.store(this.#board, this.#at + BUCKET, bucket);
    return true;
  }

  /** Looks at what all threads have published last. */
  look(): void {
    for (let at = 0; at < this.#board.length; at += LINE_WORDS) {
      const address = Atomics.load(this.#board, at + ADDRESS) as PoolAddress;
      const bucket = Atomics.load(this.#board, at + BUCKET) as BucketId;
      if (bucket === NO_BUCKET) continue;
      const mark = this.#pool.segmentOf(address) + 1;
      const bytes = this.#pool.bytesOf(address)[this.#lastWord(address) * 4];
      const words = this.#pool.wordsOf(address);
      const seen = [words[this.#pool.wordAt(address)], words[this.#lastWord(address)], bytes];
      const link = bucketRegion(this.#pool, bucket)[bucketWord(bucket) + BUCKET_WORDS - 1];
      if (seen[0] === mark && seen[1] === mark && seen[2] === (mark & 0xff) && link === bucket) {
        continue;
      }
      throw new Error(`segment ${mark - 1} has ${seen}, bucket ${bucket} has ${link}`);
    }
  }

  #lastWord(address: PoolAddress): number {
    return this.#pool.wordAt(address) + this.#pool.geometry.segmentBytes / 4 - 1;
  }
}
