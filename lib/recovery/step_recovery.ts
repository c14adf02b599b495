/**
 * Ends what a thread has left behind that died, or threw, in the middle of a step of a KN, or of a DPM processor that cleaned.
 *
 * Why nothing is lost, and nothing is done twice (I5): nobody else touches what the dead thread was changing. The slots that it had
 * locked stay locked, its segment stays open, and its KN is fenced (agent/executor.ts), so the words are as it left them. Of each
 * request it can be told how far it was:
 *
 * - *Answered*: the change is complete, since the answer is written after it.
 * - *Prepared*: the change was begun, and all that it needs is in the pool: the record, complete and stamped, at the address that the
 *   prepared answer holds. It is made now, from the beginning: each part of it finds out whether it is there already. Then it is
 *   answered. Several of one key are made in the order of their versions, the order in which they were begun.
 * - *Neither*: the index knows nothing of it. It is left alone, and its client sends it to the slot's next owner.
 *
 * Where writes are logged, a group that was SEALED may be in the file, whole or in part: its frames are written once more, to
 * the same place, before anything of it is published. Of a group that was APPENDING nothing is in the file, and it is as if it had
 * not been begun: what its records were to take up stays unused, behind the end of their segment. Frames of a cleaner, which
 * no group has, hold records that the index points at already: they are completed and written.
 *
 * **A KN of a far pool** has changed nothing but its log, and there the used bytes say what counts: see {@linkcode StepRecovery}, and
 * far/node/merged_commit.ts. A group that was SEALED is in its segments completely: its frames are written once more, and its bytes are
 * used from then on. The segments stay open until they are merged (retired_nodes.ts).
 *
 * Counts may be too high afterwards, never too low: of records that were counted as live, but never published, or published no more.
 * In the segments that the dead thread had open, and in those of what it was replacing, they are counted anew (reconciliation.ts);
 * elsewhere cleaning finds that nobody has them (dpm/cleaner.ts). Counts of a slot are taken anew.
 *
 * This is itself done by a thread that may die: then it is done again from the beginning, which changes nothing that is done.
 *
 * @module
 */
import { Applied, applyRecord } from "../agent/apply_record.ts";
import { NO_ADDRESS, type PoolAddress, type SegmentId, type Slot } from "../core/brands.ts";
import { ADDRESS_UNIT_BYTES, NODE_COUNT_MAX, SLOT_COUNT, SLOT_SHIFT } from "../core/limits.ts";
import { epochMs } from "../core/runtime.ts";
import { IndexSpace } from "../index/index_space.ts";
import { SlotTable } from "../index/slot_table.ts";
import {
  metaKind,
  metaWithKind,
  possibleRecordBytes,
  RECORD_HASH,
  RECORD_META,
  RECORD_REPLACES,
  RECORD_VERSION_LOW,
  RecordKind,
  recordVersion,
  SEGMENT_HEADER_BYTES,
} from "../log/record_layout.ts";
import { Executor } from "../agent/executor.ts";
import { GroupState } from "../node/request_group.ts";
import { SlotWriter } from "../agent/slot_writer.ts";
import type { LogFile } from "../persistence/log_file.ts";
import {
  AGENT_EXECUTOR,
  AGENT_GATE_STATE,
  AGENT_GROUP_STATE,
  AGENT_HOST,
  AGENT_LOG_FRAME,
  AGENT_LOG_LAST,
  AGENT_LOG_SEGMENT,
  AGENT_LOGGED_END,
  AGENT_PROMISED_KEYS,
  AGENT_STAGING_SEGMENT,
  SEGMENT_LOG_NUMBER,
  SLOT_LOCK,
} from "../pool/control_layout.ts";
import { isFar } from "../pool/placement.ts";
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
} from "../rings/ring_layout.ts";
import { cellsHeldBy, retellCells, settleCell, unlockCell } from "./cell_recovery.ts";
import { holderOf, unlockForDead, unlockSlot, waitForAnySlot } from "../routing/ownership.ts";

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
  /** Segments of whose records too many may be counted as live: those that it had open, and those in which it was replacing some. */
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

/** How long to wait for a slot in order to see whether the last record is live. */
const LOCK_WAIT_MS_MAX = 1000;

/** Tidies up after one executor. */
export class StepRecovery {
  readonly #options: StepRecoveryOptions;
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #agentAt: number;
  readonly #segments: SegmentTable;
  readonly #table: SlotTable;
  readonly #slots: SlotWriter;

  /** Prepares for it. The executor is fenced, and known to do nothing any more. */
  constructor(options: StepRecoveryOptions) {
    const { pool, agent, clock } = options;
    this.#options = options;
    this.#pool = pool;
    this.#control = pool.control;
    this.#agentAt = pool.agentAt(agent);
    this.#segments = new SegmentTable(pool);
    this.#table = new SlotTable(pool, new IndexSpace(pool, AGENT_HOST));
    this.#slots = new SlotWriter(pool, this.#table, this.#segments, clock);
  }

  /** Does all of it. */
  settle(): StepRecoveryReport {
    const slots = this.#lockedSlots();
    for (const slot of slots) this.#table.repair(this.#pool.slotAt(slot));
    const group = this.#control[this.#agentAt + AGENT_GROUP_STATE];
    const isDurable = this.#endLog(group);
    const cells = cellsHeldBy(this.#pool, this.#options.agent);
    let completed: number;
    let miscounted: readonly SegmentLife[] = [];
    if (this.#isFarNode) {
      this.#publishLoggedEnd();
      for (const cell of cells) settleCell(this.#pool, cell, this.#options.agent);
      completed = this.#answerLogged(isDurable);
    } else {
      // A group that is not complete is not made; neither is anything that could not be made durable.
      const prepared = group === GroupState.APPENDING ? [] : this.#preparedAnswers();
      for (const answer of prepared) this.#complete(answer, isDurable);
      completed = prepared.length;
      const replaced = prepared.map(({ address }) => this.#replacedBy(address));
      miscounted = this.#livesOf([...this.#sealSegments(), ...replaced.flat()]);
    }
    for (const cell of cells) unlockCell(this.#pool, cell);
    for (const slot of slots) this.#release(slot);
    this.#control[this.#agentAt + AGENT_GROUP_STATE] = GroupState.NONE;
    Atomics.store(this.#control, this.#agentAt + AGENT_PROMISED_KEYS, 0);
    Atomics.store(this.#control, this.#agentAt + AGENT_GATE_STATE, 0);
    Atomics.store(this.#control, this.#agentAt + AGENT_EXECUTOR, Executor.LEFT);
    return { completed, miscounted };
  }

  /** Whether it was a KN of a far pool, whose changes are made by being logged, and not by itself. */
  get #isFarNode(): boolean {
    return isFar(this.#pool) && this.#options.agent < NODE_COUNT_MAX;
  }

  /**
   * Answers what the requests of a far KN have come to, as they were prepared: all of them, if all that they have appended is logged.
   * Otherwise none has been answered yet, and in each ring they are answered up to the last one that is logged; those behind it may have
   * looked at changes that were not, and are sent again.
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
      const isLogged = isRecord && isDurable && this.#isLogged(address);
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

  /** Says where the log of a far KN ends: it may have died before it did. */
  #publishLoggedEnd(): void {
    for (const segment of this.#openSegments()) {
      const usedBytes = this.#segments.usedBytes(segment);
      if (this.#logNumber(segment) === 0 || usedBytes <= SEGMENT_HEADER_BYTES) continue;
      const end = (this.#pool.segmentAddress(segment) >>> 0) + usedBytes / ADDRESS_UNIT_BYTES;
      Atomics.store(this.#control, this.#agentAt + AGENT_LOGGED_END, end | 0);
    }
  }

  #logNumber(segment: SegmentId): number {
    return this.#control[this.#pool.segmentAt(segment) + SEGMENT_LOG_NUMBER];
  }

  /** Whether a record is within the used bytes of its segment, and was not given up. */
  #isLogged(address: PoolAddress): boolean {
    const meta = this.#pool.wordsOf(address)[this.#pool.wordAt(address) + RECORD_META];
    if (metaKind(meta) === RecordKind.RESERVATION) return false;
    const segment = this.#pool.segmentOf(address);
    const start = this.#pool.segmentAddress(segment) >>> 0;
    const offset = ((address >>> 0) - start) * ADDRESS_UNIT_BYTES;
    return offset < this.#segments.usedBytes(segment);
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
    if (address !== NO_ADDRESS && !isDurable) status = Status.NOT_DURABLE;
    else if (address !== NO_ADDRESS) status = this.#make(address, status);
    Atomics.store(words, at + COMPLETION_STATUS, packStatus(status, number));
  }

  /** Makes the change that a record says; returns the status of its request. */
  #make(address: PoolAddress, status: number): number {
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address) + RECORD_META;
    // A value that its client has written, and whose commit has begun.
    if (metaKind(words[at]) === RecordKind.RESERVATION) {
      words[at] = metaWithKind(words[at], RecordKind.PUT);
    }
    // A delete of a key that is not there has been made already.
    return applyRecord(this.#slots, address) === Applied.NO_ROOM ? Status.INDEX_FULL : status;
  }

  /** Completes and writes the frames that are to stay; false when durability is lost. */
  #endLog(group: number): boolean {
    const { file } = this.#options;
    if (file === undefined) return true;
    if (group === GroupState.APPENDING) return !file.hasFailed;
    let isWritten = true;
    for (const segment of this.#openSegments()) {
      const start = this.#pool.segmentAddress(segment) >>> 0;
      const usedBytes = this.#segments.usedBytes(segment);
      const endBytes = this.#endOfFrames(segment, group);
      if (endBytes <= Math.max(usedBytes, SEGMENT_HEADER_BYTES)) continue;
      // The segment's header is written with its first frame.
      const from = start + usedBytes / ADDRESS_UNIT_BYTES;
      isWritten = file.write((from | 0) as PoolAddress, endBytes - usedBytes) && isWritten;
      // What counts as used of a far KN's log is merged.
      if (isWritten || !this.#isFarNode) this.#segments.publishUsed(segment, endBytes);
    }
    return isWritten && (group === GroupState.NONE || file.sync());
  }

  /** Bytes to the end of the frames behind what a segment says is used; one of a cleaner is completed. */
  #endOfFrames(segment: SegmentId, group: number): number {
    const { file } = this.#options;
    const { segmentBytes } = this.#pool.geometry;
    const start = this.#pool.segmentAddress(segment) >>> 0;
    let bytes = Math.max(this.#segments.usedBytes(segment), SEGMENT_HEADER_BYTES);
    for (;;) {
      const address = ((start + bytes / ADDRESS_UNIT_BYTES) | 0) as PoolAddress;
      const frameBytes = file!.frameBytes(segment, address, segmentBytes - bytes);
      if (frameBytes > 0) bytes += frameBytes;
      else if (group !== GroupState.NONE || !this.#sealOpenFrame(segment, address)) return bytes;
    }
  }

  /** Completes the frame at an address, if the dead thread was filling it with records that the index points at. */
  #sealOpenFrame(segment: SegmentId, address: PoolAddress): boolean {
    if (this.#control[this.#agentAt + AGENT_LOG_FRAME] >>> 0 !== address >>> 0) return false;
    const endBytes = this.#endOfRecords(segment);
    if (endBytes === undefined) return false;
    const start = this.#pool.segmentAddress(segment) >>> 0;
    const frameBytes = endBytes - ((address >>> 0) - start) * ADDRESS_UNIT_BYTES;
    return this.#options.file!.sealFrameUpTo(segment, address, frameBytes);
  }

  /** Seals the segments that the dead thread has had open. */
  #sealSegments(): SegmentId[] {
    const isLogged = this.#options.file !== undefined;
    const open = this.#openSegments(true);
    for (const segment of open) {
      const endBytes = isLogged || this.#segments.isStaging(segment)
        ? undefined
        : this.#endOfRecords(segment);
      if (endBytes !== undefined) this.#segments.publishUsed(segment, endBytes);
      this.#segments.seal(segment);
    }
    // Where the last writer that ended well had left off.
    this.#control[this.#agentAt + AGENT_LOG_SEGMENT] = 0;
    this.#control[this.#agentAt + AGENT_STAGING_SEGMENT] = 0;
    return open;
  }

  /** The segment of the record that a change has replaced, if any: it may have died before it counted that. */
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

  /**
   * Bytes of a segment to the end of what may be live in it: every reservation but the last one is complete. Undefined when
   * the newest reservation is elsewhere.
   */
  #endOfRecords(segment: SegmentId): number | undefined {
    const last = this.#control[this.#agentAt + AGENT_LOG_LAST] as PoolAddress;
    if (last === NO_ADDRESS || this.#pool.segmentOf(last) !== segment) return undefined;
    const { segmentBytes } = this.#pool.geometry;
    const offset = ((last >>> 0) - (this.#pool.segmentAddress(segment) >>> 0)) * ADDRESS_UNIT_BYTES;
    const bytes = possibleRecordBytes(
      this.#pool.wordsOf(last),
      this.#pool.wordAt(last),
      segmentBytes - offset,
      RecordKind.RESERVATION,
    );
    return bytes > 0 && this.#mayBeLive(last) ? offset + bytes : offset;
  }

  /** Whether the index points at a record, or a client is about to write into it. */
  #mayBeLive(address: PoolAddress): boolean {
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    if (metaKind(words[at + RECORD_META]) === RecordKind.RESERVATION) return true;
    const hash = words[at + RECORD_HASH];
    const slotAt = this.#pool.slotAt((hash >>> SLOT_SHIFT) as Slot);
    const lock = slotAt + SLOT_LOCK;
    if (holderOf(this.#control[lock]) === this.#options.agent) {
      return this.#table.findAddress(slotAt, hash, address);
    }
    const owner = waitForAnySlot(this.#control, lock, AGENT_HOST, LOCK_WAIT_MS_MAX);
    // It looks like a record, so keeping it does no harm.
    if (owner === undefined) return true;
    const isLive = this.#table.findAddress(slotAt, hash, address);
    unlockSlot(this.#control, lock, owner);
    return isLive;
  }

  #openSegments(withStaging = false): SegmentId[] {
    // In the order in which they were filled: a merger takes it that used bytes are published in that order.
    const open = this.#segments.openSegmentsOf(this.#options.agent)
      .sort((a, b) => this.#logNumber(a) - this.#logNumber(b));
    return withStaging ? open : open.filter((segment) => !this.#segments.isStaging(segment));
  }
}

/** Ends what a DPM processor has left behind that died, or threw, in the middle of a step: it has no rings. */
export function recoverProcessor(
  pool: Pool,
  agent: number,
  file: LogFile | undefined,
): StepRecoveryReport {
  return new StepRecovery({ pool, agent, rings: [], file, clock: epochMs }).settle();
}
