/**
 * What a KN does about an atomic commit: checks and changes of several keys, of whichever KNs'
 * slots, that are made together or not at all.
 *
 * One KN executes it, the owner of the lowest of its slots, in one go:
 *
 * 1. **Make room** in the KN's open segment for all records, so that they are in one segment, and in
 *    one frame where they are logged. This may clean, so it comes before slots are locked.
 * 2. **Lock** the slots in ascending order, with a bound. The lowest is locked by the owner word that
 *    the request carries, as for any change: that proves that the request is executed by the owner
 *    that its client has routed it to, so it is executed once, whatever becomes of KNs (I4, I5). The
 *    others are locked whichever KNs own them, as cleaners do, and get their owner words back.
 *    Their owners find them locked meanwhile, and the M-node cannot move them (I1).
 * 3. **Admit and append**, entry by entry: find the key, check its condition, make the record. The
 *    first entry that does not hold ends it: nothing has been seen of it by then, and the space is
 *    given back.
 * 4. **Make room in the index** for pairs of new keys. From here on nothing can fail but the file.
 * 5. **Stamp** all records: under the locks, so versions grow with the order of the changes of each
 *    key (I9). Then prepare the answer: if the thread dies from here on, the M-node makes the commit.
 * 6. **Write** the frame, and sync it if asked, where writes are logged (I3). It is in the file
 *    whole or not at all, so after a crash the commit is there or not.
 * 7. **Show** it: all keys change at one moment (agent/shown_commit.ts). Answer, and unlock.
 *
 * A group that is open is ended first (commit_policy.ts): a commit is alone between the locking and
 * the unlocking of its slots, so that locks are taken in ascending order, and each agent that waits
 * for one holds lower ones only. An owner whose group is open may hold higher ones and wait for a
 * lower one; as both wait with a bound, and let go of all then, both go on.
 *
 * **When the thread dies** (recovery/step_recovery.ts): before 5 nothing of the commit counts; after
 * 6, or after 5 in a pool without a file, it is made. In between it is made if its frame was SEALED,
 * which is written once more then.
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
import { AGENT_GROUP_STATE, SLOT_LOCK } from "../pool/control_layout.ts";
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
import { ShownCommit } from "../agent/shown_commit.ts";
import type { SlotWriter } from "../agent/slot_writer.ts";
import type { Admission } from "./admission.ts";
import { Change } from "./change.ts";
import { type CommitPolicy, type LogSpace, Outcome } from "./commit_policy.ts";
import { GroupState } from "./request_group.ts";
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
  /** What other changes are committed with, perhaps in a group that is open. */
  readonly commit: CommitPolicy;
  /** The image, if what is written has to be logged there. */
  readonly file: LogFile | undefined;
  /** Whether every commit is synced. */
  readonly syncsAlways: boolean;
  /** Whether what waits for a disk is left to the KN's own thread. */
  readonly leavesDisk: () => boolean;
}

/** Makes the atomic commits of one executor, one at a time. */
export class AtomicCommits {
  readonly #options: AtomicCommitsOptions;
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #groupStateAt: number;
  readonly #shown: ShownCommit;
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
  /** Whether there are records of keys that the index does not have. */
  #hasNewKeys = false;
  /** The entry that a commit was refused for. */
  #refused = 0;

  /** Makes commits with the parts of a KN. */
  constructor(options: AtomicCommitsOptions) {
    const { pool, agent, slots } = options;
    this.#options = options;
    this.#pool = pool;
    this.#control = pool.control;
    this.#groupStateAt = pool.agentAt(agent) + AGENT_GROUP_STATE;
    this.#shown = new ShownCommit(pool, agent, slots);
  }

  /** Executes the request at an index of a ring. */
  execute(consumer: RequestConsumer, at: number): Outcome {
    const { commit, leavesDisk, file, space } = this.#options;
    const ring = consumer.words;
    const mustSync = mustSyncOf(ring[at + REQUEST_OPERATION]);
    if (commit.isOpen || (mustSync && leavesDisk())) return Outcome.WAITS;
    const staged = ring[at + REQUEST_ARGUMENT] as PoolAddress;
    this.#read(ring, at, staged);
    let status: number = file?.hasFailed ? Status.NOT_DURABLE : Status.OK;
    if (status === Status.OK && !this.#reserve()) {
      status = space.whenFull();
      if (status === Outcome.DONE) status = Status.LOG_FULL;
    }
    if (status === Status.OK) status = this.#lock(ring[at + REQUEST_OWNER_WORD] as OwnerWord);
    if (status === Status.OK) status = this.#make(consumer, ring, at, mustSync);
    if (status === Status.OK && this.#first !== NO_ADDRESS) consumer.completePrepared();
    else if (status >= Status.OK) consumer.complete(status, this.#refused, 0, 0);
    this.#unlock();
    if (status < Status.OK) return status as Outcome;
    // A client whose slot has moved will have it made by the new owner.
    if (staged !== NO_ADDRESS && status !== Status.MOVED) {
      giveBackStaged(this.#pool, this.#options.segments, staged);
    }
    return Outcome.DONE;
  }

  /** Takes over where the entries are. */
  #read(ring: Int32Array, at: number, staged: PoolAddress): void {
    this.#count = entryCount(ring, at);
    this.#first = NO_ADDRESS;
    this.#hasNewKeys = false;
    this.#recordWords = this.#refused = this.#entryOf.length = 0;
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
    const { space, log } = this.#options;
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
    return true;
  }

  /** Locks the slots; a `Status`, or an `Outcome` to wait for. */
  #lock(routedBy: OwnerWord): number {
    const { nodeId, agent } = this.#options;
    let last = -1;
    for (let entry = 0, at = this.#start; entry < this.#count; entry++) {
      at = this.#take(at);
      const { slot, slotAt } = this.#change;
      if (slot === last) continue;
      const lockAt = slotAt + SLOT_LOCK;
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
   * Makes the commit, whose slots are locked; a `Status`, or an `Outcome` to wait for. The answer is
   * prepared if it changes anything.
   */
  #make(consumer: RequestConsumer, ring: Int32Array, at: number, mustSync: boolean): number {
    let status = this.#append(ring, at);
    if (status === Status.OK) {
      // From here on who builds a page of the order anew keeps the places of its keys.
      if (this.#first !== NO_ADDRESS) this.#shown.note(this.#first, this.#endAddress);
      if (!this.#makeRoom()) status = Status.INDEX_FULL;
    }
    if (status !== Status.OK) {
      this.#shown.end();
      if (this.#recordWords > 0) this.#options.log.cancel(this.#first, this.#recordWords);
      this.#first = NO_ADDRESS;
      return status;
    }
    return this.#first === NO_ADDRESS ? status : this.#commit(consumer, ring, at, mustSync);
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
      if (old === NO_ADDRESS) this.#hasNewKeys = true;
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

  /** Sees to it that the index has room for all new keys; false if there is none. */
  #makeRoom(): boolean {
    if (!this.#hasNewKeys) return true;
    const { table } = this.#options;
    let slotAt = 0;
    let hashes: number[] = [];
    let hasRoom = true;
    const makeRoom = () => hasRoom &&= hashes.length === 0 || table.makeRoom(slotAt, hashes);
    this.#forEachNewKey((hash) => {
      const ownAt = this.#slotAtOf(hash);
      if (ownAt !== slotAt) {
        makeRoom();
        hashes = [];
        slotAt = ownAt;
      }
      hashes.push(hash);
    });
    return makeRoom() && this.#enterOrder();
  }

  /** Gives all new keys their places in the order of the keys, if there is one. */
  #enterOrder(): boolean {
    const { table } = this.#options;
    const entered: PoolAddress[] = [];
    let hasRoom = true;
    this.#forEachNewKey((_, address) => {
      hasRoom &&= table.enterOrder(address);
      if (hasRoom) entered.push(address);
    });
    if (!hasRoom) { for (const address of entered) table.leaveOrder(address); }
    return hasRoom;
  }

  #forEachNewKey(visit: (hash: number, address: PoolAddress) => void): void {
    this.#forEachRecord((words, at, address) => {
      const isNew = words[at + RECORD_REPLACES] === NO_ADDRESS &&
        metaKind(words[at + RECORD_META]) === RecordKind.PUT;
      if (isNew) visit(words[at + RECORD_HASH], address);
    });
  }

  #commit(consumer: RequestConsumer, ring: Int32Array, at: number, mustSync: boolean): number {
    const { file, log, slots, syncsAlways } = this.#options;
    this.#stamp(ring, at);
    const shown = this.#shown;
    if (file !== undefined) this.#setGroupState(GroupState.APPENDING);
    consumer.prepare(Status.OK, this.#first, 0, 0);
    if (file !== undefined) {
      log.endFrame();
      this.#setGroupState(GroupState.SEALED);
      if (!log.write(mustSync || syncsAlways)) {
        this.#forEachRecord((words, at, address) => {
          if (metaKind(words[at + RECORD_META]) === RecordKind.PUT) slots.bury(address);
        });
        return Status.NOT_DURABLE;
      }
    }
    shown.show();
    return Status.OK;
  }

  /** Address behind the last record. */
  get #endAddress(): PoolAddress {
    return this.#recordAt(this.#recordWords);
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

  /** Ends the commit, when it has been answered. */
  #unlock(): void {
    const hasCommitted = this.#first !== NO_ADDRESS;
    if (hasCommitted) this.#shown.end();
    for (let i = 0; i < this.#owners.length; i++) {
      const lockAt = this.#pool.slotAt(this.#lockedSlots[i]!) + SLOT_LOCK;
      unlockSlot(this.#control, lockAt, this.#owners[i]!);
    }
    this.#lockedSlots.length = this.#owners.length = 0;
    if (!hasCommitted || this.#options.file === undefined) return;
    this.#options.log.settle();
    this.#setGroupState(GroupState.NONE);
  }

  /** Publishes how far the commit is, for the M-node; as for a group. */
  #setGroupState(state: number): void {
    Atomics.store(this.#control, this.#groupStateAt, state);
  }

  /**
   * Takes the entry at an index, as a change that has not been placed; returns where the next one
   * begins.
   */
  #take(at: number): number {
    this.#change.read(this.#pool, this.#words, at);
    return at + this.#words[at + REQUEST_LENGTH];
  }

  /** Shows each record that has been appended. */
  #forEachRecord(
    visit: (words: Int32Array, at: number, address: PoolAddress, length: number) => void,
  ): void {
    if (this.#recordWords === 0) return;
    const words = this.#pool.wordsOf(this.#first);
    const first = this.#pool.wordAt(this.#first);
    for (let done = 0; done < this.#recordWords;) {
      const at = first + done;
      const length = recordWords(words[at + RECORD_META], words[at + RECORD_VALUE_BYTES]);
      visit(words, at, this.#recordAt(done), length);
      done += length;
    }
  }

  /** Address of the record that begins so many words behind the first one. */
  #recordAt(words: number): PoolAddress {
    return ((this.#first >>> 0) + (words >>> 1) | 0) as PoolAddress;
  }

  #slotAtOf(hash: number): number {
    return this.#pool.slotAt((hash >>> SLOT_SHIFT) as Slot);
  }
}
