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
    const { slotAt, record, to, address, old } = change;
    if (change.isPut && change.staged === NO_ADDRESS) {
      this.#segments.addLive(address, change.length * 4);
    }
    this.#slots.stamp(slotAt, record, to, old);
    const versionLow = record[to + RECORD_VERSION_LOW];
    const versionHigh = metaVersionHigh(record[to + RECORD_META]);
    consumer.prepare(Status.OK, address, versionLow, versionHigh);
    if (change.isPut) this.#put(consumer, change);
    else {
      if (change.operation === Operation.CLEAR_SLOT) this.#slots.clear(slotAt);
      else this.#slots.remove(slotAt, old);
      consumer.completePrepared();
    }
    this.release(change);
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

  #put(consumer: RequestConsumer, change: Change): void {
    const { slotAt, hash, record, to, address, old, staged } = change;
    if (staged !== NO_ADDRESS) {
      record[to + RECORD_META] = metaWithKind(record[to + RECORD_META], RecordKind.PUT);
    }
    const isMade = this.#slots.point(slotAt, hash, old, address, record[to + RECORD_META]);
    if (isMade) consumer.completePrepared();
    else {
      // In this order: an agent that ends this after a death must not count the record twice.
      consumer.complete(Status.INDEX_FULL, 0, 0, 0);
      this.#slots.bury(address);
    }
    if (staged !== NO_ADDRESS) this.#segments.unpin(staged);
  }
}
