/**
 * What a KN does about an atomic commit: checks and changes of several keys, of whichever KNs'
 * slots, that are made together or not at all.
 *
 * One KN executes it, the owner of the lowest of its slots, in one go:
 *
 * 1. **Make room** in the KN's open segment for all records, so that they are in one segment, and
 *    in one frame where they are logged. This may clean, so it comes before slots are locked.
 * 2. **Lock** the slots in ascending order, with a bound. The lowest is locked by the owner word
 *    that the request carries, as for any change: that proves that the request is executed by the
 *    owner that its client has routed it to, so it is executed once, whatever becomes of KNs (I4,
 *    I5). The others are locked whichever KNs own them, as cleaners do, and get their owner words
 *    back. Their owners find them locked meanwhile, and the M-node cannot move them (I1).
 * 3. **Admit and append**, entry by entry: find the key, check its condition, make the record. The
 *    first entry that does not hold ends it: nothing has been seen of it by then, and the space is
 *    given back.
 * 4. **Make room in the index** for pairs of new keys. From here on nothing can fail but the file.
 * 5. **Stamp** all records: under the locks, so versions grow with the order of the changes of each
 *    key (I9). Then prepare the answer: if the thread dies from here on, the M-node makes the
 *    commit.
 * 6. **Write** the frame, and sync it if asked, where writes are logged (I3). It is in the file
 *    whole or not at all, so after a crash the commit is there or not.
 * 7. **Show** it: all keys change at one moment (agent/shown_commit.ts). Answer, and unlock.
 *
 * Where writes are logged the commit joins the group of the step after 5, and 6 and 7 are done with
 * all of it (logged_commit.ts). A group that has one of its slots, or commits in another segment,
 * is ended first, and the commit tries again. Slots of one commit are locked in ascending order. An
 * owner whose group is open may hold higher ones and wait for a lower one; as all wait with a
 * bound, and let go of all then, all go on.
 *
 * **When the thread dies** (recovery/step_recovery.ts): before 5 nothing of the commit counts;
 * after 6, or after 5 in a pool without a file, it is made. In between it is made if its group was
 * SEALED, whose frame is written once more then.
 *
 * @module
 */
import {
  NO_ADDRESS,
  type NodeId,
  type OwnerWord,
  type PoolAddress,
  type Slot,
} from "../core/brands.ts";
import { assert } from "../core/assert.ts";
import { copyWords } from "../core/copy_words.ts";
import { emptyArray } from "../core/empty_array.ts";
import { DELETE_SEGMENT_RESERVE, PUT_SEGMENT_RESERVE, SLOT_SHIFT } from "../core/limits.ts";
import type { SlotTable } from "../index/slot_table.ts";
import type { LogWriter } from "../log/log_writer.ts";
import {
  metaKind,
  metaVersionHigh,
  RECORD_HASH,
  RECORD_META,
  RECORD_REPLACES,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  RecordKind,
  recordWords,
  valueWord,
} from "../log/record_layout.ts";
import type { LogFile } from "../persistence/log_file.ts";
import { SLOT_LOCK } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import type { SegmentTable } from "../pool/segment_table.ts";
import { commitHeadWords, entryCount, leaveVersion } from "../rings/commit_words.ts";
import type { RequestConsumer } from "../rings/request_consumer.ts";
import {
  mustSyncOf,
  Operation,
  REQUEST_ARGUMENT,
  REQUEST_LENGTH,
  REQUEST_OPERATION,
  REQUEST_OWNER_WORD,
  REQUEST_RECORD,
  Status,
} from "../rings/ring_layout.ts";
import {
  isUnavailable,
  Lock,
  lockAnySlot,
  lockSlot,
  ownerOf,
  unlockSlot,
} from "../routing/ownership.ts";
import type { SlotWriter } from "../agent/slot_writer.ts";
import type { Admission } from "./admission.ts";
import { Change } from "./change.ts";
import { type LogSpace, Outcome } from "./commit_policy.ts";
import type { LoggedCommit } from "./logged_commit.ts";
import type { ShownSet } from "./shown_set.ts";
import { giveBackStaged } from "./staged_record.ts";

/** What commits are made with: the parts of a KN. */
export interface AtomicCommitsOptions {
  readonly pool: Pool;
  readonly nodeId: NodeId;
  /** The KN's agent block. */
  readonly agent: number;
  readonly segments: SegmentTable;
  readonly table: SlotTable;
  readonly slots: SlotWriter;
  readonly admission: Admission;
  readonly log: LogWriter;
  readonly space: LogSpace;
  /** What is shown at one moment. */
  readonly set: ShownSet;
  /** The group that commits join, and the image, where writes are logged. */
  readonly group: LoggedCommit | undefined;
  readonly file: LogFile | undefined;
  /** Whether what waits for a disk is left to the KN's own thread. */
  readonly leavesDisk: () => boolean;
}

/** Makes the atomic commits of one executor, one at a time. */
export class AtomicCommits {
  readonly #options: AtomicCommitsOptions;
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #change = new Change();
  /** Slots that are locked, and the owner words to unlock them with. */
  readonly #lockedSlots: Slot[] = [];
  readonly #owners: OwnerWord[] = [];
  /** The entries: where they begin, and how many there are. */
  #words: Int32Array = new Int32Array(0);
  #start = 0;
  #count = 0;
  /** The records that have been appended: the first, the next one to come, and their words. */
  #first: PoolAddress = NO_ADDRESS;
  #recordWords = 0;
  /** Number of the entry of each record. */
  readonly #entryOf: number[] = [];
  /** The entry that a commit was refused for. */
  #refused = 0;

  /** Makes commits with the parts of a KN. */
  constructor(options: AtomicCommitsOptions) {
    this.#options = options;
    this.#pool = options.pool;
    this.#control = options.pool.control;
  }

  /**
   * Executes the request at an index of a ring, or of other words (own_commits.ts); in both it is
   * answered in the ring.
   */
  execute(consumer: RequestConsumer, ring: Int32Array, at: number): Outcome {
    const { leavesDisk, file, space } = this.#options;
    const mustSync = mustSyncOf(ring[at + REQUEST_OPERATION]);
    if (mustSync && leavesDisk()) return Outcome.WAITS;
    const staged = ring[at + REQUEST_ARGUMENT] as PoolAddress;
    this.#read(ring, at, staged);
    let status: number = file?.hasFailed ? Status.NOT_DURABLE : Status.OK;
    if (status === Status.OK && !this.#reserve()) {
      status = space.whenFull();
      if (status === Outcome.DONE) status = Status.LOG_FULL;
    }
    if (status === Status.OK) status = this.#lock(ring[at + REQUEST_OWNER_WORD] as OwnerWord);
    if (status === Status.OK) status = this.#make(ring, at);
    if (status === Status.OK && this.#first !== NO_ADDRESS) {
      this.#commit(consumer, mustSync, staged);
      return Outcome.DONE;
    }
    if (status >= Status.OK) this.#answer(consumer, status, staged);
    this.#unlock();
    return status < Status.OK ? status as Outcome : Outcome.DONE;
  }

  /** Takes over where the entries are. */
  #read(ring: Int32Array, at: number, staged: PoolAddress): void {
    this.#count = entryCount(ring, at);
    this.#first = NO_ADDRESS;
    this.#recordWords = this.#refused = 0;
    emptyArray(this.#entryOf);
    if (staged === NO_ADDRESS) {
      this.#words = ring;
      this.#start = at + commitHeadWords(this.#count);
      return;
    }
    this.#words = this.#pool.wordsOf(staged);
    const record = this.#pool.wordAt(staged);
    this.#start = record + valueWord(this.#words[record + RECORD_META]);
  }

  /** Sees to it that the log has room for all records in one segment; false if there is none. */
  #reserve(): boolean {
    const { space, log, set } = this.#options;
    const change = this.#change;
    let words = 0;
    let segmentReserve = DELETE_SEGMENT_RESERVE;
    for (let entry = 0, at = this.#start; entry < this.#count; entry++) {
      at = this.#take(at);
      if (change.operation === Operation.PAD) continue;
      words += change.length;
      if (change.isPut) segmentReserve = PUT_SEGMENT_RESERVE;
    }
    if (words === 0) return true;
    const address = space.reserve(log, words, segmentReserve);
    if (address === NO_ADDRESS) return false;
    // They are reserved one by one, when it is known how long each of them is.
    log.cancel(address, words);
    // Otherwise the group, which is open, ends first.
    return set.mayHold(address);
  }

  /** Locks the slots; a `Status`, or an `Outcome` to wait for. */
  #lock(routedBy: OwnerWord): number {
    const { nodeId, agent, group } = this.#options;
    let last = -1;
    for (let entry = 0, at = this.#start; entry < this.#count; entry++) {
      const slot = (this.#words[at + REQUEST_RECORD + RECORD_HASH] >>> SLOT_SHIFT) as Slot;
      at += this.#words[at + REQUEST_LENGTH];
      if (slot === last) continue;
      if (group !== undefined && !group.mayLock(slot)) return Outcome.WAITS;
      const lockAt = this.#pool.slotAt(slot) + SLOT_LOCK;
      let owner: OwnerWord | undefined;
      if (last !== -1) owner = lockAnySlot(this.#control, lockAt, agent);
      else {
        const lock = ownerOf(routedBy) !== nodeId
          ? Lock.MOVED
          : lockSlot(this.#control, lockAt, routedBy, agent);
        if (lock === Lock.MOVED) return Status.MOVED;
        if (lock === Lock.TAKEN) owner = routedBy;
      }
      if (owner === undefined) {
        return isUnavailable(this.#pool, slot) ? Status.UNAVAILABLE : Outcome.WAITS;
      }
      this.#lockedSlots.push(slot);
      this.#owners.push(owner);
      last = slot;
    }
    return Status.OK;
  }

  /**
   * Makes the records of the commit, whose slots are locked, and sees to it that nothing can fail
   * any more; a `Status`, or an `Outcome` to wait for. The log and the set have none of them if
   * there is one to wait for, or the commit is refused.
   */
  #make(ring: Int32Array, at: number): number {
    const { log, set } = this.#options;
    let status = this.#append(ring, at);
    if (this.#first === NO_ADDRESS) return status;
    if (status === Status.OK && !set.add(this.#first, this.#recordWords)) {
      status = Status.INDEX_FULL;
    }
    if (status === Status.OK) this.#stamp(ring, at);
    else {
      log.cancel(this.#first, this.#recordWords);
      this.#first = NO_ADDRESS;
    }
    return status;
  }

  /**
   * Checks all entries, and appends the records of those that change something; a `Status`, or an
   * `Outcome` to wait for.
   */
  #append(ring: Int32Array, at: number): number {
    const change = this.#change;
    for (let entry = 0, next = this.#start; entry < this.#count; entry++) {
      next = this.#take(next);
      leaveVersion(ring, at, entry, 0, 0);
      const status = this.#appendOne(change, entry);
      if (status === Status.OK) continue;
      this.#refused = entry;
      return status;
    }
    return Status.OK;
  }

  #appendOne(change: Change, entry: number): number {
    const { table, admission } = this.#options;
    const { slotAt, hash, words, start, byteLength, operation } = change;
    const old = table.find(slotAt, hash, words, start, byteLength);
    if (!admission.holds(change, old)) return Status.UNMET;
    if (operation === Operation.PAD) return Status.OK;
    let status: number = Status.OK;
    if (operation === Operation.DELETE) {
      if (!admission.isLogged(old)) return Status.OK;
      this.#place(change, entry);
    } else {
      this.#place(change, entry);
      status = admission.admit(change, old);
    }
    change.record[change.to + RECORD_REPLACES] = old;
    this.#recordWords += change.length;
    return status;
  }

  /** Copies the record of an entry into the log, where there is room for it. */
  #place(change: Change, entry: number): void {
    const address = this.#options.log.reserve(change.length, 0);
    assert(address !== NO_ADDRESS, "room was made for the records of a commit");
    if (this.#first === NO_ADDRESS) this.#first = address;
    this.#entryOf.push(entry);
    change.place(this.#pool, address);
    copyWords(change.source, change.from, change.record, change.to, change.length);
  }

  /** Commits the records, with the answer: now, or with the group. */
  #commit(consumer: RequestConsumer, mustSync: boolean, staged: PoolAddress): void {
    const { group, set } = this.#options;
    if (group !== undefined) {
      group.addCommit(consumer, this.#first, mustSync, staged, this.#lockedSlots, this.#owners);
      this.#forgetLocks();
      return;
    }
    consumer.prepare(Status.OK, this.#first, 0, 0);
    set.show();
    consumer.completePrepared();
    set.end();
    this.#unlock();
    this.#giveBack(staged, Status.OK);
  }

  /** Answers a request that changes nothing. */
  #answer(consumer: RequestConsumer, status: number, staged: PoolAddress): void {
    const { group } = this.#options;
    if (group !== undefined) group.refuseCommit(consumer, status, this.#refused, staged);
    else {
      consumer.complete(status, 0, this.#refused, 0);
      this.#giveBack(staged, status);
    }
  }

  /**
   * Gives back what was staged. A client whose slot has moved will have it made by the new owner.
   */
  #giveBack(staged: PoolAddress, status: number): void {
    if (staged === NO_ADDRESS || status === Status.MOVED) return;
    giveBackStaged(this.#pool, this.#options.segments, staged);
  }

  /** Gives the records their versions, and leaves those in the request. */
  #stamp(ring: Int32Array, at: number): void {
    const { segments, slots } = this.#options;
    const words = this.#pool.wordsOf(this.#first);
    const first = this.#pool.wordAt(this.#first);
    for (let done = 0, number = 0; done < this.#recordWords; number++) {
      const to = first + done;
      const slotAt = this.#slotAtOf(words[to + RECORD_HASH]);
      slots.stamp(slotAt, words, to, words[to + RECORD_REPLACES] as PoolAddress);
      const meta = words[to + RECORD_META];
      const length = recordWords(meta, words[to + RECORD_VALUE_BYTES]);
      if (metaKind(meta) === RecordKind.PUT) segments.addLive(this.#recordAt(done), length * 4);
      const low = words[to + RECORD_VERSION_LOW];
      leaveVersion(ring, at, this.#entryOf[number]!, low, metaVersionHigh(meta));
      done += length;
    }
  }

  #unlock(): void {
    for (let i = 0; i < this.#owners.length; i++) {
      const lockAt = this.#pool.slotAt(this.#lockedSlots[i]!) + SLOT_LOCK;
      unlockSlot(this.#control, lockAt, this.#owners[i]!);
    }
    this.#forgetLocks();
  }

  #forgetLocks(): void {
    emptyArray(this.#lockedSlots);
    emptyArray(this.#owners);
  }

  /**
   * Takes the entry at an index, as a change that has not been placed; returns where the next one
   * begins.
   */
  #take(at: number): number {
    this.#change.read(this.#pool, this.#words, at);
    return at + this.#words[at + REQUEST_LENGTH];
  }

  /** Address of the record that begins so many words behind the first one. */
  #recordAt(words: number): PoolAddress {
    return ((this.#first >>> 0) + (words >>> 1) | 0) as PoolAddress;
  }

  #slotAtOf(hash: number): number {
    return this.#pool.slotAt((hash >>> SLOT_SHIFT) as Slot);
  }
}
