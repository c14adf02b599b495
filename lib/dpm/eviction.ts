/**
 * What a cleaner does in a pool that evicts: which segment is its victim, and which of the victim's
 * records are dropped instead of moved. The policy is in eviction/eviction_policy.ts.
 *
 * Nothing new is needed for this to be safe. A record is dropped as an expired one is: under its
 * slot's lock, if the index holds exactly its address; the pair is cleared before the record is
 * subtracted from the live bytes, and both under the lock, so a thread that dies in between leaves
 * what the cleaner's argument covers already (cleaner.ts). For readers the key is absent from the
 * store of 0 on, which is the moment at which the drop takes effect (I4). No version is given out,
 * and the slot's version stays: what is put later has a higher one (I9).
 *
 * **A dropped record is not logged.** After a crash the newest checkpoint may still have it, or a
 * frame behind it: then it comes back as itself. It never comes back in place of a newer record of
 * its key. That was logged, and its frame is replayed, as its segment is not reused before a
 * checkpoint that has neither of them (I10); and of two records the newer one wins. Deletes of keys
 * that are not there are logged here (pool/when_full.ts), so a key that a client has deleted does
 * not come back either.
 *
 * **What a cleaner knows from one victim to the next** is in a word of its agent's block, as
 * another thread may go on with its victim:
 *
 * ```text
 *   bits 0-2   count that a record of the victim needs to be kept
 *   bit  3     the victim is a main segment
 *   bit  4     it is copied, as little in it is alive
 *   bits 5-10  victims since a segment was gained, this one apart, up to 63
 *   bits 11-16 segments opened for what was kept of them, up to 63
 * ```
 *
 * @module
 */
import { NO_SEGMENT, type SegmentId } from "../core/brands.ts";
import {
  countNeeded,
  countWhenKept,
  DROPS_ALL,
  VictimSearch,
} from "../eviction/eviction_policy.ts";
import { Ghosts } from "../eviction/ghosts.ts";
import { AgentCounter, AgentCounters } from "../pool/agent_counters.ts";
import { AGENT_EVICTION } from "../pool/control_layout.ts";
import { SEGMENT_BIRTH } from "../pool/segment_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentState } from "../pool/segment_state.ts";
import type { SegmentTable } from "../pool/segment_table.ts";
import type { VictimPolicy } from "./victims.ts";

const NEEDED_MASK = 7;
const IS_MAIN = 1 << 3;
const IS_COPIED = 1 << 4;
const VICTIMS_SHIFT = 5;
const OPENED_SHIFT = 11;
const COUNT_MASK = 63;

/** Drops records on behalf of one cleaner. */
export class Eviction implements VictimPolicy {
  readonly #pool: Pool;
  readonly #segments: SegmentTable;
  readonly #ghosts: Ghosts;
  readonly #counters: AgentCounters;
  readonly #stateAt: number;
  readonly #search = new VictimSearch();
  /** A segment that could not be finished: another one is tried first. */
  #unfinished: SegmentId = NO_SEGMENT;

  private constructor(pool: Pool, segments: SegmentTable, agent: number, ghosts: Ghosts) {
    this.#pool = pool;
    this.#segments = segments;
    this.#ghosts = ghosts;
    this.#counters = new AgentCounters(pool, agent);
    this.#stateAt = pool.agentAt(agent) + AGENT_EVICTION;
  }

  /** Of the cleaner that is an agent of a pool; undefined if the pool does not evict. */
  static of(pool: Pool, segments: SegmentTable, agent: number): Eviction | undefined {
    const ghosts = Ghosts.of(pool);
    return ghosts && new Eviction(pool, segments, agent, ghosts);
  }

  /** The next victim; `NO_SEGMENT` if no segment is sealed that may be cleaned. */
  next(mayClean: (segment: SegmentId) => boolean): SegmentId {
    const { control } = this.#pool;
    const segments = this.#segments;
    const search = this.#search;
    search.begin();
    for (let i = 0, end = this.#pool.segmentLimit; i < end; i++) {
      const segment = i as SegmentId;
      const state = segments.state(segment);
      if (state === SegmentState.FREE || state === SegmentState.FREE_PENDING) continue;
      const isMain = segments.isOfCleaner(segment);
      const usedBytes = segments.usedBytes(segment);
      const mayBe = state === SegmentState.SEALED && !segments.isPinned(segment) &&
        segment !== this.#unfinished && !segments.isStaging(segment) && mayClean(segment);
      if (mayBe) {
        const birth = control[this.#pool.segmentAt(segment) + SEGMENT_BIRTH];
        search.see(segment, isMain, birth, segments.liveBytes(segment), usedBytes);
      } else search.seeBusy(isMain, usedBytes);
    }
    this.#unfinished = NO_SEGMENT;
    return search.choose(this.#pool.capacityBytes);
  }

  /** Begins with the victim that was found last: the cleaner has claimed it. */
  begin(): void {
    const { isMain, isCopied } = this.#search;
    const state = this.#state;
    const needed = countNeeded(isCopied, (state >>> VICTIMS_SHIFT) & COUNT_MASK);
    this.#state = (state & ~(NEEDED_MASK | IS_MAIN | IS_COPIED)) | needed |
      (isMain ? IS_MAIN : 0) | (isCopied ? IS_COPIED : 0);
  }

  /** Says that the cleaner has opened a segment for what it keeps. */
  noteOpened(): void {
    if (((this.#state >>> OPENED_SHIFT) & COUNT_MASK) < COUNT_MASK) {
      this.#state += 1 << OPENED_SHIFT;
    }
  }

  /** Says that the victim has been passed; if that is a gain, the next one begins anew. */
  end(): void {
    const passedCount = ((this.#state >>> VICTIMS_SHIFT) & COUNT_MASK) + 1;
    const openedCount = (this.#state >>> OPENED_SHIFT) & COUNT_MASK;
    if (passedCount > openedCount || passedCount === COUNT_MASK) this.#state = 0;
    else this.#state += 1 << VICTIMS_SHIFT;
  }

  /** Says that the victim cannot be finished now. */
  giveUp(victim: SegmentId): void {
    this.#unfinished = victim;
  }

  /** Whether nothing of the victim is kept, so that no room is needed. */
  get dropsAll(): boolean {
    return (this.#state & NEEDED_MASK) === DROPS_ALL;
  }

  /** Whether a live record of the victim is kept. */
  keeps(count: number): boolean {
    return count >= (this.#state & NEEDED_MASK);
  }

  /** Count of a record of the victim that is kept. */
  countWhenKept(count: number): number {
    const state = this.#state;
    return countWhenKept(count, (state & IS_MAIN) !== 0, (state & IS_COPIED) !== 0);
  }

  /** Remembers a record of the victim that has been dropped. */
  noteDropped(hash: number): void {
    this.#counters.add(AgentCounter.EVICTED, 1);
    if ((this.#state & IS_MAIN) === 0) this.#ghosts.remember(hash);
  }

  get #state(): number {
    return this.#pool.control[this.#stateAt];
  }

  set #state(state: number) {
    this.#pool.control[this.#stateAt] = state;
  }
}
