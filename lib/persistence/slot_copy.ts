/**
 * Copies the index into a checkpoint slot by slot, each under its slot's lock, while operations on
 * the others go on.
 *
 * Such a copy is not of one moment, and need not be: a checkpoint of a pool that is logged is only
 * where the replay begins. All that matters is that a slot's copy holds everything that happened to
 * the slot before the segments' used bytes were noted, from which on the log is replayed; of what
 * happened later it may hold some or all, as a record takes effect in the replay only if it is
 * newer than what the index says. What the copy points at has been written to the image when all
 * steps have ended that were going on meanwhile.
 *
 * A bucket may be returned by one slot and be used by another while this goes on. So the copy has
 * buckets of its own: it is written anew, without holes, leftovers, or a list of free buckets.
 *
 * @module
 */
import { monotonicMs } from "../platform/runtime.ts";
import { NO_BUCKET, type OwnerWord, type Slot } from "../core/brands.ts";
import { SLOT_COUNT, SYSTEM_CALL_MS_MAX } from "../core/limits.ts";
import {
  BUCKET_OVERFLOW,
  BUCKET_PAIRS,
  BUCKET_WORDS,
  bucketRegion,
  bucketWord,
  PAIR_WORDS,
  pairCount,
  setPairCount,
} from "../index/bucket_layout.ts";
import { bucketAt, metaLog2 } from "../index/slot_extents.ts";
import {
  AGENT_COPIER,
  SLOT_EXPIRING_COUNT,
  SLOT_EXTENTS,
  SLOT_LOCK,
  SLOT_META,
  SLOT_RECORD_COUNT,
  SLOT_VERSION_HIGH,
  SLOT_VERSION_LOW,
} from "../pool/control_layout.ts";
import { BUCKET_BYTES, REGION_BUCKETS_LOG2, REGION_BUCKETS_MASK } from "../pool/geometry.ts";
import type { Pool } from "../pool/pool.ts";
import {
  holderOf,
  isUnavailable,
  slotHolder,
  unlockSlot,
  waitForAnySlot,
} from "../routing/ownership.ts";
import {
  SLOT_ENTRY_EXPIRING_COUNT,
  SLOT_ENTRY_OVERFLOW_COUNT,
  SLOT_ENTRY_RECORD_COUNT,
  SLOT_ENTRY_VERSION_HIGH,
  SLOT_ENTRY_VERSION_LOW,
  SLOT_ENTRY_WORDS,
} from "./checkpoint_layout.ts";

/** How often to look whether the M-node has said that the holder of a slot does not let go. */
const LOCK_LOOK_MS = 250;

/**
 * Whether nothing has ever happened to a slot; its entry is zeros then. An agent that died with the
 * slot's lock may have logged a record that the index does not have yet.
 */
function isUnused(control: Int32Array, slotAt: number): boolean {
  return holderOf(Atomics.load(control, slotAt + SLOT_LOCK)) < 0 &&
    control[slotAt + SLOT_EXTENTS] === NO_BUCKET && control[slotAt + SLOT_META] === 0 &&
    control[slotAt + SLOT_VERSION_LOW] === 0 && control[slotAt + SLOT_VERSION_HIGH] === 0;
}

/** Copies one pool's slots. */
export class SlotCopy {
  readonly #pool: Pool;
  /** Entries of the slots, as in a checkpoint. */
  readonly slots: Int32Array = new Int32Array(SLOT_COUNT * SLOT_ENTRY_WORDS);
  /** Words of the buckets; bucket 0 is not used. */
  #words: Int32Array;
  #next = 1;

  /** Makes a copy for about so many buckets. */
  constructor(pool: Pool, bucketsExpected: number) {
    this.#pool = pool;
    this.#words = new Int32Array(Math.max(1, bucketsExpected) * BUCKET_WORDS);
  }

  /** Buckets in the copy, the unused one included. */
  get bucketCount(): number {
    return this.#next;
  }

  /** The buckets' bytes. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.#words.buffer, 0, this.#next * BUCKET_BYTES);
  }

  /** Copies all slots. */
  run(): void {
    const { control } = this.#pool;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const slotAt = this.#pool.slotAt(slot as Slot);
      // Of most slots of a small pool. What happens to them from now on is in the log.
      if (isUnused(control, slotAt)) continue;
      const owner = this.#lock(slot as Slot);
      this.#copySlot(slotAt, slot * SLOT_ENTRY_WORDS);
      unlockSlot(control, slotAt + SLOT_LOCK, owner);
    }
  }

  /**
   * Waits for a slot, which may be locked while its owner waits for a disk, but not for a KN that
   * has failed.
   */
  #lock(slot: Slot): OwnerWord {
    const { control } = this.#pool;
    const lock = this.#pool.slotAt(slot) + SLOT_LOCK;
    // Of thousands of slots nearly all are free: for them the clock is not asked.
    for (let deadlineMs = Infinity;;) {
      const owner = waitForAnySlot(control, lock, AGENT_COPIER, LOCK_LOOK_MS);
      if (owner !== undefined) return owner;
      if (deadlineMs === Infinity) deadlineMs = monotonicMs() + SYSTEM_CALL_MS_MAX;
      if (isUnavailable(this.#pool, slot) || monotonicMs() > deadlineMs) break;
    }
    throw new Error(
      `slot ${slot} is locked by agent ${slotHolder(this.#pool, slot)}, which does not let it go`,
    );
  }

  #copySlot(slotAt: number, entryAt: number): void {
    const { control } = this.#pool;
    const entry = this.slots;
    entry[entryAt + SLOT_META] = control[slotAt + SLOT_META];
    entry[entryAt + SLOT_ENTRY_VERSION_LOW] = control[slotAt + SLOT_VERSION_LOW];
    entry[entryAt + SLOT_ENTRY_VERSION_HIGH] = control[slotAt + SLOT_VERSION_HIGH];
    entry[entryAt + SLOT_ENTRY_RECORD_COUNT] = control[slotAt + SLOT_RECORD_COUNT];
    entry[entryAt + SLOT_ENTRY_EXPIRING_COUNT] = control[slotAt + SLOT_EXPIRING_COUNT];
    if (control[slotAt + SLOT_EXTENTS] === NO_BUCKET) return;
    const log2 = metaLog2(control[slotAt + SLOT_META]);
    for (let extent = 0; extent <= log2; extent++) {
      const count = extent === 0 ? 1 : 1 << (extent - 1);
      entry[entryAt + SLOT_EXTENTS + extent] = this.#allocate(count);
    }
    let overflowCount = 0;
    for (let index = 0; index < 1 << log2; index++) {
      const target = bucketAt(entry, entryAt, index);
      overflowCount += this.#copyChain(slotAt, index, (1 << log2) - 1, target);
    }
    entry[entryAt + SLOT_ENTRY_OVERFLOW_COUNT] = overflowCount;
  }

  /** Copies the pairs of one chain; returns how many overflow buckets the copy has. */
  #copyChain(slotAt: number, index: number, mask: number, target: number): number {
    let to = target * BUCKET_WORDS;
    let used = 0;
    let overflowCount = 0;
    let bucket = bucketAt(this.#pool.control, slotAt, index);
    while (bucket !== NO_BUCKET) {
      const region = bucketRegion(this.#pool, bucket);
      const at = bucketWord(bucket);
      for (let word = at; word < at + PAIR_WORDS; word += 2) {
        if (region[word + 1] === 0 || (region[word] & mask) !== index) continue;
        if (used === BUCKET_PAIRS) {
          const overflow = this.#allocate(1);
          this.#words[to + BUCKET_OVERFLOW] = overflow;
          to = overflow * BUCKET_WORDS;
          used = 0;
          overflowCount += 1;
        }
        this.#words[to + 2 * used] = region[word];
        this.#words[to + 2 * used + 1] = region[word + 1];
        setPairCount(this.#words, to + 2 * used + 1, pairCount(region, word + 1));
        used += 1;
      }
      bucket = region[at + BUCKET_OVERFLOW] as typeof bucket;
    }
    return overflowCount;
  }

  /** Allocates neighbouring buckets, which must not straddle two regions. */
  #allocate(count: number): number {
    const last = this.#next + count - 1;
    if (last >>> REGION_BUCKETS_LOG2 !== this.#next >>> REGION_BUCKETS_LOG2) {
      this.#next = last & ~REGION_BUCKETS_MASK;
    }
    const first = this.#next;
    this.#next += count;
    if (this.#next * BUCKET_WORDS > this.#words.length) {
      const grown = new Int32Array(Math.max(this.#next * BUCKET_WORDS, 1.5 * this.#words.length));
      grown.set(this.#words);
      this.#words = grown;
    }
    return first;
  }
}
