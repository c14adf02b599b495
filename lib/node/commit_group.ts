/**
 * Group commit: the requests of a step whose records are written to the image together, and published and answered after that.
 *
 * I3 says that nothing is visible before it is durable. So a group has three phases:
 *
 * 1. **Append.** For each request: lock its slot (once per slot and group), check its condition, give its record the slot's next
 *    version, and reserve and fill the record in a frame of the KN's open segment. The condition is checked against what the
 *    index says, or against the newest request of the group for the same key, which the index does not know yet.
 * 2. **Write** the frames, and sync them if anything in the group asks for it. The slots stay locked, so nobody can change them,
 *    move them, or clean records of theirs. All three phases are one step, within the gate: a cleaner that waits for one of these
 *    locks is in a step of its own, and whoever pauses the pool waits for that.
 * 3. **Publish.** In the order of the requests: point the index at the records, count what they replace as dead, and answer the
 *    requests; then unlock the slots.
 *
 * If writing fails nothing is published, and everything that would have been applied is answered NOT_DURABLE.
 *
 * If the thread dies (I5), what happens to the group depends on its state, which is in shared memory. While it is APPENDING nothing
 * is in the file yet: it is as if its requests had not been taken. Before it is written its answers are prepared in the rings, and it
 * is SEALED: from then on it is completed, by writing its frames once more and publishing what was not (mnode/dead_executor.ts).
 *
 * The segments of a group are sealed after 3, so none of them is freed, and reused behind a checkpoint that does not know the
 * group's deletes yet (I10).
 *
 * A value too large for the ring is staged by its client in a segment that is no part of any file, and copied into a frame when
 * it is committed. (Written in place, it would be a hole in the log until then.)
 *
 * @module
 */
import { copyWords } from "../core/copy_words.ts";
import {
  NO_ADDRESS,
  NO_SEGMENT,
  type NodeId,
  type OwnerWord,
  type PoolAddress,
  type Slot,
} from "../core/brands.ts";
import {
  DELETE_SEGMENT_RESERVE,
  PUT_SEGMENT_RESERVE,
  SLOT_COUNT,
  SLOT_SHIFT,
} from "../core/limits.ts";
import type { SlotTable } from "../index/slot_table.ts";
import type { LogWriter } from "../log/log_writer.ts";
import {
  keyEquals,
  metaKeyBytes,
  metaWithKind,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  RecordKind,
  recordWords,
  valueWord,
} from "../log/record_layout.ts";
import { AGENT_GROUP_STATE, SLOT_LOCK } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import type { SegmentTable } from "../pool/segment_table.ts";
import type { RequestConsumer } from "../rings/request_consumer.ts";
import {
  conditionOf,
  mustSyncOf,
  Operation,
  operationOf,
  REQUEST_ARGUMENT,
  REQUEST_OPERATION,
  REQUEST_OWNER_WORD,
  REQUEST_RECORD,
  Status,
} from "../rings/ring_layout.ts";
import { Lock, lockSlot, ownerOf, unlockSlot } from "../routing/ownership.ts";
import type { SlotWriter } from "./slot_writer.ts";

/** What a group is made of: the parts of its KN. */
export interface CommitGroupOptions {
  readonly pool: Pool;
  readonly nodeId: NodeId;
  /** The KN's agent block. */
  readonly agent: number;
  readonly segments: SegmentTable;
  readonly table: SlotTable;
  readonly slots: SlotWriter;
  readonly log: LogWriter;
  /** Where large values wait for their commit. */
  readonly staging: LogWriter;
  /** Whether every group is synced. */
  readonly syncsAlways: boolean;
  /** Reserves space in the log; `NO_ADDRESS` when there is none. */
  readonly reserve: (log: LogWriter, words: number, segmentReserve: number) => PoolAddress;
  /** Whether the request for which `reserve` has just failed has to wait for space. */
  readonly mustWait: () => boolean;
}

/** A request that belongs to the group. */
interface Member {
  readonly consumer: RequestConsumer;
  readonly operation: number;
  status: number;
  /** Its record: in the log, or staged. */
  readonly address: PoolAddress;
  readonly slotAt: number;
  readonly hash: number;
  /** For a COMMIT: where the value was staged. */
  readonly staged: PoolAddress;
  /** For a DELETE: what is to be deleted has expired. It is removed like any other, but the caller is told that there was none. */
  readonly isOfExpired: boolean;
}

/** How far the group of an agent is, in AGENT_GROUP_STATE. */
export const GroupState = {
  /** There is none. */
  NONE: 0,
  /** Requests join it, and slots are locked for it. */
  APPENDING: 1,
  /** It is complete, and will be published. */
  SEALED: 2,
} as const;

/** What became of a request. */
export const Joining = {
  /** It belongs to the group now. */
  JOINED: 0,
  /** It has to wait until this group has ended, or until there is space. */
  WAITS: 1,
} as const;

const NO_SLOT = -1;

/** The group of one executor; empty between two steps. */
export class CommitGroup {
  readonly #options: CommitGroupOptions;
  readonly #pool: Pool;
  readonly #control: Int32Array;
  #members: Member[] = [];
  /** By hash: the newest member that changes the key. */
  readonly #newest = new Map<number, Member>();
  /** Slots that are locked, and by slot: its owner word, and whether the group clears it. */
  #locked: Slot[] = [];
  readonly #ownerWords: Map<Slot, OwnerWord> = new Map();
  readonly #isCleared: Uint8Array = new Uint8Array(SLOT_COUNT);
  #mustSync = false;
  readonly #stateAt: number;

  /** Makes a group without members. */
  constructor(options: CommitGroupOptions) {
    this.#options = options;
    this.#pool = options.pool;
    this.#control = options.pool.control;
    this.#stateAt = options.pool.agentAt(options.agent) + AGENT_GROUP_STATE;
  }

  /** Requests in the group. */
  get size(): number {
    return this.#members.length;
  }

  /** Phase 1 for one request; returns one of {@linkcode Joining}. */
  append(consumer: RequestConsumer, at: number): number {
    const ring = consumer.words;
    const word = ring[at + REQUEST_OPERATION];
    const before = this.#members.length;
    switch (operationOf(word)) {
      case Operation.PUT:
        this.#put(consumer, ring, at, ring, at + REQUEST_RECORD, NO_ADDRESS);
        break;
      case Operation.DELETE:
        this.#delete(consumer, ring, at);
        break;
      case Operation.RESERVE:
        this.#stage(consumer, ring, at);
        break;
      case Operation.COMMIT: {
        const staged = ring[at + REQUEST_ARGUMENT] as PoolAddress;
        const words = this.#pool.wordsOf(staged);
        this.#put(consumer, ring, at, words, this.#pool.wordAt(staged), staged);
        break;
      }
      case Operation.CLEAR_SLOT:
        this.#clear(consumer, ring, at);
        break;
    }
    if (this.#members.length === before) return Joining.WAITS;
    if (mustSyncOf(word)) this.#mustSync = true;
    return Joining.JOINED;
  }

  /** A request that is refused without a look at it. */
  refuse(consumer: RequestConsumer, status: number): void {
    this.#join(consumer, Operation.PAD, status);
  }

  /** Phase 2. */
  write(): void {
    const { log, slots, syncsAlways } = this.#options;
    log.endFrame();
    for (const member of this.#members) this.#prepare(member);
    Atomics.store(this.#control, this.#stateAt, GroupState.SEALED);
    if (log.write(this.#mustSync || syncsAlways)) return;
    for (const member of this.#members) {
      if (member.status !== Status.OK || member.operation === Operation.RESERVE) continue;
      member.status = Status.NOT_DURABLE;
      if (isPut(member)) slots.bury(member.address);
    }
  }

  /** Phase 3; returns the number of requests answered. */
  publish(): number {
    const { log } = this.#options;
    const count = this.#members.length;
    for (const member of this.#members) {
      if (member.status === Status.OK) this.#apply(member);
      this.#answer(member);
    }
    for (const slot of this.#locked) {
      unlockSlot(this.#control, this.#pool.slotAt(slot) + SLOT_LOCK, this.#ownerWords.get(slot)!);
      this.#isCleared[slot] = 0;
    }
    log.settle();
    Atomics.store(this.#control, this.#stateAt, GroupState.NONE);
    this.#endStaging();
    for (const { consumer } of this.#members) consumer.publish();
    this.#members = [];
    this.#locked = [];
    this.#newest.clear();
    this.#ownerWords.clear();
    this.#mustSync = false;
    return count;
  }

  /** Gives the staging segment back as soon as no value is on its way in it. */
  #endStaging(): void {
    const { staging, segments } = this.#options;
    if (staging.segment === NO_SEGMENT || segments.liveBytes(staging.segment) !== 0) return;
    staging.seal();
  }

  #put(
    consumer: RequestConsumer,
    ring: Int32Array,
    at: number,
    source: Int32Array,
    from: number,
    staged: PoolAddress,
  ): void {
    const { segments, slots, log } = this.#options;
    const meta = source[from + RECORD_META];
    const hash = source[from + RECORD_HASH];
    const length = recordWords(meta, source[from + RECORD_VALUE_BYTES]);
    if (!this.#mayJoin(hash, source, from, meta)) return;
    const address = this.#reserve(consumer, length, PUT_SEGMENT_RESERVE, staged);
    if (address === NO_ADDRESS) return;
    const words = this.#pool.wordsOf(address);
    const to = this.#pool.wordAt(address);
    copyWords(source, from, words, to, length);
    words[to + RECORD_META] = metaWithKind(meta, RecordKind.PUT);
    const slotAt = this.#lock(consumer, ring, at, hash, address, length);
    if (slotAt === NO_SLOT) return;
    const old = this.#find(slotAt, hash, words, to);
    // The store's own key has no bytes; it is always admitted, or overwrites could not be encoded.
    const added = metaKeyBytes(meta) === 0 ? 0 : length * 4;
    const condition = conditionOf(ring[at + REQUEST_OPERATION]);
    const status = slots.admit(old, ring, at, condition, added);
    if (status !== Status.OK) {
      log.cancel(address, length);
      return void this.#join(consumer, Operation.PAD, status, { slotAt, staged });
    }
    slots.stamp(slotAt, words, to, old);
    segments.addLive(address, length * 4);
    const operation = operationOf(ring[at + REQUEST_OPERATION]);
    const member = this.#join(consumer, operation, Status.OK, { address, slotAt, hash, staged });
    this.#newest.set(hash, member);
  }

  #delete(consumer: RequestConsumer, ring: Int32Array, at: number): void {
    const { slots, log } = this.#options;
    const from = at + REQUEST_RECORD;
    const meta = ring[from + RECORD_META];
    const hash = ring[from + RECORD_HASH];
    const length = recordWords(meta, 0);
    if (!this.#mayJoin(hash, ring, from, meta)) return;
    const address = this.#reserve(consumer, length, DELETE_SEGMENT_RESERVE);
    if (address === NO_ADDRESS) return;
    const words = this.#pool.wordsOf(address);
    const to = this.#pool.wordAt(address);
    copyWords(ring, from, words, to, length);
    const slotAt = this.#lock(consumer, ring, at, hash, address, length);
    if (slotAt === NO_SLOT) return;
    const old = this.#find(slotAt, hash, words, to);
    const condition = conditionOf(ring[at + REQUEST_OPERATION]);
    if (old === NO_ADDRESS || !slots.holds(old, ring, at, condition)) {
      log.cancel(address, length);
      return void this.#join(consumer, Operation.PAD, Status.UNMET, { slotAt });
    }
    slots.stamp(slotAt, words, to, old);
    const isOfExpired = slots.isExpired(old);
    const place = { address, slotAt, hash, isOfExpired };
    const member = this.#join(consumer, Operation.DELETE, Status.OK, place);
    this.#newest.set(hash, member);
  }

  #clear(consumer: RequestConsumer, ring: Int32Array, at: number): void {
    const { slots } = this.#options;
    const slot = ring[at + REQUEST_ARGUMENT] as Slot;
    const from = at + REQUEST_RECORD;
    const hash = slot << SLOT_SHIFT;
    const length = recordWords(ring[from + RECORD_META], 0);
    // What it clears must be in the index, all of it.
    if (this.#ownerWords.has(slot)) return;
    const address = this.#reserve(consumer, length, DELETE_SEGMENT_RESERVE);
    if (address === NO_ADDRESS) return;
    const words = this.#pool.wordsOf(address);
    const to = this.#pool.wordAt(address);
    copyWords(ring, from, words, to, length);
    const slotAt = this.#lock(consumer, ring, at, hash, address, length);
    if (slotAt === NO_SLOT) return;
    slots.stamp(slotAt, words, to, NO_ADDRESS);
    this.#isCleared[slot] = 1;
    this.#join(consumer, Operation.CLEAR_SLOT, Status.OK, { address, slotAt });
  }

  /** Reserves a record in the staging segment; the client writes its value there. */
  #stage(consumer: RequestConsumer, ring: Int32Array, at: number): void {
    const { reserve, staging, mustWait, segments } = this.#options;
    const from = at + REQUEST_RECORD;
    const meta = ring[from + RECORD_META];
    const length = recordWords(meta, ring[from + RECORD_VALUE_BYTES]);
    const address = reserve(staging, length, PUT_SEGMENT_RESERVE);
    if (address === NO_ADDRESS) {
      if (!mustWait()) this.#join(consumer, Operation.PAD, Status.LOG_FULL);
      return;
    }
    const words = this.#pool.wordsOf(address);
    const to = this.#pool.wordAt(address);
    copyWords(ring, from, words, to, valueWord(meta));
    words[to + RECORD_META] = metaWithKind(meta, RecordKind.RESERVATION);
    segments.pin(address);
    segments.addLive(address, length * 4);
    staging.settle();
    this.#join(consumer, Operation.RESERVE, Status.OK, { address });
  }

  /** Whether the group can tell what a request for this key finds. */
  #mayJoin(hash: number, words: Int32Array, from: number, meta: number): boolean {
    if (this.#isCleared[hash >>> SLOT_SHIFT] !== 0) return false;
    const newest = this.#newest.get(hash);
    if (newest === undefined) return true;
    // Another key with the same hash would hide this one.
    const other = this.#pool.wordsOf(newest.address);
    const otherAt = this.#pool.wordAt(newest.address);
    return keyEquals(other, otherAt, words, from + RECORD_KEY, metaKeyBytes(meta));
  }

  /** Reserves a record in the log; if there is no space, the request is refused or waits. */
  #reserve(
    consumer: RequestConsumer,
    length: number,
    segmentReserve: number,
    staged = NO_ADDRESS,
  ): PoolAddress {
    const { reserve, log, mustWait } = this.#options;
    const address = reserve(log, length, segmentReserve);
    if (address === NO_ADDRESS && !mustWait()) {
      this.#join(consumer, Operation.PAD, Status.LOG_FULL, { staged });
    }
    return address;
  }

  /** Locks the slot of a request for the group; if it is not this KN's any more, the request is refused. */
  #lock(
    consumer: RequestConsumer,
    ring: Int32Array,
    at: number,
    hash: number,
    address: PoolAddress,
    length: number,
  ): number {
    const slot = (hash >>> SLOT_SHIFT) as Slot;
    const slotAt = this.#pool.slotAt(slot);
    const owner = ring[at + REQUEST_OWNER_WORD] as OwnerWord;
    const held = this.#ownerWords.get(slot);
    const lock = held === undefined
      ? this.#tryLock(slotAt, owner)
      : held === owner
      ? Lock.TAKEN
      : Lock.MOVED;
    if (lock === Lock.TAKEN) {
      if (held === undefined) {
        this.#locked.push(slot);
        this.#ownerWords.set(slot, owner);
      }
      return slotAt;
    }
    this.#options.log.cancel(address, length);
    if (lock === Lock.MOVED) this.#join(consumer, Operation.PAD, Status.MOVED);
    return NO_SLOT;
  }

  #tryLock(slotAt: number, owner: OwnerWord): number {
    const { nodeId, agent } = this.#options;
    if (ownerOf(owner) !== nodeId) return Lock.MOVED;
    return lockSlot(this.#control, slotAt + SLOT_LOCK, owner, agent);
  }

  /** What a key's record will be when the group's members so far have been published. */
  #find(slotAt: number, hash: number, words: Int32Array, at: number): PoolAddress {
    const newest = this.#newest.get(hash);
    if (newest !== undefined) {
      return newest.operation === Operation.DELETE ? NO_ADDRESS : newest.address;
    }
    return this.#options.table.find(
      slotAt,
      hash,
      words,
      at + RECORD_KEY,
      metaKeyBytes(words[at + RECORD_META]),
    );
  }

  #join(
    consumer: RequestConsumer,
    operation: number,
    status: number,
    {
      address = NO_ADDRESS,
      slotAt = NO_SLOT,
      hash = 0,
      staged = NO_ADDRESS as PoolAddress,
      isOfExpired = false,
    } = {},
  ): Member {
    if (this.#members.length === 0) {
      Atomics.store(this.#control, this.#stateAt, GroupState.APPENDING);
    }
    const member = { consumer, operation, status, address, slotAt, hash, staged, isOfExpired };
    this.#members.push(member);
    return member;
  }

  /** Makes the index say what a member's record says. */
  #apply(member: Member): void {
    const { slots, table } = this.#options;
    const { operation, address, slotAt, hash } = member;
    if (operation === Operation.RESERVE) return;
    if (operation === Operation.CLEAR_SLOT) return void slots.clear(slotAt);
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    const meta = words[at + RECORD_META];
    const old = table.find(slotAt, hash, words, at + RECORD_KEY, metaKeyBytes(meta));
    if (isPut(member)) {
      if (slots.point(slotAt, hash, old, address, meta)) return;
      member.status = Status.INDEX_FULL;
      return slots.bury(address);
    }
    // What it was to delete may be a put of the same group for which the index has had no room.
    if (old === NO_ADDRESS) return void (member.status = Status.UNMET);
    if (member.isOfExpired) member.status = Status.UNMET;
    slots.remove(slotAt, old);
  }

  #answer(member: Member): void {
    const { consumer, operation, status, address, staged } = member;
    if (staged !== NO_ADDRESS && status !== Status.MOVED) {
      // It has been copied, or given up. A client whose slot has moved will commit it at the new owner.
      const { segments, slots } = this.#options;
      const words = this.#pool.wordsOf(staged);
      const at = this.#pool.wordAt(staged) + RECORD_META;
      // Whoever counts reservations anew does not count this one.
      words[at] = metaWithKind(words[at], RecordKind.PUT);
      slots.bury(staged);
      segments.unpin(staged);
    }
    if (status === Status.OK && isPut(member)) {
      const words = this.#pool.wordsOf(address);
      const at = this.#pool.wordAt(address);
      return consumer.complete(status, address, versionLowOf(words, at), versionHighOf(words, at));
    }
    consumer.complete(status, operation === Operation.RESERVE ? address : 0, 0, 0);
  }

  /** Announces the answer to a request. What only reserves a place is asked for again if this thread dies. */
  #prepare({ consumer, operation, status, address, isOfExpired }: Member): void {
    if (operation === Operation.RESERVE) return consumer.prepare(Status.MOVED, 0, 0, 0);
    if (status !== Status.OK) return consumer.prepare(status, 0, 0, 0);
    if (isOfExpired) return consumer.prepare(Status.UNMET, address, 0, 0);
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    consumer.prepare(status, address, versionLowOf(words, at), versionHighOf(words, at));
  }
}

function versionLowOf(words: Int32Array, at: number): number {
  return words[at + RECORD_VERSION_LOW];
}

function versionHighOf(words: Int32Array, at: number): number {
  return words[at + RECORD_META] >>> 16;
}

function isPut(member: Member): boolean {
  return member.operation === Operation.PUT || member.operation === Operation.COMMIT;
}
