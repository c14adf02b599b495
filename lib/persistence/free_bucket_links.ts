/**
 * Where a free bucket of the index names the next one: in memory in its first word, as readers may
 * store into the last one (index/bucket_layout.ts); in a checkpoint in its last word, where it has
 * always been.
 *
 * @module
 */
import { type BucketId, NO_BUCKET } from "../core/brands.ts";
import {
  BUCKET_NEXT_FREE,
  BUCKET_WORDS,
  bucketRegion,
  bucketWord,
} from "../index/bucket_layout.ts";
import { INDEX_SPACE_FREE, INDEX_SPACE_NEXT } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";

/** Word of a free bucket that has the link in a checkpoint. */
const FILE_NEXT_FREE = BUCKET_WORDS - 1;

/**
 * Moves the links of a copy of the index to where a checkpoint has them.
 *
 * @param words what the copy is in
 * @param first index of bucket 0
 * @param free first bucket of the list
 */
export function moveLinksForFile(words: Int32Array, first: number, free: number): void {
  for (let bucket = free; bucket !== NO_BUCKET;) {
    const at = first + bucket * BUCKET_WORDS;
    bucket = words[at + BUCKET_NEXT_FREE];
    words[at + FILE_NEXT_FREE] = bucket;
    words[at + BUCKET_NEXT_FREE] = 0;
  }
}

/**
 * Moves the links of an index that was read from a checkpoint to where they are in memory. The list
 * may be damaged: it is followed as far as it leads to buckets, and at most once through all of
 * them; that it is right is for the check of the index to say.
 */
export function moveLinksFromFile(pool: Pool): void {
  const bucketCount = pool.control[INDEX_SPACE_NEXT];
  let bucket = pool.control[INDEX_SPACE_FREE] as BucketId;
  for (let i = 0; i < bucketCount && bucket > NO_BUCKET && bucket < bucketCount; i++) {
    const region = bucketRegion(pool, bucket);
    const at = bucketWord(bucket);
    bucket = region[at + FILE_NEXT_FREE] as BucketId;
    region[at + BUCKET_NEXT_FREE] = bucket;
    region[at + FILE_NEXT_FREE] = 0;
  }
}
