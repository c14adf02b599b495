/**
 * Group commit: the changes of a step are written to the image together, and published and answered
 * after that. See commit_policy.ts.
 *
 * I3 says that nothing is visible before it is durable. So a group has three phases:
 *
 * 1. **Append**, for each request (request_pipeline.ts). Its condition is checked against what the
 *    index says, or against the newest record of the group for the same key, which the index does
 *    not know yet.
 * 2. **Write** the frames, and sync them if anything in the group asks for it. The slots stay
 *    locked, so no agent can change them, move them, or clean records of theirs. All three phases
 *    are one step, within the gate: a cleaner that waits for one of these locks is in a step of its
 *    own, and an agent that pauses the pool waits for that.
 * 3. **Publish.** In the order of the requests: point the index at the records, count what they
 *    replace as dead, and answer the requests; then unlock the slots.
 *
 * **Atomic commits** join the group as well. From the first of them on, all that joins is a set of
 * records that are published at one moment (shown_set.ts). So what joins shares no slot with the
 * group, and its record stands in the set's segment; docs/protocols/commits.md has the reasons.
 *
 * If writing fails nothing is published, and everything that would have been applied is answered
 * NOT_DURABLE. So is what was refused for what its key holds, which may be what a record of the
 * group would have made of it: a delete that has found nothing because a put of the group had
 * expired, while the index has the record before that.
 *
 * If the thread dies (I5), what happens depends on the group's state. While it is APPENDING nothing
 * is in the file: it is as if its requests had not been taken. It is SEALED before it is written,
 * and from then on the M-node completes it: its frames are written once more, and what was not
 * published is.
 *
 * The segments of a group are sealed after 3, so none of them is freed, and reused behind a
 * checkpoint that does not know the group's deletes yet (I10).
 *
 * @module
 */
import { NO_ADDRESS, type OwnerWord, type PoolAddress, type Slot } from "../core/brands.ts";
import type { SlotTable } from "../index/slot_table.ts";
import type { LogWriter } from "../log/log_writer.ts";
import { SessionLedger } from "../log/session_ledger.ts";
import { metaKind, RECORD_META, RECORD_REPLACES, RecordKind } from "../log/record_layout.ts";
import type { RequestConsumer } from "../rings/request_consumer.ts";
import { Operation, Status } from "../rings/ring_layout.ts";
import { Applied, applyRecord } from "../agent/apply_record.ts";
import type { Admission } from "./admission.ts";
import type { Change } from "./change.ts";
import { type CommitPolicy, Outcome } from "./commit_policy.ts";
import {
  GroupState,
  type Member,
  RequestGroup,
  type RequestGroupOptions,
} from "./request_group.ts";
import type { SlotWriter } from "../agent/slot_writer.ts";
import type { ShownSet } from "./shown_set.ts";

/** What changes are committed with: the parts of a KN. */
export interface LoggedCommitOptions extends RequestGroupOptions {
  readonly table: SlotTable;
  readonly slots: SlotWriter;
  readonly admission: Admission;
  readonly log: LogWriter;
  /** What of the group is shown at one moment. */
  readonly set: ShownSet;
  /** Whether every group is synced. */
  readonly syncsAlways: boolean;
  /**
   * Whether what waits for a disk is left to the KN's own thread: the executor is a client, and
   * there is such a thread.
   */
  readonly leavesDisk: () => boolean;
}

/** Commits the changes of one executor. */
export class LoggedCommit implements CommitPolicy {
  readonly staging: LogWriter;
  readonly #options: LoggedCommitOptions;
  readonly #group: RequestGroup;
  /** If other processes use the pool. */
  readonly #ledger: SessionLedger | undefined;

  /** Commits with the parts of a KN. */
  constructor(options: LoggedCommitOptions) {
    this.staging = options.staging;
    this.#ledger = SessionLedger.of(options.pool);
    this.#options = options;
    this.#group = new RequestGroup(options);
  }

  get isOpen(): boolean {
    return this.#group.isOpen;
  }

  mayJoin(change: Change): boolean {
    const { set, leavesDisk } = this.#options;
    if (change.mustSync && leavesDisk()) return false;
    if (set.isEmpty) return this.#group.mayChange(change);
    return change.operation !== Operation.CLEAR_SLOT && this.mayLock(change.slot);
  }

  /** Whether no request of the group is for a slot. */
  mayLock(slot: Slot): boolean {
    return !this.#group.hasLocked(slot);
  }

  lock({ slot, routedBy }: Change): number {
    return this.#group.lock(slot, routedBy);
  }

  admit(change: Change): number {
    if (change.operation === Operation.CLEAR_SLOT) return Status.OK;
    const status = this.#options.admission.admit(change, this.#find(change));
    return status !== Status.OK || this.#options.set.isEmpty ? status : this.#enterSet(change);
  }

  commit(consumer: RequestConsumer, change: Change): void {
    const { slots, segments } = this.#options;
    slots.stamp(change.slotAt, change.record, change.to, change.old);
    if (change.isPut) segments.addLive(change.address, change.length * 4);
    this.#group.addRecord(consumer, change, false);
  }

  /**
   * Adds an atomic commit whose records have been stamped, and are in the set; takes over the slots
   * that are locked for it.
   */
  addCommit(
    consumer: RequestConsumer,
    first: PoolAddress,
    mustSync: boolean,
    staged: PoolAddress,
    slots: readonly Slot[],
    owners: readonly OwnerWord[],
  ): void {
    this.#group.addCommit(consumer, first, mustSync, staged);
    for (let i = 0; i < slots.length; i++) this.#group.adopt(slots[i]!, owners[i]!);
  }

  /** Adds an atomic commit that changes nothing; `entry` is the one that it was refused for. */
  refuseCommit(
    consumer: RequestConsumer,
    status: number,
    entry: number,
    staged: PoolAddress,
  ): void {
    this.#group.addRefusal(consumer, status, staged, entry);
  }

  release(): void {
    // Slots are unlocked at the end of the group.
  }

  refuse(consumer: RequestConsumer, status: number, staged: PoolAddress): void {
    this.#group.addRefusal(consumer, status, staged);
  }

  answerReserved(consumer: RequestConsumer, address: PoolAddress): void {
    this.#group.addReserved(consumer, address);
  }

  /** Phase 2. */
  write(): void {
    const { log, syncsAlways } = this.#options;
    const group = this.#group;
    log.endFrame();
    if (group.recordCount > 0) group.setState(GroupState.SEALED);
    if (log.write(group.mustSync || syncsAlways)) return;
    group.giveUp();
    for (const member of group.members) if (member.isRecord) this.#bury(member);
    this.#options.set.bury();
  }

  /** Phase 3. */
  publish(): void {
    const { set } = this.#options;
    const group = this.#group;
    for (const member of group.members) {
      if (member.isRecord && member.status === Status.OK) this.#take(member);
      group.answer(member);
    }
    set.end();
    group.unlock();
    this.#options.log.settle();
    group.end();
  }

  /** What a key's record will be when the group's members so far have been published. */
  #find({ slotAt, hash, words, start, byteLength }: Change): PoolAddress {
    const newest = this.#group.newestOf(hash);
    if (newest === NO_ADDRESS) {
      return this.#options.table.find(slotAt, hash, words, start, byteLength);
    }
    return this.#isPut(newest) ? newest : NO_ADDRESS;
  }

  /** Has a change that was admitted shown with the set. */
  #enterSet(change: Change): number {
    const { set } = this.#options;
    const { address, old } = change;
    // Logged though there is nothing to delete: it is not answered as it was prepared.
    const isIdle = change.operation === Operation.DELETE && old === NO_ADDRESS;
    if (isIdle || !set.mayHold(address)) return Outcome.WAITS;
    change.record[change.to + RECORD_REPLACES] = old;
    return set.add(address, change.length) ? Status.OK : Status.INDEX_FULL;
  }

  #bury(member: Member): void {
    const address = member.address as PoolAddress;
    if (this.#options.set.has(address)) return;
    if (this.#isPut(address)) this.#options.slots.bury(address);
  }

  /** Makes a change that is durable, and notes that for the process that has asked for it. */
  #take(member: Member): void {
    const { set } = this.#options;
    const address = member.address as PoolAddress;
    if (!set.has(address)) {
      this.#apply(member);
      if (member.status === Status.OK) this.#ledger?.note(address);
    } else if (set.show() && this.#ledger !== undefined) {
      set.forEach((record) => this.#ledger!.note(record));
    }
  }

  #apply(member: Member): void {
    const address = member.address as PoolAddress;
    const applied = applyRecord(this.#options.slots, address);
    if (applied === Applied.NO_ROOM) {
      member.status = Status.INDEX_FULL;
      this.#options.slots.bury(address);
    } else if (applied === Applied.ABSENT) {
      // What it was to delete is a put of the same group for which the index has had no room.
      member.status = Status.UNMET;
    }
  }

  #isPut(address: PoolAddress): boolean {
    const { pool } = this.#options;
    return metaKind(pool.wordsOf(address)[pool.wordAt(address) + RECORD_META]) === RecordKind.PUT;
  }
}
