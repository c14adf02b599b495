/**
 * Commits the changes of one step of a far KN: logged together, answered after that, and merged
 * into the index later. See node/commit_policy.ts.
 *
 * 1. **Append.** For each request in turn (node/request_pipeline.ts): its slot is locked (once per
 *    slot and group), its record gets the slot's next version, and its answer is prepared in the
 *    ring. Reads join in, so that answers keep the order of the requests. A read of a key that the
 *    group changes finds the group's record of it, if the log is in memory: then a popular key that
 *    is read and written all the time does not end a group at every read. Where the log is written
 *    to a file, which may fail, such a read waits for the end of the group.
 * 2. **Log.** Write what was appended, and sync it if anything in the group asks for it; then
 *    publish the segments' used bytes. From then on the records are logged: the merger merges them,
 *    whatever becomes of this thread.
 * 3. **Answer** all requests, in their order, and unlock the slots.
 *
 * A key that several KNs own has a cell, which is locked instead of the slot, and pointed at what
 * was logged before the answers (cell_group.ts).
 *
 * Why that is safe:
 *
 * - I1. A slot is locked from when its record is stamped until that is logged. The M-node, which
 *   takes the slot away, has to wait for that; so what is logged at that moment is all that this KN
 *   will ever log for the slot, and is merged before the slot is given away.
 * - I3. Nothing is answered before it is logged, and no read returns what is not: one that has
 *   found a record of the group is answered with it, when that is logged. A group that could not be
 *   written is not logged: its records are voided before used bytes are published, and no merger
 *   merges them; and no read has found them.
 * - I5. If the thread dies, a record is logged if and only if it is within its segment's used
 *   bytes. What is logged forms a prefix of what was appended, so whatever a request has looked at
 *   is logged if a later one is. The M-node answers every request up to the last logged one of its
 *   ring as it was prepared, and no other one: those are sent again by their clients, in their
 *   order (recovery/step_recovery.ts). A group that was SEALED may be in the file; so it is written
 *   once more, and is logged then.
 *
 * @module
 */
import type { PoolAddress, Slot } from "../../core/brands.ts";
import { ADDRESS_UNIT_BYTES, SLOT_SHIFT } from "../../core/limits.ts";
import type { LogWriter } from "../../log/log_writer.ts";
import type { UnmergedLog } from "../log/unmerged_log.ts";
import {
  metaKeyBytes,
  metaKind,
  metaWithKind,
  RECORD_HASH,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  RecordKind,
  recordVersion,
  recordWords,
} from "../../log/record_layout.ts";
import type { KeyWords } from "../../log/record_key.ts";
import { RecordView } from "../../log/record_view.ts";
import type { Change } from "../../node/change.ts";
import { type CommitPolicy, Outcome } from "../../node/commit_policy.ts";
import type { DerivedRecords } from "../../node/derived_records.ts";
import { GroupState, RequestGroup, type RequestGroupOptions } from "../../node/request_group.ts";
import { AGENT_LOGGED_END } from "../../pool/control_layout.ts";
import type { FarBudget } from "../log/far_budget.ts";
import type { Pool } from "../../pool/pool.ts";
import { raiseSlotVersion } from "../../pool/slot_version.ts";
import { VerbCounter, type Verbs } from "../../pool/verbs.ts";
import type { RequestConsumer } from "../../rings/request_consumer.ts";
import { Condition, Operation, Status } from "../../rings/ring_layout.ts";
import { isCellWord } from "../../routing/cells.ts";
import { Lock } from "../../routing/ownership.ts";
import type { SlotWriter } from "../../agent/slot_writer.ts";
import { markKey, markSlot } from "../../watch/watch_marks.ts";
import { type CellGroup, CellRead } from "./cell_group.ts";
import type { CachedValue, FarLookup } from "./far_lookup.ts";
import type { SegmentWait } from "../../node/segment_wait.ts";
import type { StagedValues } from "./staged_values.ts";

/** What changes are committed with: the parts of a far KN. */
export interface MergedCommitOptions extends RequestGroupOptions {
  readonly slots: SlotWriter;
  readonly budget: FarBudget;
  readonly derived: DerivedRecords;
  readonly log: LogWriter;
  readonly unmerged: UnmergedLog;
  readonly lookup: FarLookup;
  readonly staged: StagedValues;
  readonly verbs: Verbs;
  readonly cells: CellGroup;
  readonly clock: () => number;
  /** How long requests wait for which the index has no room. */
  readonly segmentWait: SegmentWait;
  /** Whether the log is written to a file. */
  readonly hasFile: boolean;
  /** Whether every group is synced. */
  readonly syncsAlways: boolean;
}

/** Commits the requests of one far KN, reads included. */
export class MergedCommit implements CommitPolicy {
  readonly staging: LogWriter;
  readonly #options: MergedCommitOptions;
  readonly #pool: Pool;
  readonly #group: RequestGroup;
  readonly #newest: RecordView;

  /** Commits with the parts of a KN. */
  constructor(options: MergedCommitOptions) {
    this.staging = options.staging;
    this.#options = options;
    this.#pool = options.pool;
    this.#group = new RequestGroup(options);
    this.#newest = new RecordView(options.pool);
  }

  get isOpen(): boolean {
    return this.#group.isOpen || this.#options.cells.hasAny;
  }

  /** Whether there may be more room when what this KN has logged is merged. */
  get mayGain(): boolean {
    return this.#group.recordCount > 0 || this.#options.unmerged.bytes > 0;
  }

  /** Records in the group. */
  get recordCount(): number {
    return this.#group.recordCount;
  }

  mayJoin(change: Change): boolean {
    return this.#group.mayChange(change);
  }

  /**
   * Whether the group can tell what a read of a key finds; `isShared` if it was routed by a cell.
   */
  mayRead(key: KeyWords, isShared: boolean): boolean {
    // What is written to a file may turn out not to be; and whether a cell is still the key's is
    // found out by reading it.
    const mustWait = this.#options.hasFile || isShared;
    return this.#group.mayFind(key) && !(mustWait && this.#group.newestOf(key.hash) !== 0);
  }

  lock({ slot, routedBy }: Change): number {
    const { lookup, cells } = this.#options;
    if (isCellWord(routedBy)) return cells.lock(routedBy);
    const lock = this.#group.lock(slot, routedBy);
    if (lock === Lock.TAKEN) lookup.own(slot, routedBy);
    return lock;
  }

  admit(change: Change): number {
    if (change.operation === Operation.CLEAR_SLOT) return this.#admitClear(change);
    if (change.operation === Operation.DELETE) {
      // One that has expired is removed by the sweeper.
      return this.#exists(change) && this.#holds(change) ? Status.OK : Status.UNMET;
    }
    if (!this.#holds(change)) return Status.UNMET;
    if (change.isDerived) {
      const old = this.#exists(change) ? this.foundOf(change) : undefined;
      const made = this.#options.derived.make(change, old);
      if (made !== Status.OK) return made;
    }
    // The store's own key has no bytes; it is always admitted, or overwrites could not be encoded.
    const status = change.byteLength === 0 ? Status.OK : this.#admitPut(change);
    if (status === Status.OK) return status;
    if (this.mayGain) return Outcome.WAITS_FOR_MERGE;
    return this.#mayGainByOthers(status) ? Outcome.WAITS_FOR_OTHERS : status;
  }

  commit(consumer: RequestConsumer, change: Change): void {
    const { verbs, cells, slots } = this.#options;
    const { routedBy, slotAt, record, to } = change;
    const isShared = isCellWord(routedBy);
    if (isShared) cells.stamp(routedBy, change.address);
    else slots.stamp(slotAt, record, to, change.old);
    if (change.operation === Operation.CLEAR_SLOT) {
      const version = recordVersion(record[to + RECORD_META], record[to + RECORD_VERSION_LOW]);
      cells.clear(change.slot, version);
    } else {
      verbs.count(VerbCounter.PUTS, 1);
      if (isShared) verbs.count(VerbCounter.SHARED_PUTS, 1);
    }
    this.#group.addRecord(consumer, change, isShared);
  }

  release(): void {
    // Slots and cells are unlocked at the end of the group.
  }

  refuse(consumer: RequestConsumer, status: number, staged: PoolAddress): void {
    this.#group.addRefusal(consumer, status, staged);
  }

  answerReserved(consumer: RequestConsumer, address: PoolAddress): void {
    this.#group.addReserved(consumer, address);
  }

  /** Answers a read. */
  answerRead(consumer: RequestConsumer, status: number, address = 0, low = 0, high = 0): void {
    this.#group.addRead(consumer, status, address, low, high);
  }

  /** Answers a read whose value is staged. */
  answerStaged(consumer: RequestConsumer, address: PoolAddress): void {
    this.#options.staged.lend(address);
    this.answerRead(consumer, Status.FOUND_STAGED, address);
  }

  /** Whether the group has locked a slot. */
  hasLocked(slot: Slot): boolean {
    return this.#group.hasLocked(slot);
  }

  /**
   * Finds the newest put of a key in {@linkcode foundOf} the key: that of the group, if it changes
   * the key, or what it was before.
   *
   * @param routedBy what the request was routed by
   */
  find(key: KeyWords, routedBy: Change["routedBy"]): boolean {
    const { lookup, cells, verbs } = this.#options;
    const newest = this.#group.newestOf(key.hash);
    if (newest === 0) {
      if (!isCellWord(routedBy)) return lookup.find(key);
      return cells.find(routedBy, key) === CellRead.FOUND;
    }
    verbs.count(VerbCounter.LOG_HITS, 1);
    this.#newest.show(newest);
    return this.#newest.isPut;
  }

  /** What {@linkcode find} has found. */
  foundOf(key: KeyWords): CachedValue {
    return this.#group.newestOf(key.hash) === 0 ? this.#options.lookup.found : this.#newest;
  }

  /** Logs and answers everything; returns how many records were logged. */
  end(): number {
    const { cells } = this.#options;
    const group = this.#group;
    const { recordCount } = group;
    if (recordCount > 0) this.#log();
    for (const member of group.members) group.answer(member);
    if (cells.hasAny) cells.release();
    group.unlock();
    group.end();
    return recordCount;
  }

  /** Gives the staging segment back as soon as no value is on its way in it. */
  endStaging(): void {
    this.#group.endStaging();
  }

  /** A CLEAR_SLOT waits until everything that was logged for the slot before has been merged. */
  #admitClear({ slot, slotAt }: Change): number {
    const { unmerged, cells } = this.#options;
    if (unmerged.hasRecordsOf(slot)) return Outcome.WAITS_FOR_MERGE;
    // It is newer than every record of the slot's keys, also of those that several KNs own.
    const newest = cells.lockAllOf(slot);
    if (newest < 0) return Outcome.WAITS;
    raiseSlotVersion(this.#pool.control, slotAt, newest);
    return Status.OK;
  }

  #exists(change: Change): boolean {
    return this.find(change, change.routedBy) &&
      this.foundOf(change).expiresAtMs > this.#options.clock();
  }

  #holds(change: Change): boolean {
    if (change.condition === Condition.NONE) return true;
    const exists = this.#exists(change);
    if (change.condition === Condition.ABSENT) return !exists;
    return exists && this.foundOf(change).version === change.expectedVersion;
  }

  /** Whether there is room for what a put adds, in the log and in the index. */
  #admitPut(change: Change): number {
    const { budget } = this.#options;
    const { recordBytes, recordCount } = this.#group;
    const bytes = change.length * 4;
    const fitsBytes = budget.admitsBytes(bytes, recordBytes);
    const fitsKey = budget.admitsKey(recordCount);
    if (fitsBytes && fitsKey) return Status.OK;
    if (!this.find(change, change.routedBy)) return fitsKey ? Status.LOG_FULL : Status.INDEX_FULL;
    const added = bytes - this.foundOf(change).recordBytes;
    if (fitsBytes || added <= 0) return Status.OK;
    return budget.admitsBytes(added, recordBytes) ? Status.OK : Status.LOG_FULL;
  }

  /** Whether there may be room in the index when what others have logged is merged. */
  #mayGainByOthers(status: number): boolean {
    const { budget, segmentWait } = this.#options;
    return status === Status.INDEX_FULL && budget.mayAdmitLater() && segmentWait.mayGoOnForMerge();
  }

  #log(): void {
    const { log, agent, verbs, cells, syncsAlways } = this.#options;
    const group = this.#group;
    log.endFrame();
    group.setState(GroupState.SEALED);
    const isWritten = log.write(group.mustSync || syncsAlways);
    let end = 0;
    for (const member of group.members) {
      if (!member.isRecord) continue;
      const words = this.#pool.wordsOf(member.address as PoolAddress);
      const at = this.#pool.wordAt(member.address as PoolAddress);
      const length = recordWords(words[at + RECORD_META], words[at + RECORD_VALUE_BYTES]);
      end = ((member.address >>> 0) + length * 4 / ADDRESS_UNIT_BYTES) | 0;
      if (isWritten) continue;
      words[at + RECORD_META] = metaWithKind(words[at + RECORD_META], RecordKind.RESERVATION);
    }
    if (isWritten) verbs.write(group.recordBytes);
    else group.giveUp();
    // From here on the records are logged.
    log.settle();
    Atomics.store(this.#pool.control, this.#pool.agentAt(agent) + AGENT_LOGGED_END, end);
    if (!isWritten) return;
    this.#remember();
    // Before any of it is answered, and before the cells are unlocked.
    cells.point();
    this.#tellWatchers();
  }

  /** What is logged can be read from now on, by way of this KN. */
  #tellWatchers(): void {
    for (const { isRecord, address: unit } of this.#group.members) {
      if (!isRecord) continue;
      const address = unit as PoolAddress;
      const words = this.#pool.wordsOf(address);
      const at = this.#pool.wordAt(address);
      const hash = words[at + RECORD_HASH];
      const isClear = metaKind(words[at + RECORD_META]) === RecordKind.CLEAR;
      if (isClear) markSlot(this.#pool, (hash >>> SLOT_SHIFT) as Slot);
      else markKey(this.#pool, hash);
    }
  }

  /** Lets this KN find what it has logged. */
  #remember(): void {
    const { unmerged, lookup } = this.#options;
    for (const { isRecord, isShared, address: unit } of this.#group.members) {
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
}
