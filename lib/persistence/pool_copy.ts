/**
 * Copies what is live in a pool into an empty one, which is how a pool gets smaller.
 *
 * A file that is too long cannot be cut off where records are, and an index that once had many keys
 * has handed out more buckets than a small pool may have. In a new pool both begin anew: records
 * are appended one after the other, in the order in which they stood, and put into the index.
 *
 * **What must be the same.** A record is copied word for word, with its version and its expiry, and
 * a slot has the version that it had: what is put later is newer than all that ever was (I9), also
 * than what was deleted. Deletes need not be copied, as nothing of the old files is ever replayed
 * again. Generations begin anew, with a new image. What has expired is left out, as by a cleaner.
 *
 * **What fits** is known before anything is copied: records are packed in thought, and what they
 * occupy is compared with what a pool of that size admits (pool/space_budget.ts). So a copy that
 * has begun is finished; and as the old pool and its files are only read, a refusal changes
 * nothing.
 *
 * In a pool that evicts what does not fit is dropped: first what was never read, as far as the
 * counts tell. The store's own key is never dropped.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { copyWords } from "../core/copy_words.ts";
import { NO_ADDRESS, type PoolAddress, type SegmentId, type Slot } from "../core/brands.ts";
import { PUT_SEGMENT_RESERVE, SLOT_COUNT, SLOT_SHIFT } from "../core/limits.ts";
import { COUNT_MAX } from "../eviction/eviction_policy.ts";
import { IndexSpace } from "../index/index_space.ts";
import { SlotTable } from "../index/slot_table.ts";
import { LogWriter } from "../log/log_writer.ts";
import {
  metaKeyBytes,
  metaKind,
  RECORD_HASH,
  RECORD_META,
  RECORD_VALUE_BYTES,
  recordExpiry,
  RecordKind,
  recordWords,
  SEGMENT_HEADER_BYTES,
} from "../log/record_layout.ts";
import {
  AGENT_HOST,
  SLOT_EXPIRING_COUNT,
  SLOT_VERSION_HIGH,
  SLOT_VERSION_LOW,
} from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentTable } from "../pool/segment_table.ts";

/** A live record. */
interface LiveRecord {
  readonly address: PoolAddress;
  readonly hash: number;
  readonly bytes: number;
  readonly expiresAtMs: number;
  /** How often it was read, in a pool that has evicted; one more for the store's own key. */
  readonly count: number;
}

/** What the live records of a pool need. */
export interface NeededSpace {
  /** Bytes that they occupy when they are packed, as SpaceBudget counts them. */
  readonly occupiedBytes: number;
  /** Bytes of those that have each count. */
  readonly bytesByCount: readonly number[];
}

/** The count of the store's own key. */
const COUNT_OF_OWN = COUNT_MAX + 1;

/** Packs the live records of a pool in thought. No other thread uses it. */
export function neededSpace(pool: Pool, nowMs: number): NeededSpace {
  const { segmentBytes } = pool.geometry;
  const bytesByCount: number[] = new Array(COUNT_OF_OWN + 1).fill(0);
  let occupiedBytes = 0;
  let usedBytes = SEGMENT_HEADER_BYTES;
  forEachLive(pool, nowMs, ({ bytes, count }) => {
    bytesByCount[count] += bytes;
    if (usedBytes + bytes > segmentBytes) {
      // What is live in a full segment occupies its part of what is lost at its end, too.
      occupiedBytes += (usedBytes - SEGMENT_HEADER_BYTES) * segmentBytes / usedBytes;
      usedBytes = SEGMENT_HEADER_BYTES;
    }
    usedBytes += bytes;
  });
  return {
    occupiedBytes: Math.ceil(occupiedBytes + usedBytes - SEGMENT_HEADER_BYTES),
    bytesByCount,
  };
}

/** What {@linkcode copyLive} does with what does not fit. */
export interface DropRule {
  /** Records with a lower count are dropped. */
  readonly countMin: number;
  /** Bytes of records with just that count which are kept. */
  readonly bytesMax: number;
}

/** What keeps the records that were read most, up to so many bytes. */
export function dropRule({ bytesByCount }: NeededSpace, bytesMax: number): DropRule {
  let left = bytesMax;
  for (let count = COUNT_OF_OWN; count >= 0; count--) {
    if (bytesByCount[count] > left) return { countMin: count, bytesMax: Math.max(0, left) };
    left -= bytesByCount[count];
  }
  return { countMin: 0, bytesMax: Infinity };
}

/**
 * Copies the live records of a pool into another one, which is empty and has the same hash key. No
 * other thread uses either of them.
 *
 * @param rule which records are dropped; undefined: none
 * @returns false when the index of the other one has no room for their keys
 */
export function copyLive(from: Pool, to: Pool, nowMs: number, rule?: DropRule): boolean {
  const segments = new SegmentTable(to);
  const table = new SlotTable(to, new IndexSpace(to, AGENT_HOST));
  const log = new LogWriter(to, segments, AGENT_HOST);
  let bytesLeft = rule?.bytesMax ?? Infinity;
  const isWhole = forEachLive(from, nowMs, (record) => {
    const { address, hash, bytes, expiresAtMs, count } = record;
    const isOwn = count === COUNT_OF_OWN;
    if (rule !== undefined && !isOwn) {
      if (count < rule.countMin || (count === rule.countMin && bytesLeft < bytes)) return true;
      if (count === rule.countMin) bytesLeft -= bytes;
    }
    const target = log.reserve(bytes / 4, isOwn ? 0 : PUT_SEGMENT_RESERVE);
    if (target === NO_ADDRESS && rule !== undefined && !isOwn) return true;
    assert(target !== NO_ADDRESS, "what fits finds room");
    copyWords(
      from.wordsOf(address),
      from.wordAt(address),
      to.wordsOf(target),
      to.wordAt(target),
      bytes / 4,
    );
    segments.addLive(target, bytes);
    const slot = to.slotAt((hash >>> SLOT_SHIFT) as Slot);
    if (!table.insert(slot, hash, target, rule === undefined || isOwn ? 0 : count)) return false;
    if (expiresAtMs !== Infinity) to.control[slot + SLOT_EXPIRING_COUNT] += 1;
    return true;
  });
  log.seal();
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const fromAt = from.slotAt(slot as Slot);
    const toAt = to.slotAt(slot as Slot);
    for (const word of [SLOT_VERSION_LOW, SLOT_VERSION_HIGH]) {
      to.control[toAt + word] = from.control[fromAt + word];
    }
  }
  return isWhole;
}

/** Visits all live records that have not expired, until `visit` returns false. */
function forEachLive(
  pool: Pool,
  nowMs: number,
  visit: (record: LiveRecord) => boolean | void,
): boolean {
  const segments = new SegmentTable(pool);
  const table = new SlotTable(pool, new IndexSpace(pool, AGENT_HOST));
  for (let i = 0, end = pool.segmentLimit; i < end; i++) {
    if (segments.liveBytes(i as SegmentId) === 0) continue;
    const start = pool.segmentAddress(i as SegmentId);
    const words = pool.wordsOf(start);
    const first = pool.wordAt(start);
    const last = first + segments.usedBytes(i as SegmentId) / 4;
    for (let at = first + SEGMENT_HEADER_BYTES / 4; at < last;) {
      const meta = words[at + RECORD_META];
      const length = recordWords(meta, words[at + RECORD_VALUE_BYTES]);
      assert(length > 0, "records have a length");
      const hash = words[at + RECORD_HASH];
      const address = (((start >>> 0) + (at - first) / 2) | 0) as PoolAddress;
      const slotAt = pool.slotAt((hash >>> SLOT_SHIFT) as Slot);
      const bytes = length * 4;
      at += length;
      if (metaKind(meta) !== RecordKind.PUT || !table.findAddress(slotAt, hash, address)) continue;
      const expiresAtMs = recordExpiry(words, at - length);
      if (expiresAtMs <= nowMs) continue;
      const count = metaKeyBytes(meta) === 0 ? COUNT_OF_OWN : table.foundCount;
      if (visit({ address, hash, bytes, expiresAtMs, count }) === false) return false;
    }
  }
  return true;
}
