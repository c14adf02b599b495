/**
 * The keys of one slot, collected without locks by the protocol of one_sided_reader.ts.
 *
 * @module
 */
import {
  type BucketId,
  NO_ADDRESS,
  NO_BUCKET,
  type PoolAddress,
  type Slot,
} from "../core/brands.ts";
import type { StoredKey } from "../core/key_encoder.ts";
import {
  FLAG_BINARY_KEY,
  metaKeyBytes,
  metaKind,
  RECORD_KEY,
  RECORD_META,
  RECORD_REPLACES,
  RecordKind,
} from "../log/record_layout.ts";
import { fence } from "../platform/memory_order.ts";
import { GENERATIONS, SLOT_META } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { BUCKET_OVERFLOW, bucketRegion, bucketWord, PAIR_WORDS } from "./bucket_layout.ts";
import { Holds, holdsOf } from "./pending_record.ts";
import { bucketAt, metaLog2 } from "./slot_extents.ts";

/** Turns any bytes into a string, one character per byte. */
const latin1 = new TextDecoder("latin1");

/**
 * Collects the keys of a slot that start with `prefix`, in one try. The store's own keys are left
 * out.
 *
 * @returns undefined if the structure of the slot's table, or memory, has changed meanwhile
 */
export function keysOfTable(pool: Pool, slot: Slot, prefix: Uint8Array): StoredKey[] | undefined {
  const { control } = pool;
  const slotAt = pool.slotAt(slot);
  const keys = new Map<string, StoredKey>();
  const meta = Atomics.load(control, slotAt + SLOT_META);
  const bucketCount = 1 << metaLog2(meta);
  for (let index = 0; index < bucketCount; index++) {
    if (!collectChain(pool, slotAt, index, bucketCount - 1, prefix, keys)) return undefined;
  }
  return Atomics.load(control, slotAt + SLOT_META) === meta ? [...keys.values()] : undefined;
}

/**
 * Collects from one chain, by key: a compaction shows a pair at two places for a moment, and so
 * does a key that is deleted and put again meanwhile.
 */
function collectChain(
  pool: Pool,
  slotAt: number,
  index: number,
  mask: number,
  prefix: Uint8Array,
  keys: Map<string, StoredKey>,
): boolean {
  const { control } = pool;
  let bucket = bucketAt(control, slotAt, index);
  while (bucket !== NO_BUCKET) {
    const region = bucketRegion(pool, bucket);
    const at = bucketWord(bucket);
    for (let word = at; word < at + PAIR_WORDS; word += 2) {
      const address = Atomics.load(region, word + 1) as PoolAddress;
      if (address === NO_ADDRESS || (region[word] & mask) !== index) continue;
      const generationAt = GENERATIONS + pool.segmentOf(address);
      const generation = Atomics.load(control, generationAt);
      if (Atomics.load(region, word + 1) !== address) return false;
      const key = copyKey(pool, address, prefix);
      fence();
      if (Atomics.load(control, generationAt) !== generation) return false;
      if (key !== undefined) keys.set(latin1.decode(key.bytes), key);
    }
    bucket = Atomics.load(region, at + BUCKET_OVERFLOW) as BucketId;
  }
  return true;
}

function copyKey(pool: Pool, address: PoolAddress, prefix: Uint8Array): StoredKey | undefined {
  const meta = pool.wordsOf(address)[pool.wordAt(address) + RECORD_META];
  const keyBytes = metaKeyBytes(meta);
  if (keyBytes === 0 || keyBytes < prefix.length) return undefined;
  if (metaKind(meta) !== RecordKind.PUT && !isThere(pool, address)) return undefined;
  const shared = pool.bytesOf(address);
  const from = (pool.wordAt(address) + RECORD_KEY) * 4;
  for (let i = 0; i < prefix.length; i++) if (shared[from + i] !== prefix[i]) return undefined;
  // A slice of shared memory is in memory of its own.
  const bytes = shared.slice(from, from + keyBytes) as Uint8Array<ArrayBuffer>;
  return { bytes, isBinary: (meta & FLAG_BINARY_KEY) !== 0 };
}

/** Whether a key exists whose pair points at a record that was not a put. */
function isThere(pool: Pool, address: PoolAddress): boolean {
  const holds = holdsOf(pool, address);
  const words = pool.wordsOf(address);
  const recordAt = pool.wordAt(address);
  if (holds === Holds.OLD) return words[recordAt + RECORD_REPLACES] !== NO_ADDRESS;
  if (holds !== Holds.SETTLED) return holds === Holds.NEW;
  return metaKind(words[recordAt + RECORD_META]) === RecordKind.PUT;
}
