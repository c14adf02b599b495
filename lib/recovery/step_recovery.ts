/**
 * Ends what a thread has left behind that died, or threw, in the middle of a step of a KN, or of a
 * DPM processor that cleaned.
 *
 * Why nothing is lost, and nothing is done twice (I5): no other thread touches what the dead one
 * was changing. The slots that it had locked stay locked, its segment stays open, and its KN is
 * fenced (agent/executor.ts), so the words are as it left them. Of each request it can be told how
 * far it was:
 *
 * - *Answered*: the change is complete, since the answer is written after it.
 * - *Prepared*: the change was begun, and all that it needs is in the pool: the record, complete
 *   and stamped, at the address that the prepared answer holds. It is made now, from the beginning:
 *   each part of it finds out whether it is there already. Then it is answered. Several of one key
 *   are made in the order of their versions, the order in which they were begun.
 * - *Neither*: the index knows nothing of it. It is left alone, and its client sends it to the
 *   slot's next owner.
 *
 * Where writes are logged, a group that was SEALED may be in the file, whole or in part: its frames
 * are written once more, to the same place, before anything of it is published. Of a group that was
 * APPENDING nothing is in the file, and it is as if it had not been begun: what its records were to
 * take up stays unused, behind the end of their segment. Frames of a cleaner, which no group has,
 * hold records that the index points at already: they are completed and written.
 *
 * **Atomic commits** are made like prepared changes, all keys of all that are in the group at one
 * moment, with the first of them that is prepared; and so are changes of one key that have joined
 * that set (node/shown_set.ts). One that was being shown already is shown to its end before
 * anything else: its records have kinds of their own meanwhile, with which they were not written
 * (agent/shown_commit.ts).
 *
 * **Changes that another process has asked for** are noted in the ledger like by their executor,
 * before they are answered (log/session_ledger.ts): what was answered has been noted.
 *
 * **A KN of a far pool** has changed nothing but its log, and there the used bytes say what counts:
 * see log_recovery.ts and far/node/merged_commit.ts. A group that was SEALED is in its
 * segments completely: its frames are written once more, and its bytes are used from then on. The
 * segments stay open until they are merged (retired_nodes.ts).
 *
 * Counts may be too high afterwards, never too low: of records that were counted as live, but never
 * published, or published no more. In the segments that the dead thread had open, and in those of
 * what it was replacing, they are counted anew (reconciliation.ts); elsewhere cleaning finds that
 * the index has none of them (dpm/cleaner.ts). Counts of a slot are taken anew.
 *
 * This is itself done by a thread that may die: then it is done again from the beginning, which
 * changes nothing that is done.
 *
 * @module
 */
import { Applied, applyRecord } from "../agent/apply_record.ts";
import { NO_ADDRESS, type PoolAddress, type SegmentId, type Slot } from "../core/brands.ts";
import { SLOT_COUNT, SLOT_SHIFT } from "../core/limits.ts";
import { epochMs } from "../platform/runtime.ts";
import { IndexSpace } from "../index/index_space.ts";
import { liveTable } from "../agent/live_table.ts";
import type { SlotTable } from "../index/slot_table.ts";
import {
  metaKind,
  metaWithKind,
  RECORD_META,
  RECORD_REPLACES,
  RECORD_VERSION_LOW,
  RecordKind,
  recordVersion,
} from "../log/record_layout.ts";
import { SessionLedger } from "../log/session_ledger.ts";
import { Executor } from "../agent/executor.ts";
import { GroupState } from "../node/request_group.ts";
import { ShownCommit } from "../agent/shown_commit.ts";
import { SlotWriter } from "../agent/slot_writer.ts";
import type { LogFile } from "../persistence/log_file.ts";
import {
  AGENT_EXECUTOR,
  AGENT_GATE_STATE,
  AGENT_GROUP_STATE,
  AGENT_HOST,
  AGENT_PROMISED_KEYS,
  AGENT_VICTIM,
  SLOT_LOCK,
} from "../pool/control_layout.ts";
import { CommitState } from "../pool/commit_state.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import {
  COMPLETION_ADDRESS,
  COMPLETION_STATUS,
  COMPLETION_TAIL,
  completionEntry,
  isOfRequest,
  isPrepared,
  packStatus,
  type RingHandle,
  ringWords,
  Status,
  statusOf,
  tellsOfKey,
} from "../rings/ring_layout.ts";
import { cellsHeldBy, retellCells, settleCell, unlockCell } from "./cell_recovery.ts";
import { LogRecovery } from "./log_recovery.ts";
import { hashOfCell } from "../routing/cells.ts";
import { holderOf, unlockForDead } from "../routing/ownership.ts";
import { Bells } from "../watch/bells.ts";
import { endRingsOf, markSlot } from "../watch/watch_marks.ts";

/** What is tidied up. */
export interface StepRecoveryOptions {
  readonly pool: Pool;
  /** The agent block. */
  readonly agent: number;
  /** The KN's rings, from every client; a DPM processor has none. */
  readonly rings: readonly RingHandle[];
  /** The image, if writes are logged. */
  readonly file: LogFile | undefined;
  /** Tells the time in milliseconds since the epoch. */
  readonly clock: () => number;
}

/** What it came to. */
export interface StepRecoveryReport {
  /** Changes that were begun, and have been made now. */
  readonly completed: number;
  /**
   * Segments of whose records too many may be counted as live: those that it had open, and those in
   * which it was replacing some.
   */
  readonly miscounted: readonly SegmentLife[];
}

/** A segment in one of its lives. */
export interface SegmentLife {
  readonly segment: SegmentId;
  /** Its state word. */
  readonly word: number;
}

/** A prepared answer. */
interface Prepared {
  readonly words: Int32Array;
  readonly at: number;
  readonly number: number;
  readonly address: PoolAddress;
  readonly version: number;
}

/** What a request of a far KN has come to. */
interface FarEntry {
  readonly words: Int32Array;
  readonly at: number;
  readonly number: number;
  /** Whether what it changes is logged. */
  readonly isLogged: boolean;
  /** Whether it has appended a record that is not logged. */
  readonly isLost: boolean;
}

/** Tidies up after one executor. */
export class StepRecovery {
  readonly #options: StepRecoveryOptions;
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #agentAt: number;
  readonly #segments: SegmentTable;
  readonly #table: SlotTable;
  readonly #slots: SlotWriter;
  readonly #log: LogRecovery;
  readonly #ledger: SessionLedger | undefined;
  /** The atomic commit that it was making. */
  readonly #shown: ShownCommit;

  /** Prepares for it. The executor is fenced, and known to do nothing any more. */
  constructor(options: StepRecoveryOptions) {
    const { pool, agent, file, clock } = options;
    this.#options = options;
    this.#pool = pool;
    this.#ledger = SessionLedger.of(pool);
    this.#control = pool.control;
    this.#agentAt = pool.agentAt(agent);
    this.#segments = new SegmentTable(pool);
    this.#table = liveTable(pool, new IndexSpace(pool, AGENT_HOST));
    this.#slots = new SlotWriter(pool, this.#table, this.#segments, clock);
    this.#shown = new ShownCommit(pool, agent, this.#slots);
    this.#log = new LogRecovery({
      pool,
      agent,
      file,
      segments: this.#segments,
      table: this.#table,
    });
  }

  /** Does all of it. */
  settle(): StepRecoveryReport {
    const slots = this.#lockedSlots();
    for (const slot of slots) this.#table.repair(this.#pool.slotAt(slot));
    // Before the log is looked at: what stands there is what was written.
    if (this.#shown.state !== CommitState.NONE) this.#shown.show();
    const group = this.#control[this.#agentAt + AGENT_GROUP_STATE];
    const isDurable = this.#log.endFrames(group);
    const cells = cellsHeldBy(this.#pool, this.#options.agent);
    let completed: number;
    let miscounted: readonly SegmentLife[] = [];
    if (this.#log.isOfFarNode) {
      this.#log.publishLoggedEnd();
      for (const cell of cells) settleCell(this.#pool, cell, this.#options.agent);
      completed = this.#answerLogged(isDurable);
    } else {
      // A group that is not complete is not made; neither is anything that could not be made
      // durable.
      const prepared = group === GroupState.APPENDING ? [] : this.#preparedAnswers();
      for (const answer of prepared) this.#complete(answer, isDurable);
      completed = prepared.length;
      const replaced = prepared.map(({ address }) => this.#replacedBy(address));
      this.#shown.forEach((address) => replaced.push(this.#replacedBy(address)));
      miscounted = this.#livesOf([...this.#log.seal(), ...replaced.flat()]);
    }
    this.#shown.forget();
    for (const cell of cells) {
      markSlot(this.#pool, (hashOfCell(this.#pool, cell) >>> SLOT_SHIFT) as Slot);
      unlockCell(this.#pool, cell);
    }
    for (const slot of slots) this.#release(slot);
    this.#control[this.#agentAt + AGENT_GROUP_STATE] = GroupState.NONE;
    Atomics.store(this.#control, this.#agentAt + AGENT_PROMISED_KEYS, 0);
    // From here on a repair may seal the segment that it was cleaning (reconciliation.ts).
    Atomics.store(this.#control, this.#agentAt + AGENT_VICTIM, 0);
    Atomics.store(this.#control, this.#agentAt + AGENT_GATE_STATE, 0);
    Atomics.store(this.#control, this.#agentAt + AGENT_EXECUTOR, Executor.LEFT);
    endRingsOf(this.#pool, this.#options.agent);
    // It may have been about to wake some of them.
    Bells.of(this.#pool).ringAll();
    return { completed, miscounted };
  }

  /**
   * Answers what the requests of a far KN have come to, as they were prepared: all of them, if all
   * that they have appended is logged. Otherwise none has been answered yet, and in each ring they
   * are answered up to the last one that is logged; those behind it may have looked at changes that
   * were not, and are sent again.
   */
  #answerLogged(isDurable: boolean): number {
    const rings = this.#options.rings.map((ring) => this.#farEntries(ring, isDurable));
    const isAllLogged = rings.flat().every(({ isLost }) => !isLost);
    let count = 0;
    for (const entries of rings) {
      const end = isAllLogged
        ? entries.length
        : entries.findLastIndex(({ isLogged }) => isLogged) + 1;
      for (const { words, at, number } of entries.slice(0, end)) {
        const word = Atomics.load(words, at + COMPLETION_STATUS);
        if (!isPrepared(word)) continue;
        Atomics.store(words, at + COMPLETION_STATUS, packStatus(statusOf(word), number));
        count += 1;
      }
    }
    return count;
  }

  /** The entries of a ring that are prepared, or answered and not published. */
  #farEntries(ring: RingHandle, isDurable: boolean): FarEntry[] {
    const words = ringWords(ring);
    const tail = Atomics.load(words, COMPLETION_TAIL);
    const entries: FarEntry[] = [];
    for (let ahead = 1; ahead <= ring.inFlightMax; ahead++) {
      const number = (tail + ahead) | 0;
      const at = completionEntry(number, ring.inFlightMax);
      const word = Atomics.load(words, at + COMPLETION_STATUS);
      if (!isOfRequest(word, number)) break;
      const address = words[at + COMPLETION_ADDRESS] as PoolAddress;
      const isRecord = isPrepared(word) && statusOf(word) === Status.OK && address !== NO_ADDRESS;
      const isLogged = isRecord && isDurable && this.#log.isLogged(address);
      entries.push({
        words,
        at,
        number,
        // One that is answered already was logged before, if it changes anything.
        isLogged: isLogged || !isPrepared(word),
        isLost: isRecord && !isLogged,
      });
    }
    return entries;
  }

  #lockedSlots(): Slot[] {
    const slots: Slot[] = [];
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const word = Atomics.load(this.#control, this.#pool.slotAt(slot as Slot) + SLOT_LOCK);
      if (holderOf(word) === this.#options.agent) slots.push(slot as Slot);
    }
    return slots;
  }

  #release(slot: Slot): void {
    const slotAt = this.#pool.slotAt(slot);
    // Its counts have changed together with its table.
    this.#table.repair(slotAt);
    retellCells(this.#pool, this.#table, slot);
    markSlot(this.#pool, slot);
    unlockForDead(this.#control, slotAt + SLOT_LOCK);
  }

  #preparedAnswers(): Prepared[] {
    const prepared: Prepared[] = [];
    for (const ring of this.#options.rings) {
      const words = ringWords(ring);
      const tail = Atomics.load(words, COMPLETION_TAIL);
      for (let ahead = 1; ahead <= ring.inFlightMax; ahead++) {
        const number = (tail + ahead) | 0;
        const at = completionEntry(number, ring.inFlightMax);
        const word = Atomics.load(words, at + COMPLETION_STATUS);
        if (!isOfRequest(word, number) || !isPrepared(word)) continue;
        const address = words[at + COMPLETION_ADDRESS] as PoolAddress;
        prepared.push({ words, at, number, address, version: this.#versionOf(address) });
      }
    }
    return prepared.sort((a, b) => a.version - b.version);
  }

  #versionOf(address: PoolAddress): number {
    if (address === NO_ADDRESS) return 0;
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    return recordVersion(words[at + RECORD_META], words[at + RECORD_VERSION_LOW]);
  }

  /** Makes a change that was prepared, and answers it. */
  #complete({ words, at, number, address }: Prepared, isDurable: boolean): void {
    let status = statusOf(words[at + COMPLETION_STATUS]);
    const isCommit = this.#shown.has(address);
    if (isCommit && this.#shown.state === CommitState.DONE) {
      // It was in the file before it was begun to be shown.
    } else if (!isDurable && (address !== NO_ADDRESS || tellsOfKey(status))) {
      // Also what was refused for what its key holds: perhaps by what is not durable.
      status = Status.NOT_DURABLE;
    } else if (isCommit) this.#shown.show();
    else if (address !== NO_ADDRESS) status = this.#make(address, status);
    if (address !== NO_ADDRESS && status === Status.OK) this.#note(address, isCommit);
    Atomics.store(words, at + COMPLETION_STATUS, packStatus(status, number));
  }

  /** Notes that a change was made, unless its executor has, or all that are shown together. */
  #note(address: PoolAddress, isCommit: boolean): void {
    const ledger = this.#ledger;
    if (ledger === undefined) return;
    if (isCommit) this.#shown.forEach((record) => ledger.noteAgain(record));
    else ledger.noteAgain(address);
  }

  /** Makes the change that a record says; returns the status of its request. */
  #make(address: PoolAddress, status: number): number {
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address) + RECORD_META;
    // A value that its client has written, and whose commit has begun.
    if (metaKind(words[at]) === RecordKind.RESERVATION) {
      words[at] = metaWithKind(words[at], RecordKind.PUT);
    }
    // Logged though there was nothing to delete (pool/when_full.ts).
    const isIdle = metaKind(words[at]) === RecordKind.DELETE &&
      words[at - RECORD_META + RECORD_REPLACES] === NO_ADDRESS;
    if (isIdle) return Status.UNMET;
    // A delete of a key that is not there has been made already.
    return applyRecord(this.#slots, address) === Applied.NO_ROOM ? Status.INDEX_FULL : status;
  }

  /**
   * The segment of the record that a change has replaced, if any: it may have died before it
   * counted that.
   */
  #replacedBy(address: PoolAddress): SegmentId[] {
    if (address === NO_ADDRESS) return [];
    const replaced = this.#pool.wordsOf(address)[this.#pool.wordAt(address) + RECORD_REPLACES];
    return replaced === NO_ADDRESS ? [] : [this.#pool.segmentOf(replaced as PoolAddress)];
  }

  #livesOf(segments: readonly SegmentId[]): SegmentLife[] {
    return [...new Set(segments)].map((segment) => ({
      segment,
      word: this.#segments.stateWord(segment),
    }));
  }
}

/**
 * Ends what a DPM processor has left behind that died, or threw, in the middle of a step: it has no
 * rings.
 */
export function recoverProcessor(
  pool: Pool,
  agent: number,
  file: LogFile | undefined,
): StepRecoveryReport {
  return new StepRecovery({ pool, agent, rings: [], file, clock: epochMs }).settle();
}
