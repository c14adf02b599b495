/**
 * A KN: the exclusive writer of the slots it owns.
 *
 * `KvsNode` is an agent: `doWork()` does a bounded amount of work and says how much. It knows nothing of
 * threads, so the same object runs in a worker, in a unit test, and in a seeded single-threaded interleaving.
 *
 * A KN is an identity, not a thread. Whoever swaps its EXECUTOR word (executor.ts) executes its next step, goes on where the step before
 * has left off, and leaves off for the next one: all that a step hands on is in shared memory (where the rings and the log
 * are) and is published by the store that gives the word back. Mostly that is the KN's own thread. A client that has
 * nothing to do but wait for a few requests executes them itself, as a *helper*: that is sooner than another thread could
 * answer, and does not depend on when that thread gets a processor. (The idea is that of flat combining: Hendler, Incze,
 * Shavit, Tzafrir, SPAA 2010.) Still there is one writer of a slot at a time (I1).
 *
 * One put, and why it is safe:
 *
 * 1. Reserve space in this KN's open segment and copy the record there. Nobody can see it yet.
 * 2. Lock the slot by swapping the owner word that the request carries (I1, I4; see routing/ownership.ts).
 *    If that fails the reservation is cancelled and the client is told that the slot has moved.
 * 3. Look the key up, check the condition, give the record the slot's next version (I9), count it as live.
 * 4. Prepare the answer. If this thread dies from here on, the change is made all the same, by whoever tidies up (I5).
 * 5. Point the index at the record, which is complete by then (I2); count the replaced one as dead (I10).
 * 6. Answer the request: every thread has seen the put, or would see it (I3).
 * 7. Unlock. So for whoever has taken the slot away afterwards (I1), a change that has been made is an answer in the ring.
 *
 * @module
 */
import { NO_ADDRESS, type PoolAddress, type Slot } from "../core/brands.ts";
import {
  BATCH_REQUESTS_MAX,
  DELETE_SEGMENT_RESERVE,
  GROUP_REQUESTS_MAX,
  PUT_SEGMENT_RESERVE,
  SLOT_SHIFT,
} from "../core/limits.ts";
import { copyWords } from "../core/copy_words.ts";
import { sleepSync } from "../core/sleep_sync.ts";
import { Cleaner } from "../dpm/cleaner.ts";
import { IndexSpace } from "../index/index_space.ts";
import { SlotTable } from "../index/slot_table.ts";
import { LogWriter } from "../log/log_writer.ts";
import {
  metaKeyBytes,
  metaWithKind,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RecordKind,
  recordWords,
  valueWord,
} from "../log/record_layout.ts";
import {
  AGENT_EXECUTOR,
  AGENT_STEPS,
  SLOT_LOCK,
  SLOT_VERSION_HIGH,
  SLOT_VERSION_LOW,
} from "../pool/control_layout.ts";
import type { Checkpointer } from "../persistence/checkpointer.ts";
import type { LogFile } from "../persistence/log_file.ts";
import { syncsAlways } from "../pool/durability.ts";
import { Gate } from "../pool/gate.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import { SpaceBudget } from "../pool/space_budget.ts";
import { type RequestConsumer, RING_EMPTY } from "../rings/request_consumer.ts";
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
import type { StatisticsRegion } from "../statistics/statistics_region.ts";
import type { NodeId, OwnerWord } from "../core/brands.ts";
import { AgentCounter, AgentCounters } from "../pool/agent_counters.ts";
import { CommitGroup, Joining } from "./commit_group.ts";
import { enterExecutor, Executor, leaveExecutor } from "./executor.ts";
import { ExpirySweeper } from "./expiry_sweeper.ts";
import { SegmentWait } from "./segment_wait.ts";
import { SlotWriter } from "./slot_writer.ts";
import { StepMeter } from "./step_meter.ts";

/** Failed attempts in a row after which to wait for the executor, and how long. */
const LOCKED_OUT_MAX = 1000;
const LOCKED_OUT_WAIT_MS = 1;
/** Requests after which completions are published even though the batch goes on. */
const PUBLISH_EVERY = 16;

/** What a KN is made of. */
export interface KvsNodeOptions {
  readonly pool: Pool;
  readonly nodeId: NodeId;
  /** Which of the agent blocks is this KN's. */
  readonly agent: number;
  /** The rings from its clients; the array may change between two steps. */
  readonly consumers: readonly RequestConsumer[];
  /** Tells the time in milliseconds since the epoch. */
  readonly clock: () => number;
  /**
   * The thread that acts for the KN: `Executor.OWN_THREAD`, or a client's, which executes what that client has sent and leaves all
   * upkeep to the KN's own thread.
   *
   * @default Executor.OWN_THREAD
   */
  readonly executor?: number;
  /** The image, if what is written has to be logged there before it is acknowledged. */
  readonly file?: LogFile | undefined;
  /** Writes checkpoints when this KN needs a segment that waits for one. */
  readonly checkpointer?: Checkpointer | undefined;
  /** Where clients and the M-node count; if there are statistics, it is measured how long the KN is occupied. */
  readonly statistics?: StatisticsRegion | undefined;
}

/** The request that is being executed: where its record is, and its slot. */
interface CurrentRequest {
  address: PoolAddress;
  words: Int32Array;
  to: number;
  slotAt: number;
  owner: OwnerWord;
}

/** The agent that executes requests. */
export class KvsNode {
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #nodeId: NodeId;
  readonly #consumers: readonly RequestConsumer[];
  readonly #gate: Gate;
  readonly #segments: SegmentTable;
  readonly #budget: SpaceBudget;
  readonly #table: SlotTable;
  readonly #log: LogWriter;
  readonly #cleaner: Cleaner;
  readonly #slots: SlotWriter;
  /** With a file: requests whose records are written together. */
  readonly #group: CommitGroup | undefined;
  readonly #staging: LogWriter;
  readonly #file: LogFile | undefined;
  readonly #segmentWait: SegmentWait;
  readonly #counters: AgentCounters;
  readonly #meter: StepMeter | undefined;
  readonly #sweeper: ExpirySweeper;
  readonly #current: CurrentRequest;
  readonly #executorAt: number;
  readonly #executor: number;
  readonly #isHelper: boolean;
  readonly #agent: number;
  /** Steps in a row that another executor has kept this one from. */
  #lockedOutCount = 0;
  /** Whether the request just tried has to wait, and whether any of this step had to. */
  #mustWait = false;
  #isStalled = false;

  /** Makes a KN; it does nothing until {@linkcode doWork} is called. */
  constructor(options: KvsNodeOptions) {
    const { pool, agent, clock } = options;
    this.#pool = pool;
    this.#control = pool.control;
    this.#nodeId = options.nodeId;
    this.#consumers = options.consumers;
    this.#executorAt = pool.agentAt(agent) + AGENT_EXECUTOR;
    this.#agent = agent;
    this.#executor = options.executor ?? Executor.OWN_THREAD;
    this.#isHelper = this.#executor !== Executor.OWN_THREAD;
    this.#gate = new Gate(pool, agent);
    this.#segments = new SegmentTable(pool);
    this.#budget = new SpaceBudget(pool, this.#segments);
    this.#table = new SlotTable(pool, new IndexSpace(pool, agent));
    this.#file = options.file;
    const { file, checkpointer } = options;
    this.#segmentWait = new SegmentWait(this.#segments, this.#budget, file, checkpointer);
    this.#log = new LogWriter(pool, this.#segments, agent, { file: options.file });
    this.#staging = new LogWriter(pool, this.#segments, agent, { isStaging: true });
    this.#slots = new SlotWriter(pool, this.#table, this.#segments, this.#budget, clock);
    this.#group = options.file === undefined ? undefined : this.#makeGroup();
    this.#cleaner = new Cleaner(pool, this.#segments, this.#table, this.#log, clock);
    this.#counters = new AgentCounters(pool, agent);
    const isLogged = options.file !== undefined;
    this.#meter = options.statistics === undefined
      ? undefined
      : new StepMeter(options.statistics, this.#counters, this.#executor, isLogged);
    this.#sweeper = new ExpirySweeper({
      pool,
      nodeId: this.#nodeId,
      agent,
      segments: this.#segments,
      table: this.#table,
      counters: this.#counters,
      clock,
    });
    this.#current = {
      address: NO_ADDRESS,
      words: pool.words[0],
      to: 0,
      slotAt: 0,
      owner: 0 as OwnerWord,
    };
  }

  /** Whether a request waits; called between two steps, and before going to sleep. */
  hasRequest(): boolean {
    for (let i = 0; i < this.#consumers.length; i++) {
      if (this.#consumers[i].hasRequest()) return true;
    }
    return false;
  }

  /** Whether a request waits, and nobody is about to take it. */
  canExecute(): boolean {
    return Atomics.load(this.#control, this.#executorAt) === Executor.NOBODY && this.hasRequest();
  }

  /**
   * Executes a bounded number of requests of each client, and a bounded amount of upkeep.
   *
   * @param publish called, by a helper, at the beginning of the step: had its client published before, the KN's own thread
   *   would compete for the requests, and be kept awake by them
   * @returns requests executed and slots swept; 0 means that there is nothing to do now
   */
  doWork(publish?: () => void): number {
    const sweepIsDue = !this.#isHelper && this.#sweeper.isDue;
    if (!sweepIsDue && publish === undefined && !this.hasRequest()) return 0;
    // When space is short a step is followed by cleaning, which is no business of a client's.
    if (this.#isHelper && (this.#budget.isCritical || this.#waitsForDisk)) return 0;
    if (!this.#beginStep()) return 0;
    this.#meter?.begin();
    publish?.();
    let work = 0;
    this.#isStalled = false;
    for (let i = 0; i < this.#consumers.length; i++) work += this.#drain(this.#consumers[i]);
    if (work > 0) this.#counters.add(AgentCounter.BATCHES, 1);
    if (this.#isHelper) this.#counters.add(AgentCounter.HELPED, work);
    const group = this.#group;
    if (group !== undefined && group.size > 0) {
      group.write();
      group.publish();
    }
    if (!this.#isHelper) work += this.#keepUp(work > 0, sweepIsDue);
    this.#meter?.end();
    this.#endStep();
    return work;
  }

  /** Whether requests of this step wait to be written together. */
  get #hasGroup(): boolean {
    return this.#group !== undefined && this.#group.size > 0;
  }

  /** A bounded amount of upkeep; returns how much it did. */
  #keepUp(hasWorked: boolean, sweepIsDue: boolean): number {
    let work = 0;
    if (hasWorked && this.#budget.isCritical && !this.#segmentWait.isForCheckpoint) {
      work += this.#cleaner.doWork();
    }
    if (sweepIsDue) work += this.#sweeper.sweep();
    this.#counters.set(AgentCounter.SEGMENTS_CLEANED, this.#cleaner.cleanedCount);
    this.#counters.set(AgentCounter.BYTES_MOVED, this.#cleaner.movedBytes);
    return work;
  }

  /** Whether each step waits for a disk, which is no business of a client's either. */
  get #waitsForDisk(): boolean {
    return syncsAlways(this.#pool);
  }

  /** Whether a request needs a segment that a snapshot or another KN may be about to free; it waits in its ring. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** Waits a bounded time for the snapshot, or for other KNs. */
  waitWhileStalled(): void {
    this.#segmentWait.wait();
  }

  /** Ends this KN's part in the pool: nothing of it stays open, and nobody executes for it any more. */
  close(): void {
    while (!enterExecutor(this.#control, this.#executorAt, this.#executor)) {
      if (Atomics.load(this.#control, this.#executorAt) < Executor.NOBODY) return;
      sleepSync(1);
    }
    // A step like any other: whoever repairs the list of free segments must not meet one that is just being freed.
    this.#gate.enterAfterPause();
    this.#log.resume();
    this.#staging.resume();
    this.#cleaner.abandon();
    this.#log.seal();
    this.#staging.seal();
    this.#log.suspend();
    this.#staging.suspend();
    this.#gate.leave();
    Atomics.store(this.#control, this.#executorAt, Executor.LEFT);
  }

  /** Becomes the KN's executor and passes the gate; false when either is not possible now. */
  #beginStep(): boolean {
    if (!enterExecutor(this.#control, this.#executorAt, this.#executor)) {
      this.#lockedOutCount += 1;
      // Whoever executes has been descheduled, and may need this thread's processor.
      if (!this.#isHelper && this.#lockedOutCount % LOCKED_OUT_MAX === 0) {
        sleepSync(LOCKED_OUT_WAIT_MS);
      }
      return false;
    }
    this.#lockedOutCount = 0;
    if (!this.#gate.enter()) {
      leaveExecutor(this.#control, this.#executorAt, this.#executor);
      return false;
    }
    this.#control[this.#executorAt - AGENT_EXECUTOR + AGENT_STEPS] += 1;
    this.#log.resume();
    if (this.#group !== undefined) this.#staging.resume();
    for (let i = 0; i < this.#consumers.length; i++) this.#consumers[i].resume();
    return true;
  }

  /** Ends a step; the KN's next executor goes on from here. */
  #endStep(): void {
    // A snapshot between this step and the next must find every record within its segment's used bytes.
    this.#log.publish();
    this.#log.suspend();
    if (this.#group !== undefined) this.#staging.suspend();
    for (let i = 0; i < this.#consumers.length; i++) this.#consumers[i].suspend();
    this.#gate.leave();
    leaveExecutor(this.#control, this.#executorAt, this.#executor);
  }

  #drain(consumer: RequestConsumer): number {
    let count = 0;
    const countMax = this.#group === undefined ? BATCH_REQUESTS_MAX : GROUP_REQUESTS_MAX;
    while (count < countMax) {
      const at = consumer.poll();
      if (at === RING_EMPTY) break;
      this.#mustWait = false;
      if (this.#group !== undefined) this.#join(this.#group, consumer, at);
      else this.#execute(consumer, at);
      if (this.#mustWait) {
        // What waits for its own group only need not wait longer than that.
        this.#isStalled = !this.#hasGroup;
        consumer.putBack(at);
        break;
      }
      count += 1;
      if (count % PUBLISH_EVERY === 0) consumer.publish();
    }
    consumer.publish();
    if (count > 0) this.#counters.add(AgentCounter.REQUESTS, count);
    return count;
  }

  #join(group: CommitGroup, consumer: RequestConsumer, at: number): void {
    if (this.#file!.hasFailed) return group.refuse(consumer, Status.NOT_DURABLE);
    const isForDisk = mustSyncOf(consumer.words[at + REQUEST_OPERATION]);
    // A client does not wait for a disk; neither do the requests behind this one overtake it.
    const isForOthers = this.#isHelper && isForDisk;
    if (isForOthers || group.append(consumer, at) === Joining.WAITS) this.#mustWait = true;
  }

  #makeGroup(): CommitGroup {
    return new CommitGroup({
      pool: this.#pool,
      nodeId: this.#nodeId,
      agent: this.#agent,
      segments: this.#segments,
      table: this.#table,
      slots: this.#slots,
      log: this.#log,
      staging: this.#staging,
      syncsAlways: syncsAlways(this.#pool),
      reserve: (log, words, segmentReserve) => this.#reserve(words, segmentReserve, log),
      mustWait: () => this.#mustWait,
    });
  }

  #execute(consumer: RequestConsumer, at: number): void {
    const ring = consumer.words;
    const word = ring[at + REQUEST_OPERATION];
    switch (operationOf(word)) {
      case Operation.PUT:
        return this.#put(consumer, ring, at, conditionOf(word));
      case Operation.DELETE:
        return this.#delete(consumer, ring, at, conditionOf(word));
      case Operation.RESERVE:
        return this.#reserveLarge(consumer, ring, at);
      case Operation.COMMIT:
        return this.#commitLarge(consumer, ring, at, conditionOf(word));
      case Operation.CLEAR_SLOT:
        return this.#clearSlot(consumer, ring, at);
    }
  }

  #put(consumer: RequestConsumer, ring: Int32Array, at: number, condition: number): void {
    const from = at + REQUEST_RECORD;
    const meta = ring[from + RECORD_META];
    const hash = ring[from + RECORD_HASH];
    const slot = (hash >>> SLOT_SHIFT) as Slot;
    const length = recordWords(meta, ring[from + RECORD_VALUE_BYTES]);
    if (!this.#begin(consumer, ring, at, slot, length, PUT_SEGMENT_RESERVE)) return;
    const { address, words, to, slotAt } = this.#current;
    const old = this.#table.find(slotAt, hash, ring, from + RECORD_KEY, metaKeyBytes(meta));
    // The store's own key has no bytes; it is always admitted, or overwrites could not be encoded.
    const added = metaKeyBytes(meta) === 0 ? 0 : length * 4;
    const status = this.#slots.admit(old, ring, at, condition, added);
    if (status !== Status.OK) return this.#cancel(consumer, length, status);
    this.#segments.addLive(address, length * 4);
    this.#slots.stamp(slotAt, words, to, old);
    const versionLow = this.#control[slotAt + SLOT_VERSION_LOW];
    const versionHigh = this.#control[slotAt + SLOT_VERSION_HIGH];
    consumer.prepare(Status.OK, address, versionLow, versionHigh);
    if (this.#slots.point(slotAt, hash, old, address, meta)) {
      consumer.completePrepared();
    } else {
      // In this order: whoever ends this after a death must not count it twice.
      consumer.complete(Status.INDEX_FULL, 0, 0, 0);
      this.#segments.subtractLive(address, length * 4);
    }
    this.#unlock();
  }

  #delete(consumer: RequestConsumer, ring: Int32Array, at: number, condition: number): void {
    const from = at + REQUEST_RECORD;
    const meta = ring[from + RECORD_META];
    const hash = ring[from + RECORD_HASH];
    const slot = (hash >>> SLOT_SHIFT) as Slot;
    const length = recordWords(meta, 0);
    if (!this.#begin(consumer, ring, at, slot, length, DELETE_SEGMENT_RESERVE)) return;
    const { address, words, to, slotAt } = this.#current;
    const old = this.#table.find(slotAt, hash, ring, from + RECORD_KEY, metaKeyBytes(meta));
    if (old === NO_ADDRESS || !this.#slots.holds(old, ring, at, condition)) {
      return this.#cancel(consumer, length, Status.UNMET);
    }
    // A record that has expired is removed like any other, but the caller is told that there was none.
    const status = this.#slots.isExpired(old) ? Status.UNMET : Status.OK;
    this.#slots.stamp(slotAt, words, to, old);
    consumer.prepare(status, address, 0, 0);
    this.#slots.remove(slotAt, old);
    consumer.complete(status, address, 0, 0);
    this.#unlock();
  }

  /** Reserves a record whose value the client writes itself, and pins its segment meanwhile. */
  #reserveLarge(consumer: RequestConsumer, ring: Int32Array, at: number): void {
    const from = at + REQUEST_RECORD;
    const meta = ring[from + RECORD_META];
    const length = recordWords(meta, ring[from + RECORD_VALUE_BYTES]);
    const address = this.#reserve(length, PUT_SEGMENT_RESERVE);
    if (address === NO_ADDRESS) return this.#refuseFull(consumer);
    const words = this.#pool.wordsOf(address);
    const to = this.#pool.wordAt(address);
    copyWords(ring, from, words, to, valueWord(meta));
    words[to + RECORD_META] = metaWithKind(meta, RecordKind.RESERVATION);
    this.#segments.pin(address);
    this.#segments.addLive(address, length * 4);
    consumer.complete(Status.OK, address, 0, 0);
  }

  /** Makes a reservation the key's newest record. A refusal other than MOVED gives it up. */
  #commitLarge(consumer: RequestConsumer, ring: Int32Array, at: number, condition: number): void {
    const address = ring[at + REQUEST_ARGUMENT] as PoolAddress;
    const words = this.#pool.wordsOf(address);
    const to = this.#pool.wordAt(address);
    const hash = words[to + RECORD_HASH];
    const slotAt = this.#pool.slotAt((hash >>> SLOT_SHIFT) as Slot);
    const owner = ring[at + REQUEST_OWNER_WORD] as OwnerWord;
    if (!this.#lock(consumer, slotAt, owner)) return;
    const meta = words[to + RECORD_META];
    const old = this.#table.find(slotAt, hash, words, to + RECORD_KEY, metaKeyBytes(meta));
    let status: number = this.#slots.admit(
      old,
      ring,
      at,
      condition,
      this.#slots.recordBytes(address),
    );
    let versionLow = 0;
    let versionHigh = 0;
    if (status === Status.OK) {
      this.#slots.stamp(slotAt, words, to, old);
      versionLow = this.#control[slotAt + SLOT_VERSION_LOW];
      versionHigh = this.#control[slotAt + SLOT_VERSION_HIGH];
      consumer.prepare(Status.OK, address, versionLow, versionHigh);
      words[to + RECORD_META] = metaWithKind(words[to + RECORD_META], RecordKind.PUT);
      if (!this.#slots.point(slotAt, hash, old, address, meta)) status = Status.INDEX_FULL;
    }
    consumer.complete(status, address, versionLow, versionHigh);
    if (status !== Status.OK) {
      words[to + RECORD_META] = metaWithKind(meta, RecordKind.PUT);
      this.#slots.bury(address);
    }
    unlockSlot(this.#control, slotAt + SLOT_LOCK, owner);
    this.#segments.unpin(address);
  }

  /** Deletes all keys of a slot; one CLEAR record in the log stands for all of them. */
  #clearSlot(consumer: RequestConsumer, ring: Int32Array, at: number): void {
    const slot = ring[at + REQUEST_ARGUMENT] as Slot;
    const from = at + REQUEST_RECORD;
    const length = recordWords(ring[from + RECORD_META], 0);
    if (!this.#begin(consumer, ring, at, slot, length, DELETE_SEGMENT_RESERVE)) return;
    const { address, words, to, slotAt } = this.#current;
    this.#slots.stamp(slotAt, words, to, NO_ADDRESS);
    consumer.prepare(Status.OK, address, 0, 0);
    this.#slots.clear(slotAt);
    consumer.complete(Status.OK, address, 0, 0);
    this.#unlock();
  }

  /**
   * Begins a request that appends: copies its record into the log, where nobody can see it yet, and locks its slot. The
   * place of both is then in {@linkcode #current}.
   *
   * @returns false when the request has been refused, or has to wait
   */
  #begin(
    consumer: RequestConsumer,
    ring: Int32Array,
    at: number,
    slot: Slot,
    length: number,
    segmentReserve: number,
  ): boolean {
    const address = this.#reserve(length, segmentReserve);
    if (address === NO_ADDRESS) {
      this.#refuseFull(consumer);
      return false;
    }
    const current = this.#current;
    current.address = address;
    current.words = this.#pool.wordsOf(address);
    current.to = this.#pool.wordAt(address);
    copyWords(ring, at + REQUEST_RECORD, current.words, current.to, length);
    current.slotAt = this.#pool.slotAt(slot);
    current.owner = ring[at + REQUEST_OWNER_WORD] as OwnerWord;
    if (this.#lock(consumer, current.slotAt, current.owner)) return true;
    this.#log.cancel(address, length);
    return false;
  }

  /** Ends a request begun by {@linkcode #begin} without a trace. */
  #cancel(consumer: RequestConsumer, length: number, status: number): void {
    this.#unlock();
    this.#log.cancel(this.#current.address, length);
    consumer.complete(status, 0, 0, 0);
  }

  #unlock(): void {
    unlockSlot(this.#control, this.#current.slotAt + SLOT_LOCK, this.#current.owner);
  }

  /**
   * Locks a slot under the owner word of a request. If the slot is not, or no longer, this KN's, the request is refused; if
   * somebody else holds it, the request has to wait.
   */
  #lock(consumer: RequestConsumer, slotAt: number, owner: OwnerWord): boolean {
    const lock = ownerOf(owner) === this.#nodeId
      ? lockSlot(this.#control, slotAt + SLOT_LOCK, owner, this.#agent)
      : Lock.MOVED;
    if (lock === Lock.MOVED) {
      this.#counters.add(AgentCounter.MOVED, 1);
      consumer.complete(Status.MOVED, 0, 0, 0);
    }
    this.#mustWait = lock === Lock.BUSY;
    return lock === Lock.TAKEN;
  }

  /** Refuses a request for want of a segment, unless it waits for the end of a snapshot. */
  #refuseFull(consumer: RequestConsumer): void {
    if (!this.#mustWait) consumer.complete(Status.LOG_FULL, 0, 0, 0);
  }

  /** Reserves log space, cleaning segments first when there is none; `NO_ADDRESS` when that gained nothing. */
  #reserve(length: number, segmentReserve: number, log: LogWriter = this.#log): PoolAddress {
    if (this.#cleaner.isCleaning && this.#budget.isCritical) {
      // What is left of the open segment is for the live records of the one that is being cleaned.
      this.#mustWait = this.#hasGroup;
      if (this.#mustWait) return NO_ADDRESS;
      this.#cleaner.cleanOne();
    }
    // Records of unlucky sizes can be moved for ever without a segment becoming free; once round is enough.
    for (let i = 0; i <= this.#pool.geometry.segmentCount; i++) {
      const address = log.reserve(length, segmentReserve);
      if (address !== NO_ADDRESS) {
        this.#segmentWait.end();
        return address;
      }
      this.#counters.add(AgentCounter.CLEANING_STALLS, 1);
      if (this.#hasGroup || this.#segmentWait.isForCheckpoint || !this.#cleaner.cleanOne()) break;
    }
    // The slots of the group so far are locked, which is no moment for cleaning; it is tried again after the group.
    this.#mustWait = this.#hasGroup || this.#segmentWait.mayGoOn();
    return NO_ADDRESS;
  }
}
