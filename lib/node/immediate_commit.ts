/**
 * Commits each change at once: for pools whose log is written to no file. See commit_policy.ts.
 *
 * From when the answer is prepared, a thread that dies leaves a change that is made all the same,
 * by the M-node (I5); the answer is written before the slot is unlocked, so for the next owner of
 * the slot a change that has been made is an answer in the ring (I1).
 *
 * @module
 */
import { NO_ADDRESS, type NodeId, type PoolAddress } from "../core/brands.ts";
import type { SlotTable } from "../index/slot_table.ts";
import type { LogWriter } from "../log/log_writer.ts";
import {
  metaVersionHigh,
  metaWithKind,
  RECORD_META,
  RECORD_VERSION_LOW,
  RecordKind,
} from "../log/record_layout.ts";
import { SLOT_LOCK } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import type { SegmentTable } from "../pool/segment_table.ts";
import type { RequestConsumer } from "../rings/request_consumer.ts";
import { Operation, Status } from "../rings/ring_layout.ts";
import { Lock, lockSlot, ownerOf, unlockSlot } from "../routing/ownership.ts";
import type { Admission } from "./admission.ts";
import type { Change } from "./change.ts";
import type { CommitPolicy } from "./commit_policy.ts";
import type { SlotWriter } from "../agent/slot_writer.ts";
import { giveBackStaged } from "./staged_record.ts";

/** What changes are committed with: the parts of a KN. */
export interface ImmediateCommitOptions {
  readonly pool: Pool;
  readonly nodeId: NodeId;
  /** The KN's agent block. */
  readonly agent: number;
  readonly segments: SegmentTable;
  readonly table: SlotTable;
  readonly slots: SlotWriter;
  readonly admission: Admission;
  readonly log: LogWriter;
}

/** Commits the changes of one executor. */
export class ImmediateCommit implements CommitPolicy {
  readonly isOpen = false;
  readonly staging: LogWriter;
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #nodeId: NodeId;
  readonly #agent: number;
  readonly #segments: SegmentTable;
  readonly #table: SlotTable;
  readonly #slots: SlotWriter;
  readonly #admission: Admission;

  /** Commits with the parts of a KN. */
  constructor(options: ImmediateCommitOptions) {
    this.staging = options.log;
    this.#pool = options.pool;
    this.#control = options.pool.control;
    this.#nodeId = options.nodeId;
    this.#agent = options.agent;
    this.#segments = options.segments;
    this.#table = options.table;
    this.#slots = options.slots;
    this.#admission = options.admission;
  }

  mayJoin(): boolean {
    return true;
  }

  lock({ routedBy, slotAt }: Change): number {
    if (ownerOf(routedBy) !== this.#nodeId) return Lock.MOVED;
    return lockSlot(this.#control, slotAt + SLOT_LOCK, routedBy, this.#agent);
  }

  admit(change: Change): number {
    if (change.operation === Operation.CLEAR_SLOT) return Status.OK;
    const { slotAt, hash, words, start, byteLength } = change;
    return this.#admission.admit(change, this.#table.find(slotAt, hash, words, start, byteLength));
  }

  commit(consumer: RequestConsumer, change: Change): void {
    const { slotAt, hash, record, to, address, old, staged } = change;
    if (change.isPut) {
      // What is staged counts as live already.
      const bytes = staged === NO_ADDRESS ? change.length * 4 : 0;
      this.put(consumer, slotAt, hash, old, address, record, to, bytes);
      if (staged !== NO_ADDRESS) this.#segments.unpin(staged);
    } else this.#remove(consumer, change);
    this.release(change);
  }

  /**
   * Makes a complete record the newest one of its key, and answers; the slot is locked.
   *
   * @param old what the table has just found
   * @param words where the record is, from index `at` on
   * @param bytes that count as live from now on
   */
  put(
    consumer: RequestConsumer,
    slotAt: number,
    hash: number,
    old: PoolAddress,
    address: PoolAddress,
    words: Int32Array,
    at: number,
    bytes: number,
  ): void {
    const slots = this.#slots;
    if (bytes > 0) this.#segments.addLive(address, bytes);
    slots.stamp(slotAt, words, at, old);
    const stamped = words[at + RECORD_META];
    consumer.prepare(Status.OK, address, words[at + RECORD_VERSION_LOW], metaVersionHigh(stamped));
    // What is staged is a reservation until here.
    const meta = words[at + RECORD_META] = metaWithKind(stamped, RecordKind.PUT);
    if (slots.point(slotAt, hash, old, address, meta)) consumer.completePrepared();
    else {
      // In this order: an agent that ends this after a death must not count the record twice.
      consumer.complete(Status.INDEX_FULL, 0, 0, 0);
      slots.bury(address);
    }
  }

  release({ slotAt, routedBy }: Change): void {
    unlockSlot(this.#control, slotAt + SLOT_LOCK, routedBy);
  }

  refuse(consumer: RequestConsumer, status: number, staged: PoolAddress): void {
    consumer.complete(status, 0, 0, 0);
    // A client whose slot has moved will commit it at the new owner.
    if (staged !== NO_ADDRESS && status !== Status.MOVED) {
      giveBackStaged(this.#pool, this.#segments, staged);
    }
  }

  answerReserved(consumer: RequestConsumer, address: PoolAddress): void {
    consumer.complete(Status.OK, address, 0, 0);
  }

  #remove(consumer: RequestConsumer, change: Change): void {
    const { slotAt, record, to, address, old } = change;
    this.#slots.stamp(slotAt, record, to, old);
    const versionHigh = metaVersionHigh(record[to + RECORD_META]);
    consumer.prepare(Status.OK, address, record[to + RECORD_VERSION_LOW], versionHigh);
    if (change.operation === Operation.CLEAR_SLOT) this.#slots.clear(slotAt);
    else this.#slots.remove(slotAt, old);
    consumer.completePrepared();
  }
}
