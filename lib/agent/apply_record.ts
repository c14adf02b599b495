/**
 * Makes the index say what a record says: the one place for it, whether the record has just been
 * logged, was logged by a KN that has failed, is merged, or is replayed after a restart.
 *
 * The caller holds the slot's lock, or is alone with the pool. Of a key the newest version wins
 * (I9), so applying a record again changes nothing, and a thread that dies in the middle can be
 * succeeded by one that begins anew (I8).
 *
 * @module
 */
import { NO_ADDRESS, type PoolAddress, type Slot } from "../core/brands.ts";
import { SLOT_SHIFT } from "../core/limits.ts";
import {
  metaKeyBytes,
  metaKind,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  RecordKind,
  recordVersion,
  recordWords,
} from "../log/record_layout.ts";
import type { Pool } from "../pool/pool.ts";

/** What became of a record. */
export const Applied = {
  /** The index says what it says, or already did. */
  DONE: 0,
  /** The index says something newer; nothing has changed. */
  OLDER: 1,
  /** It deletes a key that is not there; nothing has changed. */
  ABSENT: 2,
  /** The index has no room for its key; nothing has changed. */
  NO_ROOM: 3,
} as const;
/** One of {@linkcode Applied}. */
export type Applied = typeof Applied[keyof typeof Applied];

/** The slots that records are applied to. */
export interface RecordTarget {
  readonly pool: Pool;
  /**
   * Whether the index follows a record to a copy of it that is applied later. So the work of a
   * cleaner that had moved it is not undone by a replay, after which no segment might be free.
   */
  readonly followsCopies?: boolean;
  /** Finds the record of a key, for the calls below; `NO_ADDRESS` if there is none. */
  find(
    slotAt: number,
    hash: number,
    words: Int32Array,
    keyAt: number,
    keyBytes: number,
  ): PoolAddress;
  /** Points the index at a put; `old` was found. False when the index has no room. */
  point(slotAt: number, hash: number, old: PoolAddress, put: PoolAddress, meta: number): boolean;
  /** Applies a delete; `old` was found, and may be `NO_ADDRESS`. */
  delete(slotAt: number, hash: number, old: PoolAddress, address: PoolAddress): Applied;
  /** Removes every key of a slot that is not newer than a version. */
  clear(slotAt: number, version: number): void;
}

/** Applies the put, delete or clear at an address. */
export function applyRecord(target: RecordTarget, address: PoolAddress): Applied {
  const { pool } = target;
  const words = pool.wordsOf(address);
  const at = pool.wordAt(address);
  const meta = words[at + RECORD_META];
  const hash = words[at + RECORD_HASH];
  const slotAt = pool.slotAt((hash >>> SLOT_SHIFT) as Slot);
  const version = recordVersion(meta, words[at + RECORD_VERSION_LOW]);
  const kind = metaKind(meta);
  if (kind === RecordKind.CLEAR) {
    target.clear(slotAt, version);
    return Applied.DONE;
  }
  const old = target.find(slotAt, hash, words, at + RECORD_KEY, metaKeyBytes(meta));
  if (old === address) return Applied.DONE;
  if (old !== NO_ADDRESS && versionAt(pool, old) >= version) {
    if (target.followsCopies !== true || !isCopy(pool, old, address)) return Applied.OLDER;
  }
  if (kind === RecordKind.DELETE) return target.delete(slotAt, hash, old, address);
  return target.point(slotAt, hash, old, address, meta) ? Applied.DONE : Applied.NO_ROOM;
}

/** Whether two places hold the same record, word for word. */
function isCopy(pool: Pool, one: PoolAddress, other: PoolAddress): boolean {
  const [words, others] = [pool.wordsOf(one), pool.wordsOf(other)];
  const [at, otherAt] = [pool.wordAt(one), pool.wordAt(other)];
  const length = recordWords(words[at + RECORD_META], words[at + RECORD_VALUE_BYTES]);
  for (let i = 0; i < length; i++) if (words[at + i] !== others[otherAt + i]) return false;
  return true;
}

function versionAt(pool: Pool, address: PoolAddress): number {
  const words = pool.wordsOf(address);
  const at = pool.wordAt(address);
  return recordVersion(words[at + RECORD_META], words[at + RECORD_VERSION_LOW]);
}
