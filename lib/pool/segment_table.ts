/**
 * Segment states. Which segments are free is in a set of its own (free_segments.ts).
 *
 * ```text
 *            allocate              seal              claim for cleaning
 *     FREE ------------> OPEN ------------> SEALED ---------------------> CLEANING
 *      ^                  ^                 |  |                             |
 *      |                  +-----------------+  | no live bytes               |
 *      |                        reopen         |                             |
 *      |              release                 v                              | all moved
 *      +------------------------------- FREE_PENDING <-----------------------+
 * ```
 *
 * I10: a segment leaves FREE_PENDING only when it has no live bytes, so no index word points into
 * it, and while no snapshot defers it. Its generation is bumped before it is in the set of free
 * segments, that is, before a writer can take it: a reader that loads the same generation before
 * and after its read saw bytes that no writer had begun to overwrite.
 *
 * **The generation is bumped once in each life**, also if threads die in the middle of a release.
 * With a bump too few, readers would not notice the reuse (I6). With one too many, a replay would
 * not know the frames of the next life: a checkpoint says which generation a free segment will have
 * (frame_replay.ts), and what was logged since would be lost (I3). So the bump comes first, while
 * the segment is FREE_PENDING, and the state word remembers whether the generation was odd before:
 * the thread that releases the segment next can tell whether the bump is still to be made. It is
 * made by a compare-and-swap, after another look at the state word; so it fails when another thread
 * was first. A segment that is FREE has been bumped.
 *
 * **What a thread leaves that dies in here** is put right by {@linkcode repairSegments}: a segment
 * that is FREE but not in the set (it was being added, or had been taken and not opened: nothing
 * has been written into it), counts that are one off, a release or a look at the live bytes that
 * did not happen. Segments that the dead thread held, open or being cleaned, are for others to
 * seal: a repair does not know which threads are dead.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { NO_SEGMENT, type PoolAddress, type SegmentId } from "../core/brands.ts";
import {
  AGENT_CLEANERS,
  AGENT_DPM,
  AGENT_TENANCY,
  FREE_PENDING_COUNT,
  GATE_DEFER_FREE,
  GENERATIONS,
  PUT_SEGMENTS_OPENED,
  SEGMENTS_OPENED,
} from "./control_layout.ts";
import {
  SEGMENT_AGENT,
  SEGMENT_BIRTH,
  SEGMENT_CRC_BYTES,
  SEGMENT_IS_STAGING,
  SEGMENT_LIVE_BYTES,
  SEGMENT_LOG_NUMBER,
  SEGMENT_LOST_BYTES,
  SEGMENT_MERGED_BYTES,
  SEGMENT_PINS,
  SEGMENT_STATE,
  SEGMENT_SYNCED_BYTES,
  SEGMENT_TENANCY,
  SEGMENT_TOUCHED_BYTES,
  SEGMENT_USED_BYTES,
} from "./segment_layout.ts";
import { FreeSegments } from "./free_segments.ts";
import type { Pool } from "./pool.ts";
import { DeferFree, SegmentState } from "./segment_state.ts";

/** Bound of one wait for the end of a snapshot. */
const RELEASE_WAIT_MS_MAX = 10;

/**
 * Bits of a state word: the state; in FREE_PENDING, whether the generation was odd before the
 * release; the others count the segment's lives, so that no word ever comes back.
 */
const STATE_MASK = 7;
const ODD_GENERATION = STATE_MASK + 1;
const LIFE_STEP = 2 * ODD_GENERATION;
const LIFE_MASK = -LIFE_STEP;

/** Operations on the shared segment table. */
export class SegmentTable {
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #free: FreeSegments;

  /** Operates on a pool's segments. */
  constructor(pool: Pool) {
    this.#pool = pool;
    this.#control = pool.control;
    this.#free = new FreeSegments(pool);
  }

  /** Free segments that no agent has claimed. */
  get freeCount(): number {
    return this.#free.count;
  }

  /** The free segment that is allocated next; `NO_SEGMENT` if there is none. */
  get nextFree(): SegmentId {
    return this.#free.first;
  }

  /**
   * Number of segments without live bytes that are not free yet, because a snapshot or the next
   * checkpoint defers that.
   */
  get pendingCount(): number {
    return Atomics.load(this.#control, FREE_PENDING_COUNT);
  }

  /** The segments that wait to be freed. */
  pendingSegments(): SegmentId[] {
    const found: SegmentId[] = [];
    for (let i = 0, end = this.#pool.segmentLimit; i < end; i++) {
      if (this.state(i as SegmentId) === SegmentState.FREE_PENDING) found.push(i as SegmentId);
    }
    return found;
  }

  /** The segments that an agent appends to, staged values included: its death leaves them. */
  openSegmentsOf(agent: number): SegmentId[] {
    const open: SegmentId[] = [];
    for (let i = 0, end = this.#pool.segmentLimit; i < end; i++) {
      const segment = i as SegmentId;
      // In this order: an agent that opens a free segment says whose it is before it says that it
      // is open. A free one still names the last.
      if (this.state(segment) !== SegmentState.OPEN) continue;
      const owner = this.#control[this.#pool.segmentAt(segment) + SEGMENT_AGENT];
      if (owner === agent) open.push(segment);
    }
    return open;
  }

  /** Whether a segment holds staged values, which neither the index nor a file ever point at. */
  isStaging(segment: SegmentId): boolean {
    return Atomics.load(this.#control, this.#pool.segmentAt(segment) + SEGMENT_IS_STAGING) !== 0;
  }

  /** State of a segment, with the number of its life: another word in every life. */
  stateWord(segment: SegmentId): number {
    return Atomics.load(this.#control, this.#pool.segmentAt(segment) + SEGMENT_STATE);
  }

  /** Number of a segment's life. */
  lifeOf(segment: SegmentId): number {
    return this.stateWord(segment) & LIFE_MASK;
  }

  /** Whether a segment is still in the life of a state word. */
  isOfLife(segment: SegmentId, word: number): boolean {
    return this.lifeOf(segment) === (word & LIFE_MASK);
  }

  /** State of a segment. */
  state(segment: SegmentId): number {
    return Atomics.load(this.#control, this.#pool.segmentAt(segment) + SEGMENT_STATE) & STATE_MASK;
  }

  /** Whether a cleaner has appended to a segment: in a pool that evicts it is one of main. */
  isOfCleaner(segment: SegmentId): boolean {
    return isCleaner(this.#control[this.#pool.segmentAt(segment) + SEGMENT_AGENT]);
  }

  /** Bytes of a segment that the index can reach. */
  liveBytes(segment: SegmentId): number {
    return Atomics.load(this.#control, this.#pool.segmentAt(segment) + SEGMENT_LIVE_BYTES);
  }

  /** Bytes appended to a segment as of its owner's last batch. */
  usedBytes(segment: SegmentId): number {
    return Atomics.load(this.#control, this.#pool.segmentAt(segment) + SEGMENT_USED_BYTES);
  }

  /** Bytes that the index can reach, in all segments. */
  liveBytesTotal(): number {
    let total = 0;
    for (let segment = 0, end = this.#pool.segmentLimit; segment < end; segment++) {
      total += this.liveBytes(segment as SegmentId);
    }
    return total;
  }

  /**
   * Bytes at a segment's end that are lost, as the next record did not fit; 0 if it is not full.
   */
  lostBytes(segment: SegmentId): number {
    return Atomics.load(this.#control, this.#pool.segmentAt(segment) + SEGMENT_LOST_BYTES);
  }

  /**
   * Takes a free segment and opens it.
   *
   * @param agent the agent that will append to it
   * @param reserve free segments to leave for others
   * @param isStaging whether it is for staged values
   * @returns the segment, or `NO_SEGMENT` when only the reserve is left, or there is no memory for
   *   another
   */
  allocate(agent: number, reserve: number, isStaging = false): SegmentId {
    const control = this.#control;
    const segment = this.#free.take(reserve);
    if (segment === NO_SEGMENT) return NO_SEGMENT;
    const at = this.#pool.segmentAt(segment);
    assert(this.state(segment) === SegmentState.FREE, "the set of free segments holds free ones");
    if (!this.#pool.coverSegment(segment)) {
      this.#free.add(segment);
      return NO_SEGMENT;
    }
    control[at + SEGMENT_USED_BYTES] = 0;
    control[at + SEGMENT_LOST_BYTES] = 0;
    this.#giveTo(at, agent);
    control[at + SEGMENT_IS_STAGING] = isStaging ? 1 : 0;
    control[at + SEGMENT_SYNCED_BYTES] = 0;
    control[at + SEGMENT_CRC_BYTES] = 0;
    control[at + SEGMENT_BIRTH] = Atomics.add(control, SEGMENTS_OPENED, 1);
    if (!isStaging && !isCleaner(agent)) Atomics.add(control, PUT_SEGMENTS_OPENED, 1);
    Atomics.store(control, at + SEGMENT_LIVE_BYTES, 0);
    this.#setState(at, SegmentState.OPEN);
    return segment;
  }

  /**
   * Opens a segment that was sealed, and that this thread has claimed, for an agent to go on behind
   * its used bytes.
   *
   * The state word gets the number of another life, though the segment keeps its generation and its
   * contents: a thread that is about to free it, and was asleep since it had seen it sealed, must
   * not take it for what it was when it is sealed again.
   */
  reopen(segment: SegmentId, agent: number): void {
    const control = this.#control;
    const at = this.#pool.segmentAt(segment);
    this.#giveTo(at, agent);
    const life = (control[at + SEGMENT_STATE] & LIFE_MASK) + LIFE_STEP;
    Atomics.store(control, at + SEGMENT_STATE, life | SegmentState.OPEN);
  }

  /** Says which agent is about to append to a segment, which is in no far KN's log yet. */
  #giveTo(at: number, agent: number): void {
    const control = this.#control;
    control[at + SEGMENT_AGENT] = agent;
    control[at + SEGMENT_TENANCY] = control[this.#pool.agentAt(agent) + AGENT_TENANCY];
    control[at + SEGMENT_LOG_NUMBER] = 0;
    control[at + SEGMENT_MERGED_BYTES] = 0;
  }

  /** Publishes how far an open segment is filled, so that a snapshot knows what to write. */
  publishUsed(segment: SegmentId, usedBytes: number): void {
    const at = this.#pool.segmentAt(segment);
    Atomics.store(this.#control, at + SEGMENT_USED_BYTES, usedBytes);
    if (usedBytes > this.#control[at + SEGMENT_TOUCHED_BYTES]) {
      this.#control[at + SEGMENT_TOUCHED_BYTES] = usedBytes;
    }
  }

  /** Says that an open segment is full: the next record does not fit behind its used bytes. */
  publishFull(segment: SegmentId): void {
    const lostBytes = this.#pool.geometry.segmentBytes - this.usedBytes(segment);
    Atomics.store(this.#control, this.#pool.segmentAt(segment) + SEGMENT_LOST_BYTES, lostBytes);
  }

  /** Ends appending to a segment (or cleaning it); frees it when nothing in it is live. */
  seal(segment: SegmentId): void {
    const at = this.#pool.segmentAt(segment);
    this.#setState(at, SegmentState.SEALED);
    // The thread that took the last live bytes away before this store saw a segment that was not
    // sealed and left it alone, so it has to be looked at again here.
    if (Atomics.load(this.#control, at + SEGMENT_LIVE_BYTES) === 0) this.#freeIfDead(segment, at);
  }

  /** Counts bytes as reachable; called before the index points at them. */
  addLive(address: PoolAddress, bytes: number): void {
    const at = this.#pool.segmentAt(this.#pool.segmentOf(address));
    Atomics.add(this.#control, at + SEGMENT_LIVE_BYTES, bytes);
  }

  /** Counts bytes as unreachable; called after the index has stopped pointing at them. */
  subtractLive(address: PoolAddress, bytes: number): void {
    const segment = this.#pool.segmentOf(address);
    const at = this.#pool.segmentAt(segment);
    const before = Atomics.sub(this.#control, at + SEGMENT_LIVE_BYTES, bytes);
    if (before === bytes) this.#freeIfDead(segment, at);
  }

  /**
   * Forgets what is left of the live bytes of a segment in which nothing is live and nothing will
   * be: a thread has died between counting bytes and pointing the index at them, or between taking
   * them out of the index and counting them. For the cleaner, which explains when that is known;
   * the segment is freed when it is sealed.
   */
  writeOff(segment: SegmentId): void {
    Atomics.store(this.#control, this.#pool.segmentAt(segment) + SEGMENT_LIVE_BYTES, 0);
  }

  /** Keeps the cleaner away from a segment while a client writes a large value into it. */
  pin(address: PoolAddress): void {
    const at = this.#pool.segmentAt(this.#pool.segmentOf(address));
    Atomics.add(this.#control, at + SEGMENT_PINS, 1);
  }

  /** Undoes one {@linkcode pin}. */
  unpin(address: PoolAddress): void {
    const at = this.#pool.segmentAt(this.#pool.segmentOf(address));
    Atomics.sub(this.#control, at + SEGMENT_PINS, 1);
  }

  /** Whether a large value is being written into a segment. */
  isPinned(segment: SegmentId): boolean {
    return Atomics.load(this.#control, this.#pool.segmentAt(segment) + SEGMENT_PINS) !== 0;
  }

  /** Claims a sealed segment for cleaning; false when another thread was first. */
  claimForCleaning(segment: SegmentId): boolean {
    const at = this.#pool.segmentAt(segment);
    const word = Atomics.load(this.#control, at + SEGMENT_STATE);
    if ((word & STATE_MASK) !== SegmentState.SEALED) return false;
    const claimed = (word & ~STATE_MASK) | SegmentState.CLEANING;
    return Atomics.compareExchange(this.#control, at + SEGMENT_STATE, word, claimed) === word;
  }

  /** Whether a snapshot holds segments back that will be free when it ends. */
  get isFreeingDeferred(): boolean {
    return Atomics.load(this.#control, GATE_DEFER_FREE) !== DeferFree.NO;
  }

  /** Waits a bounded time for the end of a snapshot. */
  waitForRelease(): void {
    const state = Atomics.load(this.#control, GATE_DEFER_FREE);
    if (state === DeferFree.NO) return;
    Atomics.wait(this.#control, GATE_DEFER_FREE, state, RELEASE_WAIT_MS_MAX);
  }

  /** Frees segments whose freeing was deferred: all of them, or those of a list. */
  releasePending(segments: readonly SegmentId[] = this.pendingSegments()): void {
    for (const segment of segments) this.#release(segment, this.#pool.segmentAt(segment));
  }

  /**
   * Frees a sealed segment if nothing in it is live.
   *
   * The word is loaded before the live bytes, and swapped only if it is still the same: the segment
   * was sealed all the time, in one life, and a sealed segment only loses live bytes. So a thread
   * that is overtaken here, while others free, allocate, fill and seal the segment again, cannot
   * free what they have put into it.
   */
  #freeIfDead(segment: SegmentId, at: number): void {
    const control = this.#control;
    const word = Atomics.load(control, at + SEGMENT_STATE);
    if ((word & STATE_MASK) !== SegmentState.SEALED) return;
    if (Atomics.load(control, at + SEGMENT_LIVE_BYTES) !== 0) return;
    // The generation is that of this life if the swap succeeds: only a release changes it.
    const isOdd = (Atomics.load(control, GENERATIONS + segment) & 1) !== 0;
    const pending = (word & LIFE_MASK) | (isOdd ? ODD_GENERATION : 0) | SegmentState.FREE_PENDING;
    if (Atomics.compareExchange(control, at + SEGMENT_STATE, word, pending) !== word) return;
    Atomics.add(control, FREE_PENDING_COUNT, 1);
    const isDeferred = Atomics.load(control, GATE_DEFER_FREE) === DeferFree.YES;
    if (!isDeferred || this.isStaging(segment)) this.#release(segment, at);
  }

  #release(segment: SegmentId, at: number): void {
    const control = this.#control;
    const word = Atomics.load(control, at + SEGMENT_STATE);
    if ((word & STATE_MASK) !== SegmentState.FREE_PENDING) return;
    // The bump comes before the segment can be allocated: otherwise a reader could read half of a
    // new record and find the generation unchanged (I6). Nothing ever points at what was staged,
    // and the image has nothing of that life: it is not counted, or a replay would not know the
    // frames of the next one.
    if (!this.isStaging(segment)) this.#bumpOnce(segment, at, word);
    const nextLife = ((word & LIFE_MASK) + LIFE_STEP) | SegmentState.FREE;
    if (Atomics.compareExchange(control, at + SEGMENT_STATE, word, nextLife) !== word) return;
    Atomics.sub(control, FREE_PENDING_COUNT, 1);
    this.#free.add(segment);
  }

  /** Bumps the generation of a segment in the FREE_PENDING of `word`, unless that has been done. */
  #bumpOnce(segment: SegmentId, at: number, word: number): void {
    const control = this.#control;
    const generation = Atomics.load(control, GENERATIONS + segment);
    // If the word is still the same, the generation was loaded in this life, before its bump or
    // after it.
    if (Atomics.load(control, at + SEGMENT_STATE) !== word) return;
    if (isBumped(word, generation)) return;
    Atomics.compareExchange(control, GENERATIONS + segment, generation, generation + 1);
  }

  /** See {@linkcode repairSegments}. */
  repair(): void {
    const control = this.#control;
    this.#free.recount();
    Atomics.store(control, FREE_PENDING_COUNT, this.pendingSegments().length);
    // Not beyond the limit: segments are free there, and not to be had (segment_growth.ts).
    const holdsBack = Atomics.load(control, GATE_DEFER_FREE) === DeferFree.YES;
    for (let i = 0, end = this.#pool.segmentLimit; i < end; i++) {
      const segment = i as SegmentId;
      const at = this.#pool.segmentAt(segment);
      const word = Atomics.load(control, at + SEGMENT_STATE);
      const state = word & STATE_MASK;
      if (state === SegmentState.FREE && !this.#free.has(segment)) {
        this.#free.add(segment);
      } else if (state === SegmentState.SEALED) {
        this.#freeIfDead(segment, at);
      } else if (state === SegmentState.FREE_PENDING) {
        // A release that has begun is completed: a checkpoint would count the bump twice.
        const hasBegun = isBumped(word, Atomics.load(control, GENERATIONS + segment));
        if (hasBegun || !holdsBack || this.isStaging(segment)) this.#release(segment, at);
      }
    }
  }

  /** Stores a state: for the one thread that holds the segment. */
  #setState(at: number, state: number): void {
    const word = this.#control[at + SEGMENT_STATE];
    Atomics.store(this.#control, at + SEGMENT_STATE, (word & ~STATE_MASK) | state);
  }
}

/** Whether an agent cleans, and does nothing else. */
function isCleaner(agent: number): boolean {
  return agent === AGENT_DPM || agent >= AGENT_CLEANERS;
}

/**
 * Whether the generation of a segment that is FREE_PENDING by `word` has been bumped in this life.
 */
function isBumped(word: number, generation: number): boolean {
  return ((generation & 1) !== 0) !== ((word & ODD_GENERATION) !== 0);
}

/**
 * Puts the table of segments right after a thread has died in the middle of changing it: every free
 * segment is in the set of free ones, counts are right, and what can be freed is free.
 *
 * Called while the pool is paused, and no other thread releases segments: none that stalls is
 * inside a step, and no checkpoint or snapshot is between its pause and its end, as it releases
 * what it has held back outside of any step. A thread that dies in a repair leaves what the next
 * one puts right.
 */
export function repairSegments(pool: Pool): void {
  new SegmentTable(pool).repair();
}
