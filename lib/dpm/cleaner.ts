/**
 * Cleans the log: moves the live records out of a sealed segment, so that it can be reused. Which
 * one is decided in victims.ts; what a gain is, and why cleaning comes to an end, is in
 * pool/space_budget.ts.
 *
 * **A cleaner has a log of its own**, whichever thread it works in: what survives is older than
 * what is written now, and would be moved over and over if it stood between records that are soon
 * replaced. (Rumble, Kejriwal, Ousterhout: Log-structured Memory for DRAM-based Storage, FAST '14.)
 *
 * Any number of cleaners may run: one in the DPM processors, and those that KNs share
 * (shared_cleaners.ts). Why this is safe beside owners and readers:
 *
 * - A victim is claimed by a compare-and-swap of its state, so it has one cleaner.
 * - A record is live if and only if the index holds exactly its address. The cleaner finds that
 *   out, copies the record and swings the index word all under the slot's lock, so no owner can
 *   replace the record and no doubling can copy the pair in between. It changes where a record is,
 *   never what it says: the version stays.
 * - The copy is complete and counted as live before the index points at it (I2).
 * - The victim is freed through its live bytes, like any segment: when they are zero nothing points
 *   into it. Readers that still copy from it notice by the generation (I6, I10).
 *
 * **What is left of the live bytes** of a victim that has been passed from its first record to its
 * last is what dead threads have left, and is written off. A thread has died after it had counted a
 * record and before it pointed the index at it, or after it had taken a record out of the index and
 * before it counted that. No thread that is alive will count it, for three reasons.
 *
 * - Nothing is appended to a victim, and the index is pointed at nothing new in it: it was sealed
 *   before it was claimed, which the agent that fills a segment does when all of its records have
 *   been published.
 * - Bytes of a record to which the index has pointed are subtracted under the lock of the record's
 *   slot, by owners and cleaners alike. Since it claimed the victim, the cleaner has held the lock
 *   of the slot of every put in it. So a thread that took a record out of the index before that has
 *   subtracted its bytes, or is dead; and one that came later did not find the record in the victim
 *   any more.
 * - A reservation of a large value counts as live while no index word has ever pointed at it. It
 *   pins its segment until its bytes are subtracted or its record is published, and what was pinned
 *   when the cleaner came to its end is left alone. So are segments of staged values, which are
 *   nothing but reservations.
 *
 * This relies on the used bytes of a sealed segment: nothing behind them is in the index.
 *
 * And why it does not get stuck: puts and deletes leave free segments alone, so only a cleaner
 * takes the last one; and it begins with a victim only if it can finish it, in what is left of its
 * open segment or with one more, which holds what was live in the victim. So the last free segment
 * is always exchanged for another one. (Of two cleaners that both count on the last one, one gets
 * it, and the other gives up its victim and tries again.)
 *
 * If its thread dies in between, or the process is killed, no segment may be free; but the one that
 * it had opened is sealed before it is full, and what is left of it has room for what is left in
 * the victim. So a cleaner that gets no free segment goes on there ({@linkcode
 * SegmentTable.reopen}), and begins with a victim for which there is room. Puts never use such a
 * tail up.
 *
 * **What is logged is on the disk before it is moved.** A cleaner takes a victim only when all of
 * it has been synced (pool/synced_bytes.ts). Otherwise power might go when the disk has the copy of
 * one record of a commit, and not the frame with all of them (docs/protocols/commits.md). If there
 * is no other victim, it says so ({@linkcode Cleaner.needsSync}), and its caller syncs the image,
 * outside of the step where it can. One sync makes victims of all that was sealed by then.
 *
 * **In a pool that evicts** there is always a victim, and what was not read for long is dropped
 * instead of moved; when there is no room for what is to be kept, that is dropped, too. So a
 * cleaner of such a pool needs no room to finish a victim (eviction.ts). Only the store's own key
 * is never dropped.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { copyWords } from "../core/copy_words.ts";
import {
  NO_ADDRESS,
  NO_SEGMENT,
  type PoolAddress,
  type SegmentId,
  type Slot,
} from "../core/brands.ts";
import {
  ADDRESS_UNIT_BYTES,
  CLEANER_STEP_RECORDS,
  CLEANING_GAIN_BYTES_MIN,
  CLEANING_GAIN_MIN,
  SEGMENT_BYTES_MAX,
  SLOT_SHIFT,
} from "../core/limits.ts";
import type { SlotTable } from "../index/slot_table.ts";
import type { LogWriter } from "../log/log_writer.ts";
import {
  FRAME_HEADER_BYTES,
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
  AGENT_STEPS,
  AGENT_VICTIM,
  AGENT_VICTIM_NEXT,
  SLOT_EXPIRING_COUNT,
  SLOT_LOCK,
} from "../pool/control_layout.ts";
import { isLogged } from "../pool/durability.ts";
import type { Pool } from "../pool/pool.ts";
import type { SegmentTable } from "../pool/segment_table.ts";
import { largestUnfilled, unfilledBytes } from "../pool/segment_tails.ts";
import { isSynced } from "../pool/synced_bytes.ts";
import { swingCells } from "../routing/cells.ts";
import { lockAnySlot, unlockSlot } from "../routing/ownership.ts";
import { Eviction } from "./eviction.ts";
import { CostBenefit, type VictimPolicy } from "./victims.ts";

/** How much more room moving records may need than they take. */
const ROOM_FACTOR = 1.125;
const ROOM_SLACK_BYTES = 256;
/** Bytes of the smallest record. */
const RECORD_BYTES_MIN = 32;

/** An agent that cleans; one step looks at a bounded number of records. */
export class Cleaner {
  /** Segments cleaned, and bytes of live records moved, since it was made. */
  cleanedCount = 0;
  movedBytes = 0;
  readonly #eviction: Eviction | undefined;

  readonly #pool: Pool;
  readonly #segments: SegmentTable;
  readonly #table: SlotTable;
  readonly #log: LogWriter;
  readonly #clock: () => number;
  readonly #victims: VictimPolicy;
  readonly #agentAt: number;
  readonly #mayClean = (victim: SegmentId): boolean =>
    this.#isSynced(victim) && this.#canFinish(victim);
  readonly #mayCleanWhenSynced = (victim: SegmentId): boolean =>
    !this.#isSynced(victim) && this.#canFinish(victim);
  #needsSync = false;
  #victim: SegmentId = NO_SEGMENT;
  /** Next record to look at, and the end of the victim, as offsets in address units. */
  #next = 0;
  #end = 0;

  /**
   * Makes a cleaner.
   *
   * @param log where live records go, and nothing else
   * @param clock tells the time in milliseconds since the epoch; expired records are not moved
   * @param victims decides which segment is cleaned next, and then nothing is dropped;
   *   undefined: by eviction in a pool that evicts, by cost and benefit in any other
   */
  constructor(
    pool: Pool,
    segments: SegmentTable,
    table: SlotTable,
    log: LogWriter,
    clock: () => number,
    victims?: VictimPolicy,
  ) {
    this.#pool = pool;
    this.#segments = segments;
    this.#table = table;
    this.#log = log;
    this.#clock = clock;
    this.#eviction = victims === undefined ? Eviction.of(pool, segments, log.agent) : undefined;
    this.#victims = victims ?? this.#eviction ?? new CostBenefit(pool, segments);
    this.#agentAt = pool.agentAt(log.agent);
  }

  /** Whether a segment is being cleaned. */
  get isCleaning(): boolean {
    return this.#victim !== NO_SEGMENT;
  }

  /**
   * Whether there was nothing to clean for {@linkcode doWork} but what would be lost with the
   * power: after a sync of the image there is.
   */
  get needsSync(): boolean {
    return this.#needsSync;
  }

  /** Goes on with the victim that another thread has left that cleaned as the same agent. */
  resume(): void {
    const { control } = this.#pool;
    this.#victim = (control[this.#agentAt + AGENT_VICTIM] - 1) as SegmentId;
    if (this.#victim === NO_SEGMENT) return;
    this.#next = control[this.#agentAt + AGENT_VICTIM_NEXT] >>> 0;
    const start = this.#pool.segmentAddress(this.#victim) >>> 0;
    this.#end = start + this.#segments.usedBytes(this.#victim) / ADDRESS_UNIT_BYTES;
  }

  /** Leaves the victim, if there is one, to the next thread that cleans as the same agent. */
  suspend(): void {
    this.#pool.control[this.#agentAt + AGENT_VICTIM_NEXT] = this.#next;
  }

  /**
   * Does one step. Returns how many records it looked at; 0 means that there is nothing to clean.
   */
  doWork(): number {
    if (this.#victim === NO_SEGMENT && !this.#claimVictim()) return 0;
    // However long cleaning takes, it is no stall.
    this.#pool.control[this.#agentAt + AGENT_STEPS] += 1;
    let looked = 0;
    while (looked < CLEANER_STEP_RECORDS && this.#next < this.#end) {
      if (!this.#cleanRecord(this.#next as PoolAddress)) {
        this.#eviction?.giveUp(this.#victim);
        this.abandon();
        return 0;
      }
      looked += 1;
    }
    if (this.#next >= this.#end) {
      this.cleanedCount += 1;
      this.#eviction?.end();
      this.#writeOff(this.#victim);
      this.abandon();
    }
    this.#log.publish();
    return Math.max(1, looked);
  }

  /**
   * Cleans one whole segment now; false when there is none to clean or no room to move anything.
   */
  cleanOne(): boolean {
    const before = this.cleanedCount;
    while (this.cleanedCount === before) if (this.doWork() === 0) return false;
    return true;
  }

  /** Gives up the victim, if there is one: what is left in it stays where it is. */
  abandon(): void {
    if (this.#victim === NO_SEGMENT) return;
    const victim = this.#victim;
    this.#victim = NO_SEGMENT;
    // A snapshot between this step and the next must find everything that was moved within the used
    // bytes.
    this.#log.publish();
    this.#segments.seal(victim);
    this.#noteVictim(NO_SEGMENT);
  }

  #noteVictim(segment: SegmentId): void {
    Atomics.store(this.#pool.control, this.#agentAt + AGENT_VICTIM, segment + 1);
  }

  /** Writes off what is still counted as live in a victim that has been passed completely. */
  #writeOff(victim: SegmentId): void {
    if (this.#segments.isStaging(victim) || this.#segments.isPinned(victim)) return;
    if (this.#segments.liveBytes(victim) > 0) this.#segments.writeOff(victim);
  }

  #claimVictim(): boolean {
    this.#needsSync = false;
    for (;;) {
      const best = this.#victims.next(this.#mayClean);
      if (best === NO_SEGMENT) {
        this.#noteVictim(NO_SEGMENT);
        this.#needsSync = isLogged(this.#pool) &&
          this.#victims.next(this.#mayCleanWhenSynced) !== NO_SEGMENT;
        return false;
      }
      // Before it is claimed: if this thread dies, the M-node must find what it was cleaning.
      this.#noteVictim(best);
      if (!this.#segments.claimForCleaning(best)) continue;
      // It may have begun another life before it was claimed.
      if (!this.#isSynced(best)) {
        this.#segments.seal(best);
        continue;
      }
      this.#eviction?.begin();
      this.#victim = best;
      const start = this.#pool.segmentAddress(best) >>> 0;
      this.#next = start + SEGMENT_HEADER_BYTES / ADDRESS_UNIT_BYTES;
      this.#end = start + this.#segments.usedBytes(best) / ADDRESS_UNIT_BYTES;
      return true;
    }
  }

  #isSynced(victim: SegmentId): boolean {
    return !isLogged(this.#pool) || isSynced(this.#pool, this.#segments, victim);
  }

  #canFinish(victim: SegmentId): boolean {
    // Where records are dropped no room is needed.
    if (this.#segments.freeCount > 0 || this.#eviction !== undefined) return true;
    // Frames, and ends of segments that the next record does not fit, take a little more than was
    // live.
    const neededBytes = this.#segments.liveBytes(victim) * ROOM_FACTOR + ROOM_SLACK_BYTES;
    if (neededBytes <= this.#log.roomBytes) return true;
    const other = largestUnfilled(this.#pool, this.#segments, victim);
    return other !== NO_SEGMENT &&
      neededBytes <= unfilledBytes(this.#pool, this.#segments, other);
  }

  /**
   * Moves one record if it is live; false when there was no room to move it to, or its slot is
   * locked.
   */
  #cleanRecord(address: PoolAddress): boolean {
    const pool = this.#pool;
    const words = pool.wordsOf(address);
    const at = pool.wordAt(address);
    const meta = words[at + RECORD_META];
    const length = recordWords(meta, words[at + RECORD_VALUE_BYTES]);
    if (
      metaKind(meta) === RecordKind.PUT &&
      !this.#moveIfLive((address | 0) as PoolAddress, words, at, length)
    ) {
      return false;
    }
    assert(length > 0, "records have a length");
    this.#next += length >>> 1;
    return true;
  }

  #moveIfLive(address: PoolAddress, words: Int32Array, at: number, length: number): boolean {
    const pool = this.#pool;
    const hash = words[at + RECORD_HASH];
    const slotAt = pool.slotAt((hash >>> SLOT_SHIFT) as Slot);
    const eviction = metaKeyBytes(words[at + RECORD_META]) === 0 ? undefined : this.#eviction;
    const target = eviction?.dropsAll ? NO_ADDRESS : this.#reserve(length);
    if (target === NO_ADDRESS && eviction === undefined) return false;
    const bytes = length * 4;
    const owner = lockAnySlot(pool.control, slotAt + SLOT_LOCK, this.#log.agent);
    if (owner === undefined) {
      if (target !== NO_ADDRESS) this.#log.cancel(target, length);
      return false;
    }
    const isLive = this.#table.findAddress(slotAt, hash, address);
    const expiresAtMs = isLive ? recordExpiry(words, at) : Infinity;
    const isExpired = expiresAtMs !== Infinity && expiresAtMs <= this.#clock();
    const isDropped = isLive && !isExpired && eviction !== undefined &&
      (target === NO_ADDRESS || !eviction.keeps(this.#table.foundCount));
    if (isExpired || isDropped) {
      this.#table.remove(slotAt);
      swingCells(pool, hash, address, NO_ADDRESS);
      if (expiresAtMs !== Infinity) pool.control[slotAt + SLOT_EXPIRING_COUNT] -= 1;
      if (isDropped) eviction.noteDropped(hash);
    } else if (isLive) {
      copyWords(words, at, pool.wordsOf(target), pool.wordAt(target), length);
      this.#segments.addLive(target, bytes);
      this.#table.move(address, target);
      if (eviction !== undefined) {
        this.#table.foundCount = eviction.countWhenKept(this.#table.foundCount);
      }
      swingCells(pool, hash, address, target);
      this.movedBytes += bytes;
    }
    // Under the lock: the agent that cleans the victim after this one has died must not find it
    // half done.
    if (isLive) this.#segments.subtractLive(address, bytes);
    unlockSlot(pool.control, slotAt + SLOT_LOCK, owner);
    const isUnused = !isLive || isExpired || isDropped;
    if (isUnused && target !== NO_ADDRESS) this.#log.cancel(target, length);
    return true;
  }

  /** Reserves room for a record that may be moved. */
  #reserve(length: number): PoolAddress {
    const before = this.#log.segment;
    const target = this.#log.reserve(length, 0);
    if (this.#log.segment !== before) this.#eviction?.noteOpened();
    return target;
  }
}

/**
 * Bytes of headers that cleaning a victim with so many fillable bytes adds at most: of a segment,
 * and of a frame for each step and for the end of a segment in between.
 */
function headerBytesMax(fillableBytes: number): number {
  const stepsMax = Math.ceil(fillableBytes / RECORD_BYTES_MIN / CLEANER_STEP_RECORDS);
  return SEGMENT_HEADER_BYTES + (stepsMax + 1) * FRAME_HEADER_BYTES;
}

for (let bytes = SEGMENT_HEADER_BYTES; bytes <= SEGMENT_BYTES_MAX; bytes *= 2) {
  const gainMin = Math.max(CLEANING_GAIN_BYTES_MIN, bytes * CLEANING_GAIN_MIN);
  assert(gainMin > headerBytesMax(bytes), "cleaning gains more than the headers that it adds");
}
