/**
 * The requests of one step of a KN that are committed together: what both logged policies know of
 * them.
 *
 * A group has the slots locked of all records that have joined it, each once. A later request finds
 * what an earlier one of the group has changed: the index does not know that yet.
 *
 * Every answer is prepared in its ring when the request joins, in the order of the requests.
 * AGENT_GROUP_STATE says what a thread that dies leaves behind (I5): as long as the group is
 * APPENDING nothing of it counts; a group that is SEALED is completed by the M-node
 * (recovery/step_recovery.ts). A group of answers alone has no state, and needs none.
 *
 * @module
 */
import {
  NO_ADDRESS,
  NO_SEGMENT,
  type NodeId,
  type OwnerWord,
  type PoolAddress,
  type Slot,
} from "../core/brands.ts";
import { emptyArray } from "../core/empty_array.ts";
import { SLOT_COUNT, SLOT_SHIFT } from "../core/limits.ts";
import type { LogWriter } from "../log/log_writer.ts";
import {
  keyEquals,
  metaVersionHigh,
  RECORD_META,
  RECORD_VERSION_LOW,
} from "../log/record_layout.ts";
import type { KeyWords } from "../log/record_key.ts";
import { AGENT_GROUP_STATE, SLOT_LOCK } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import type { SegmentTable } from "../pool/segment_table.ts";
import type { RequestConsumer } from "../rings/request_consumer.ts";
import { Operation, Status, tellsOfKey } from "../rings/ring_layout.ts";
import { Lock, lockSlot, ownerOf, unlockSlot } from "../routing/ownership.ts";
import type { Change } from "./change.ts";
import { giveBackStaged } from "./staged_record.ts";

/** How far the group of an agent is, in AGENT_GROUP_STATE. */
export const GroupState = {
  /** There is none, or it has no records. */
  NONE: 0,
  /** Records join it, and slots are locked for it. */
  APPENDING: 1,
  /** It is complete, and will be published. */
  SEALED: 2,
} as const;

/** A request of the group, and its answer. */
export interface Member {
  readonly consumer: RequestConsumer;
  status: number;
  readonly address: number;
  readonly low: number;
  readonly high: number;
  /** Whether `address` is a record of the group, in the log. */
  readonly isRecord: boolean;
  /** Whether it is a change that is not made; what it has found may be a record of the group. */
  readonly isRefusal: boolean;
  /** Whether that is of a key that has a cell. */
  readonly isShared: boolean;
  /** A staged value that this ends; `NO_ADDRESS` if there is none. */
  readonly staged: PoolAddress;
}

/** What a group is made of: the parts of its KN. */
export interface RequestGroupOptions {
  readonly pool: Pool;
  readonly nodeId: NodeId;
  /** The KN's agent block. */
  readonly agent: number;
  readonly segments: SegmentTable;
  /** Where values wait that are too large for a ring. */
  readonly staging: LogWriter;
}

/** The group of one executor; empty between two steps. */
export class RequestGroup {
  readonly members: Member[] = [];
  /** Number and bytes of the records in it. */
  recordCount = 0;
  recordBytes = 0;
  /** Whether a request asks for syncing. */
  mustSync = false;
  readonly #options: RequestGroupOptions;
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #stateAt: number;
  /** By hash: the newest record of the group. */
  readonly #newest = new Map<number, PoolAddress>();
  readonly #locked: Slot[] = [];
  readonly #isLocked: Uint8Array = new Uint8Array(SLOT_COUNT);
  readonly #lockedUnder: Int32Array = new Int32Array(SLOT_COUNT);
  readonly #isCleared: Uint8Array = new Uint8Array(SLOT_COUNT);

  /** Makes a group without members. */
  constructor(options: RequestGroupOptions) {
    this.#options = options;
    this.#pool = options.pool;
    this.#control = options.pool.control;
    this.#stateAt = options.pool.agentAt(options.agent) + AGENT_GROUP_STATE;
  }

  /** Whether there is anything to end. */
  get isOpen(): boolean {
    return this.members.length > 0 || this.#locked.length > 0;
  }

  /**
   * Whether the group can tell what a change finds. What a CLEAR_SLOT clears must be in the index,
   * all of it.
   */
  mayChange(change: Change): boolean {
    if (change.operation === Operation.CLEAR_SLOT) return !this.hasLocked(change.slot);
    return this.mayFind(change);
  }

  /** Whether the group can tell what a request for a key finds. */
  mayFind(key: KeyWords): boolean {
    if (this.#isCleared[key.hash >>> SLOT_SHIFT] !== 0) return false;
    const newest = this.#newest.get(key.hash);
    if (newest === undefined) return true;
    // Another key with the same hash would hide this one.
    const words = this.#pool.wordsOf(newest);
    return keyEquals(words, this.#pool.wordAt(newest), key.words, key.start, key.byteLength);
  }

  /**
   * The group's newest record of a key for which {@linkcode mayFind} is true; `NO_ADDRESS` if it
   * has none.
   */
  newestOf(hash: number): PoolAddress {
    return this.#newest.get(hash) ?? NO_ADDRESS;
  }

  /** Whether the group has locked a slot. */
  hasLocked(slot: Slot): boolean {
    return this.#isLocked[slot] !== 0;
  }

  /**
   * Locks a slot until the end of the group, by the owner word that a request was routed by;
   * returns one of `Lock`.
   */
  lock(slot: Slot, owner: OwnerWord): number {
    const { nodeId, agent } = this.#options;
    if (this.#isLocked[slot] !== 0) {
      return this.#lockedUnder[slot] === owner ? Lock.TAKEN : Lock.MOVED;
    }
    if (ownerOf(owner) !== nodeId) return Lock.MOVED;
    const lock = lockSlot(this.#control, this.#pool.slotAt(slot) + SLOT_LOCK, owner, agent);
    if (lock !== Lock.TAKEN) return lock;
    this.adopt(slot, owner);
    return lock;
  }

  /**
   * Takes over a slot that was locked for an atomic commit, and the word to unlock it with: it is
   * unlocked at the end of the group.
   */
  adopt(slot: Slot, owner: OwnerWord): void {
    this.#isLocked[slot] = 1;
    this.#lockedUnder[slot] = owner;
    this.#locked.push(slot);
  }

  /** Adds a change whose record has been stamped; `isShared` if its key has a cell. */
  addRecord(consumer: RequestConsumer, change: Change, isShared: boolean): void {
    const { address, record, to, hash, slot, staged } = change;
    const low = record[to + RECORD_VERSION_LOW];
    const high = metaVersionHigh(record[to + RECORD_META]);
    this.#add(consumer, address, low, high, isShared, staged, change.mustSync);
    if (change.operation === Operation.CLEAR_SLOT) this.#isCleared[slot] = 1;
    else this.#newest.set(hash, address);
    this.recordBytes += change.length * 4;
  }

  /**
   * Adds an atomic commit, whose records have been stamped, the first at an address. No other
   * request of the group is for one of its slots.
   */
  addCommit(
    consumer: RequestConsumer,
    first: PoolAddress,
    mustSync: boolean,
    staged: PoolAddress,
  ): void {
    this.#add(consumer, first, 0, 0, false, staged, mustSync);
  }

  #add(
    consumer: RequestConsumer,
    address: PoolAddress,
    low: number,
    high: number,
    isShared: boolean,
    staged: PoolAddress,
    mustSync: boolean,
  ): void {
    // Before the answer is prepared: that of an unfinished group does not count.
    if (this.recordCount === 0) this.setState(GroupState.APPENDING);
    consumer.prepare(Status.OK, address, low, high);
    this.members.push({
      consumer,
      status: Status.OK,
      address,
      low,
      high,
      isRecord: true,
      isRefusal: false,
      isShared,
      staged,
    });
    this.recordCount += 1;
    if (mustSync) this.mustSync = true;
  }

  /**
   * Adds a change that is not made; what it had staged is given back.
   *
   * @param entry of an atomic commit, the one that it was refused for
   */
  addRefusal(consumer: RequestConsumer, status: number, staged: PoolAddress, entry = 0): void {
    this.#addAnswer(consumer, status, 0, entry, 0, true, staged);
  }

  /** Adds a read, which has found nothing that is a record of the group and may be given up. */
  addRead(
    consumer: RequestConsumer,
    status: number,
    address: number,
    low: number,
    high: number,
  ): void {
    this.#addAnswer(consumer, status, address, low, high, false, NO_ADDRESS);
  }

  #addAnswer(
    consumer: RequestConsumer,
    status: number,
    address: number,
    low: number,
    high: number,
    isRefusal: boolean,
    staged: PoolAddress,
  ): void {
    consumer.prepare(status, address, low, high);
    this.members.push({
      consumer,
      status,
      address,
      low,
      high,
      isRecord: false,
      isRefusal,
      isShared: false,
      staged,
    });
  }

  /**
   * Adds a request that has reserved a place for a value. If this thread dies, its client asks
   * again.
   */
  addReserved(consumer: RequestConsumer, address: PoolAddress): void {
    consumer.prepare(Status.MOVED, 0, 0, 0);
    this.members.push({
      consumer,
      status: Status.OK,
      address,
      low: 0,
      high: 0,
      isRecord: false,
      isRefusal: false,
      isShared: false,
      staged: NO_ADDRESS,
    });
  }

  /**
   * Nothing of the group could be made durable. A refusal that tells what a key holds may tell of
   * what a record of the group would have made of it, so that nobody knows it either.
   */
  giveUp(): void {
    for (const member of this.members) {
      const isUnknown = member.isRefusal && tellsOfKey(member.status);
      if (member.isRecord || isUnknown) member.status = Status.NOT_DURABLE;
    }
  }

  /** Publishes how far the group is, for the M-node. */
  setState(state: number): void {
    Atomics.store(this.#control, this.#stateAt, state);
  }

  /** Answers a request that no request before it in its ring is in front of. */
  answer({ consumer, status, address, low, high, isRecord, staged }: Member): void {
    // A record that was staged has been copied, or given up. A client whose slot has moved will
    // commit it at the new owner.
    if (staged !== NO_ADDRESS && status !== Status.MOVED) {
      giveBackStaged(this.#pool, this.#options.segments, staged);
    }
    if (isRecord && status !== Status.OK) consumer.complete(status, 0, 0, 0);
    else consumer.complete(status, address, low, high);
  }

  /** Unlocks the slots, when all is answered. */
  unlock(): void {
    for (const slot of this.#locked) {
      const owner = this.#lockedUnder[slot] as OwnerWord;
      unlockSlot(this.#control, this.#pool.slotAt(slot) + SLOT_LOCK, owner);
      this.#isLocked[slot] = this.#isCleared[slot] = 0;
    }
    emptyArray(this.#locked);
  }

  /** Ends the group: its answers are published, and the next one has no members. */
  end(): void {
    if (this.recordCount > 0) this.setState(GroupState.NONE);
    this.endStaging();
    for (const { consumer } of this.members) consumer.publish();
    emptyArray(this.members);
    // To clear a map makes another one, and a group of commits alone has entered nothing.
    if (this.#newest.size > 0) this.#newest.clear();
    this.recordCount = this.recordBytes = 0;
    this.mustSync = false;
  }

  /** Gives the staging segment back as soon as no value is on its way in it. */
  endStaging(): void {
    const { staging, segments } = this.#options;
    if (staging.segment === NO_SEGMENT || segments.liveBytes(staging.segment) !== 0) return;
    staging.seal();
  }
}
