/**
 * Makes a slot's table as good as new after a thread has died in the middle of changing it.
 *
 * The M-node repairs, and holds the slot's lock in the dead thread's place; readers go on reading
 * (I6). The dead thread has left a table that is valid (I8) but not tidy. Whatever it was doing, it
 * is one of these:
 *
 * - *A pair that does not belong to its bucket*: a doubling published META and died before it had
 *   removed all that has moved. Readers that know this META look for the pair in the new extent,
 *   and readers that know an older one start over when they miss it. So it is removed at once.
 * - *A pair twice in one chain*: a compaction copied it into a hole of its home bucket and died
 *   before it had removed the original behind it. **The copy is removed, not the original.** A
 *   reader walks along the chain, so whichever moment it comes by, the original is still ahead of
 *   it: it misses nothing, and needs no new META. To remove the original, a reader that was too
 *   early for the copy would have to be told. If both stayed, a later delete would remove the first
 *   and bring the second back to life.
 * - *An extent that META does not reach*: a doubling died before it published META. No reader has
 *   looked into it and none will; it is forgotten, as a snapshot must not hold it. It is lost, and
 *   with it its overflow buckets; the next doubling takes another one. A doubling that died earlier
 *   has left no trace, except in the count of overflow buckets.
 * - *Buckets that were unlinked and not returned*, or taken and not linked: they are lost, so no
 *   thread reuses a bucket in which a reader stands. An overflow bucket without pairs that is still
 *   linked is filled by inserts.
 * - *Counts that are behind*: they are counted anew.
 *
 * Each step leaves a table of one of these kinds, so a thread that dies here leaves nothing new:
 * repairing again is enough.
 *
 * @module
 */
import { type BucketId, NO_ADDRESS, NO_BUCKET, type PoolAddress } from "../core/brands.ts";
import { FLAG_EXPIRES, RECORD_META } from "../log/record_layout.ts";
import {
  SLOT_EXPIRING_COUNT,
  SLOT_EXTENT_COUNT,
  SLOT_EXTENTS,
  SLOT_META,
  SLOT_OVERFLOW_COUNT,
  SLOT_RECORD_COUNT,
} from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { BUCKET_OVERFLOW, bucketRegion, bucketWord, PAIR_WORDS } from "./bucket_layout.ts";
import { doubtKeyCount } from "./key_count.ts";
import { bucketAt, metaLog2 } from "./slot_extents.ts";

/** Where a pair is: its address word. */
interface PairPlace {
  readonly region: Int32Array;
  readonly at: number;
}

/** What a table holds. */
interface TableCounts {
  records: number;
  expiring: number;
  overflows: number;
}

/** Repairs the table of a slot; the caller holds its lock. */
export function repairTable(pool: Pool, slotAt: number): void {
  const { control } = pool;
  const counts: TableCounts = { records: 0, expiring: 0, overflows: 0 };
  const hasTable = control[slotAt + SLOT_EXTENTS] !== NO_BUCKET;
  const log2 = metaLog2(control[slotAt + SLOT_META]);
  for (let extent = log2 + 1; extent < SLOT_EXTENT_COUNT; extent++) {
    Atomics.store(control, slotAt + SLOT_EXTENTS + extent, NO_BUCKET);
  }
  for (let index = 0; hasTable && index < 1 << log2; index++) {
    repairChain(pool, slotAt, index, (1 << log2) - 1, counts);
  }
  doubtKeyCount(pool);
  control[slotAt + SLOT_RECORD_COUNT] = counts.records;
  control[slotAt + SLOT_EXPIRING_COUNT] = counts.expiring;
  control[slotAt + SLOT_OVERFLOW_COUNT] = counts.overflows;
}

/** Removes from one chain what does not belong there or is there twice, and counts the rest. */
function repairChain(
  pool: Pool,
  slotAt: number,
  index: number,
  mask: number,
  counts: TableCounts,
): void {
  const kept = new Map<PoolAddress, PairPlace>();
  const home = bucketAt(pool.control, slotAt, index);
  for (let bucket = home; bucket !== NO_BUCKET;) {
    const region = bucketRegion(pool, bucket);
    const at = bucketWord(bucket);
    if (bucket !== home) counts.overflows += 1;
    for (let word = at; word < at + PAIR_WORDS; word += 2) {
      const address = region[word + 1] as PoolAddress;
      if (address === NO_ADDRESS) continue;
      if ((region[word] & mask) !== index) {
        Atomics.store(region, word + 1, NO_ADDRESS);
        continue;
      }
      const copy = kept.get(address);
      if (copy !== undefined) Atomics.store(copy.region, copy.at, NO_ADDRESS);
      kept.set(address, { region, at: word + 1 });
    }
    bucket = region[at + BUCKET_OVERFLOW] as BucketId;
  }
  counts.records += kept.size;
  for (const address of kept.keys()) if (isExpiring(pool, address)) counts.expiring += 1;
}

function isExpiring(pool: Pool, record: PoolAddress): boolean {
  const meta = pool.wordsOf(record)[pool.wordAt(record) + RECORD_META];
  return (meta & FLAG_EXPIRES) !== 0;
}
