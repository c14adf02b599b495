/**
 * The requests of one step of a far KN: logged together, and answered after that.
 *
 * 1. **Append.** For each request in turn: lock its slot (once per slot and group), check its condition, give its record the slot's next
 *    version, and put the record into the open segment. Its answer is prepared in the ring. Reads join in, so that answers keep the
 *    order of the requests. A read of a key that the group changes finds the group's record of it, if the log is in memory: then
 *    a popular key that is read and written all the time does not end a group at every read. Where the log is written to a
 *    file, which may fail, such a read waits for the end of the group.
 * 2. **Log.** Write what was appended, and sync it if anything in the group asks for it; then publish the segments' used bytes. From then
 *    on the records are logged: the merger merges them, whatever becomes of this thread.
 * 3. **Answer** all requests, in their order, and unlock the slots.
 *
 * A key that several KNs own has a cell, which is locked instead of the slot, and pointed at what was logged before the answers
 * (cell_group.ts).
 *
 * Why that is safe:
 *
 * - I1. A slot is locked from when its record is appended until that is logged. Whoever takes the slot away has to wait for that; so what
 *   is logged at that moment is all that this KN will ever log for the slot, and is merged before the slot is given to anybody.
 * - I3. Nothing is answered before it is logged, and no read returns what is not: one that has found a record of the group is answered
 *   with it, when that is logged. A group that could not be written is not logged: its records are voided before used bytes are
 *   published, and nobody merges them; and no read has found them.
 * - I5. If the thread dies, a record is logged if and only if it is within its segment's used bytes. What is logged forms a
 *   prefix of what was appended, so whatever a request has looked at is logged if a later one is. Whoever tidies up answers every
 *   request up to the last logged one of its ring as it was prepared, and no other one: those are sent again by their clients, in
 *   their order (mnode/dead_executor.ts). A group that was SEALED may be in the file; so it is written once more, and is logged then.
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
import { ADDRESS_UNIT_BYTES, SLOT_COUNT, SLOT_SHIFT } from "../core/limits.ts";
import type { LogWriter } from "../log/log_writer.ts";
import {
  keyEquals,
  metaKeyBytes,
  metaKind,
  metaWithKind,
  RECORD_HASH,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RecordKind,
  recordWords,
} from "../log/record_layout.ts";
import type { UnmergedLog } from "../log/unmerged_log.ts";
import { AGENT_GROUP_STATE, AGENT_LOGGED_END, SLOT_LOCK } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import type { SegmentTable } from "../pool/segment_table.ts";
import type { Verbs } from "../pool/verbs.ts";
import type { RequestConsumer } from "../rings/request_consumer.ts";
import { Status } from "../rings/ring_layout.ts";
import { Lock, lockSlot, ownerOf, unlockSlot } from "../routing/ownership.ts";
import { isCellWord } from "../routing/cells.ts";
import type { CellGroup } from "./cell_group.ts";
import { GroupState } from "./commit_group.ts";
import type { FarLookup } from "./far_lookup.ts";
import type { KeyWords } from "./pool_reader.ts";
import { giveBackStaged, type StagedValues } from "./staged_values.ts";

/** What a group is made of: the parts of its KN. */
export interface FarGroupOptions {
  readonly pool: Pool;
  readonly nodeId: NodeId;
  /** The KN's agent block. */
  readonly agent: number;
  readonly segments: SegmentTable;
  readonly log: LogWriter;
  /** Where values wait that are too large for a ring. */
  readonly staging: LogWriter;
  readonly unmerged: UnmergedLog;
  readonly lookup: FarLookup;
  readonly staged: StagedValues;
  readonly verbs: Verbs;
  /** Whether the log is written to a file. */
  readonly hasFile: boolean;
  readonly cells: CellGroup;
  /** Whether every group is synced. */
  readonly syncsAlways: boolean;
}

/** A request of the group, and its answer. */
interface Member {
  readonly consumer: RequestConsumer;
  status: number;
  readonly address: number;
  readonly low: number;
  readonly high: number;
  /** Whether `address` is a record in the log. */
  readonly isRecord: boolean;
  /** Whether it is of a key that has a cell. */
  readonly isShared: boolean;
  /** A staged value that this ends; `NO_ADDRESS` if there is none. */
  readonly staged: PoolAddress;
}

/** The group of one far KN; empty between two steps. */
export class FarGroup {
  readonly #options: FarGroupOptions;
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #agentAt: number;
  #members: Member[] = [];
  /** By hash: the newest record of the group. */
  readonly #newest = new Map<number, PoolAddress>();
  #locked: Slot[] = [];
  readonly #isLocked: Uint8Array = new Uint8Array(SLOT_COUNT);
  readonly #lockedUnder: Int32Array = new Int32Array(SLOT_COUNT);
  readonly #isCleared: Uint8Array = new Uint8Array(SLOT_COUNT);
  #recordBytes = 0;
  #recordCount = 0;
  #mustSync = false;

  /** Makes a group without members. */
  constructor(options: FarGroupOptions) {
    this.#options = options;
    this.#pool = options.pool;
    this.#control = options.pool.control;
    this.#agentAt = options.pool.agentAt(options.agent);
  }

  /** Requests in the group. */
  get size(): number {
    return this.#members.length;
  }

  /** Whether there is anything to end. */
  get isOpen(): boolean {
    return this.#members.length > 0 || this.#locked.length > 0 || this.#options.cells.hasAny;
  }

  /** Bytes and number of the records in the group. */
  get recordBytes(): number {
    return this.#recordBytes;
  }

  /** See {@linkcode recordBytes}. */
  get recordCount(): number {
    return this.#recordCount;
  }

  /** Whether the group has locked a slot. */
  hasLocked(slot: Slot): boolean {
    return this.#isLocked[slot] !== 0;
  }

  /** Whether the group can tell what a read of a key finds; `isShared` if it was routed by a cell. */
  mayRead(key: KeyWords, isShared: boolean): boolean {
    // What is written to a file may turn out not to be; and whether a cell is still the key's is found out by reading it.
    const mustWait = this.#options.hasFile || isShared;
    return this.mayChange(key) && !(mustWait && this.#newest.has(key.hash));
  }

  /** Whether the group can tell what a change of a key finds. */
  mayChange(key: KeyWords): boolean {
    if (this.#isCleared[key.hash >>> SLOT_SHIFT] !== 0) return false;
    const newest = this.#newest.get(key.hash);
    if (newest === undefined) return true;
    // Another key with the same hash would hide this one.
    const words = this.#pool.wordsOf(newest);
    const at = this.#pool.wordAt(newest);
    return keyEquals(words, at, key.words, key.start, key.byteLength);
  }

  /**
   * The group's newest record of a key that {@linkcode mayRead} or {@linkcode mayChange} is true for; `NO_ADDRESS` if it has
   * none.
   */
  newestOf(hash: number): PoolAddress {
    return this.#newest.get(hash) ?? NO_ADDRESS;
  }

  /** Locks a slot, or a cell if the word is one's, until the end of the group; returns one of `Lock`. */
  lock(slot: Slot, owner: OwnerWord): number {
    const { nodeId, agent, lookup, cells } = this.#options;
    if (isCellWord(owner)) return cells.lock(owner);
    if (this.#isLocked[slot] !== 0) {
      return this.#lockedUnder[slot] === owner ? Lock.TAKEN : Lock.MOVED;
    }
    if (ownerOf(owner) !== nodeId) return Lock.MOVED;
    const lock = lockSlot(this.#control, this.#pool.slotAt(slot) + SLOT_LOCK, owner, agent);
    if (lock !== Lock.TAKEN) return lock;
    this.#isLocked[slot] = 1;
    this.#lockedUnder[slot] = owner;
    this.#locked.push(slot);
    lookup.own(slot, owner);
    return lock;
  }

  /** Adds a request that changes nothing, with its answer. */
  answer(
    consumer: RequestConsumer,
    status: number,
    address = 0,
    low = 0,
    high = 0,
    staged: PoolAddress = NO_ADDRESS,
  ): void {
    consumer.prepare(status, address, low, high);
    const isShared = false;
    this.#add({ consumer, status, address, low, high, isRecord: false, isShared, staged });
  }

  /** Adds a read whose value is staged. */
  answerStaged(consumer: RequestConsumer, address: PoolAddress): void {
    this.#options.staged.lend(address);
    this.answer(consumer, Status.FOUND_STAGED, address);
  }

  /** Adds a request that has reserved a place for a value. If this thread dies, it is asked for again. */
  answerReserved(consumer: RequestConsumer, address: PoolAddress): void {
    consumer.prepare(Status.MOVED, 0, 0, 0);
    this.#add({
      consumer,
      status: Status.OK,
      address,
      low: 0,
      high: 0,
      isRecord: false,
      isShared: false,
      staged: NO_ADDRESS,
    });
  }

  /** Adds a request whose record has been appended and stamped; `isShared` if its key has a cell. */
  answerLogged(
    consumer: RequestConsumer,
    address: PoolAddress,
    low: number,
    high: number,
    mustSync: boolean,
    isShared: boolean,
    staged: PoolAddress = NO_ADDRESS,
  ): void {
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    const meta = words[at + RECORD_META];
    const hash = words[at + RECORD_HASH];
    if (this.#recordCount === 0) {
      Atomics.store(this.#control, this.#agentAt + AGENT_GROUP_STATE, GroupState.APPENDING);
    }
    consumer.prepare(Status.OK, address, low, high);
    const status = Status.OK;
    this.#add({ consumer, status, address, low, high, isRecord: true, isShared, staged });
    if (metaKind(meta) === RecordKind.CLEAR) this.#isCleared[hash >>> SLOT_SHIFT] = 1;
    else this.#newest.set(hash, address);
    this.#recordBytes += recordWords(meta, words[at + RECORD_VALUE_BYTES]) * 4;
    this.#recordCount += 1;
    if (mustSync) this.#mustSync = true;
  }

  /** Logs and answers everything; returns whether anything was logged. */
  end(): boolean {
    const hasRecords = this.#recordCount > 0;
    if (hasRecords) this.#log();
    for (const member of this.#members) this.#answer(member);
    if (this.#options.cells.hasAny) this.#options.cells.release();
    for (const slot of this.#locked) {
      const owner = this.#lockedUnder[slot] as OwnerWord;
      unlockSlot(this.#control, this.#pool.slotAt(slot) + SLOT_LOCK, owner);
      this.#isLocked[slot] = this.#isCleared[slot] = 0;
    }
    if (hasRecords) {
      Atomics.store(this.#control, this.#agentAt + AGENT_GROUP_STATE, GroupState.NONE);
    }
    this.endStaging();
    for (const { consumer } of this.#members) consumer.publish();
    this.#members = [];
    this.#locked = [];
    this.#newest.clear();
    this.#recordBytes = this.#recordCount = 0;
    this.#mustSync = false;
    return hasRecords;
  }

  #add(member: Member): void {
    this.#members.push(member);
  }

  #log(): void {
    const { log, verbs, cells, syncsAlways } = this.#options;
    log.endFrame();
    Atomics.store(this.#control, this.#agentAt + AGENT_GROUP_STATE, GroupState.SEALED);
    const isWritten = log.write(this.#mustSync || syncsAlways);
    let end = 0;
    for (const member of this.#members) {
      if (!member.isRecord) continue;
      const words = this.#pool.wordsOf(member.address as PoolAddress);
      const at = this.#pool.wordAt(member.address as PoolAddress);
      const length = recordWords(words[at + RECORD_META], words[at + RECORD_VALUE_BYTES]);
      end = ((member.address >>> 0) + length * 4 / ADDRESS_UNIT_BYTES) | 0;
      if (isWritten) continue;
      words[at + RECORD_META] = metaWithKind(words[at + RECORD_META], RecordKind.RESERVATION);
      member.status = Status.NOT_DURABLE;
    }
    if (isWritten) verbs.write(this.#recordBytes);
    // From here on the records are logged.
    log.settle();
    Atomics.store(this.#control, this.#agentAt + AGENT_LOGGED_END, end);
    if (!isWritten) return;
    this.#remember();
    // Before any of it is answered, and before the cells are unlocked.
    cells.point();
  }

  /** Lets this KN find what it has logged. */
  #remember(): void {
    const { unmerged, lookup } = this.#options;
    for (const { isRecord, isShared, address: unit } of this.#members) {
      if (!isRecord) continue;
      const address = unit as PoolAddress;
      const words = this.#pool.wordsOf(address);
      const at = this.#pool.wordAt(address);
      const meta = words[at + RECORD_META];
      const hash = words[at + RECORD_HASH];
      const bytes = recordWords(meta, words[at + RECORD_VALUE_BYTES]) * 4;
      if (metaKind(meta) === RecordKind.CLEAR) {
        unmerged.addClear(address, (hash >>> SLOT_SHIFT) as Slot, bytes);
        lookup.noteClear((hash >>> SLOT_SHIFT) as Slot);
      } else if (isShared) {
        unmerged.addShared(address, bytes);
        lookup.noteRecord(address);
      } else {
        unmerged.add(address, hash, metaKeyBytes(meta), bytes);
        lookup.noteRecord(address);
      }
    }
  }

  #answer({ consumer, status, address, low, high, isRecord, staged }: Member): void {
    if (staged !== NO_ADDRESS && status !== Status.MOVED) {
      // It has been copied, or given up. A client whose slot has moved will commit it at the new owner.
      giveBackStaged(this.#pool, this.#options.segments, staged);
    }
    if (isRecord && status !== Status.OK) consumer.complete(status, 0, 0, 0);
    else consumer.complete(status, address, low, high);
  }

  /** Gives the staging segment back as soon as no value is on its way in it. */
  endStaging(): void {
    const { staging, segments } = this.#options;
    if (staging.segment === NO_SEGMENT || segments.liveBytes(staging.segment) !== 0) return;
    staging.seal();
  }
}
