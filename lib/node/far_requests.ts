/**
 * What a far KN does about each request: it joins the group of the step (far_group.ts), or waits for what it needs.
 *
 * A request waits in its ring, with all behind it, for one of these: the end of the group, when that cannot tell what the request
 * would find; a slot's lock, which a merger or a cleaner holds for a moment; the merger, when something must be merged first, or
 * when the space or the index entries that unmerged records may need are promised already; a segment; room in the response ring.
 *
 * Reads take no lock. That the KN owns the slot is looked up once, in the slot's lock word, and that is the moment at which the read
 * takes effect (I4): what the KN knows is the key's newest record as long as it owns the slot. If the slot is taken away right
 * afterwards, the read returns what was true at that moment, or something newer that is found in the index.
 *
 * A request for a key that several KNs own carries the word of the key's cell in the place of the owner word. It takes effect when the
 * cell is read, or while it is locked (cell_group.ts).
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
import { copyWords } from "../core/copy_words.ts";
import { DELETE_SEGMENT_RESERVE, PUT_SEGMENT_RESERVE, SLOT_SHIFT } from "../core/limits.ts";
import type { LogWriter } from "../log/log_writer.ts";
import {
  FLAG_EXPIRES,
  metaKeyBytes,
  metaVersionHigh,
  metaWithKind,
  metaWithVersionHigh,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  RecordKind,
  recordVersion,
  recordWords,
  valueWord,
  writeExpiry,
} from "../log/record_layout.ts";
import type { UnmergedLog } from "../log/unmerged_log.ts";
import { SLOT_LOCK } from "../pool/control_layout.ts";
import type { FarBudget } from "../pool/far_budget.ts";
import type { Pool } from "../pool/pool.ts";
import { raiseSlotVersion } from "../pool/slot_version.ts";
import type { SegmentTable } from "../pool/segment_table.ts";
import { VerbCounter, type Verbs } from "../pool/verbs.ts";
import type { RequestConsumer } from "../rings/request_consumer.ts";
import { RESPONSE_TOO_LARGE, RESPONSES_FULL } from "../rings/response_ring.ts";
import {
  Condition,
  conditionOf,
  mustSyncOf,
  Operation,
  operationOf,
  REQUEST_ARGUMENT,
  REQUEST_OPERATION,
  REQUEST_OWNER_WORD,
  REQUEST_RECORD,
  REQUEST_VERSION_HIGH,
  REQUEST_VERSION_LOW,
  Status,
} from "../rings/ring_layout.ts";
import { HOLDER_MASK, Lock, ownerOf } from "../routing/ownership.ts";
import { isCellWord } from "../routing/cells.ts";
import { type CellGroup, CellRead } from "./cell_group.ts";
import type { FarGroup } from "./far_group.ts";
import type { CachedValue, FarLookup } from "./far_lookup.ts";
import { type KeyWords, RecordView } from "./pool_reader.ts";
import type { SegmentWait } from "./segment_wait.ts";
import type { SlotWriter } from "./slot_writer.ts";

/** What became of a request. */
export const Outcome = {
  /** It has joined the group. */
  JOINED: 0,
  /** It waits for the end of the group, or for a slot's lock. */
  WAITS: 1,
  /** It waits for the merger. */
  WAITS_FOR_MERGE: 2,
  /** It waits for a segment. */
  WAITS_FOR_SPACE: 3,
  /** It waits for its client to take responses. */
  WAITS_FOR_CLIENT: 4,
  /** It waits until what other KNs have logged is merged. */
  WAITS_FOR_OTHERS: 5,
} as const;
/** One of {@linkcode Outcome}. */
export type Outcome = typeof Outcome[keyof typeof Outcome];

/** What requests are executed with: the parts of their KN. */
export interface FarRequestsOptions {
  readonly pool: Pool;
  readonly nodeId: NodeId;
  /** The KN's agent block. */
  readonly agent: number;
  readonly segments: SegmentTable;
  readonly slots: SlotWriter;
  readonly budget: FarBudget;
  readonly log: LogWriter;
  readonly staging: LogWriter;
  readonly group: FarGroup;
  readonly unmerged: UnmergedLog;
  readonly lookup: FarLookup;
  readonly verbs: Verbs;
  readonly cells: CellGroup;
  readonly clock: () => number;
  /** How long requests wait that find no segment, or no bucket. */
  readonly segmentWait: SegmentWait;
}

/** Executes requests for one KN. */
export class FarRequests {
  readonly #options: FarRequestsOptions;
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #group: FarGroup;
  readonly #key: KeyWords = { hash: 0, words: new Int32Array(0), start: 0, byteLength: 0 };
  readonly #newest: RecordView;
  /** What the request was routed by: an owner word, or the word of a cell. */
  #routedBy = 0 as OwnerWord;
  #isShared = false;

  /** Executes requests with the parts of a KN. */
  constructor(options: FarRequestsOptions) {
    this.#options = options;
    this.#pool = options.pool;
    this.#control = options.pool.control;
    this.#group = options.group;
    this.#newest = new RecordView(options.pool);
  }

  /** Executes the request at an index of a ring. */
  execute(consumer: RequestConsumer, at: number): Outcome {
    const ring = consumer.words;
    this.#routedBy = ring[at + REQUEST_OWNER_WORD] as OwnerWord;
    this.#isShared = isCellWord(this.#routedBy);
    switch (operationOf(ring[at + REQUEST_OPERATION])) {
      case Operation.GET:
        return this.#read(consumer, ring, at, true);
      case Operation.HAS:
        return this.#read(consumer, ring, at, false);
      case Operation.PUT:
        return this.#put(consumer, ring, at, ring, at + REQUEST_RECORD, NO_ADDRESS);
      case Operation.DELETE:
        return this.#delete(consumer, ring, at);
      case Operation.RESERVE:
        return this.#reserve(consumer, ring, at);
      case Operation.COMMIT: {
        const staged = ring[at + REQUEST_ARGUMENT] as PoolAddress;
        const words = this.#pool.wordsOf(staged);
        return this.#put(consumer, ring, at, words, this.#pool.wordAt(staged), staged);
      }
      case Operation.CLEAR_SLOT:
        return this.#clear(consumer, ring, at);
      default:
        return this.#merge(consumer, ring, at);
    }
  }

  #read(consumer: RequestConsumer, ring: Int32Array, at: number, withValue: boolean): Outcome {
    const { clock } = this.#options;
    const key = this.#keyAt(ring, at + REQUEST_RECORD);
    if (!this.#group.mayRead(key, this.#isShared)) return Outcome.WAITS;
    let isThere: boolean;
    if (this.#isShared) {
      const read = this.#options.cells.read(this.#routedBy, key);
      if (read === CellRead.MOVED) return this.#refuse(consumer);
      isThere = read === CellRead.FOUND;
    } else {
      if (!this.#owns((key.hash >>> SLOT_SHIFT) as Slot)) return this.#refuse(consumer);
      isThere = this.#find(key);
    }
    const isFound = isThere && this.#found.expiresAtMs > clock();
    if (!isFound || !withValue) {
      this.#group.answer(consumer, isFound ? Status.OK : Status.UNMET);
    } else {
      const responses = consumer.responses!;
      const index = responses.write(this.#found);
      if (index === RESPONSES_FULL) return Outcome.WAITS_FOR_CLIENT;
      if (index === RESPONSE_TOO_LARGE) return this.#stageFound(consumer, ring, at);
      const { agent } = this.#options;
      this.#group.answer(consumer, Status.FOUND, index, responses.position, agent);
    }
    this.#count(VerbCounter.GETS, VerbCounter.SHARED_GETS);
    return Outcome.JOINED;
  }

  /**
   * Copies what was found into the staging segment, for the client to take from there; as a record of the client's own, so that the place
   * is given back for it if it ends.
   */
  #stageFound(consumer: RequestConsumer, ring: Int32Array, at: number): Outcome {
    const found = this.#found;
    const from = at + REQUEST_RECORD;
    const isExpiring = found.expiresAtMs !== Infinity;
    const meta = ring[from + RECORD_META] | (isExpiring ? FLAG_EXPIRES : 0);
    const address = this.#stage(ring, from, meta, found.valueBytes);
    if (address === NO_ADDRESS) return this.#withoutSegment(consumer);
    const words = this.#pool.wordsOf(address);
    const to = this.#pool.wordAt(address);
    const valueAt = to + valueWord(meta);
    words[to + RECORD_VERSION_LOW] = found.version | 0;
    const versionHigh = Math.floor(found.version / 2 ** 32);
    words[to + RECORD_META] = metaWithVersionHigh(words[to + RECORD_META], versionHigh);
    if (isExpiring) writeExpiry(words, valueAt - 2, found.expiresAtMs);
    copyWords(found.words, found.valueAt, words, valueAt, (found.valueBytes + 3) >>> 2);
    this.#group.answerStaged(consumer, address);
    this.#count(VerbCounter.GETS, VerbCounter.SHARED_GETS);
    return Outcome.JOINED;
  }

  #put(
    consumer: RequestConsumer,
    ring: Int32Array,
    at: number,
    source: Int32Array,
    from: number,
    staged: PoolAddress,
  ): Outcome {
    const { log } = this.#options;
    const meta = source[from + RECORD_META];
    const length = recordWords(meta, source[from + RECORD_VALUE_BYTES]);
    const key = this.#keyAt(source, from);
    const slot = (key.hash >>> SLOT_SHIFT) as Slot;
    if (!this.#group.mayChange(key)) return Outcome.WAITS;
    const lock = this.#group.lock(slot, this.#routedBy);
    if (lock !== Lock.TAKEN) return this.#notLocked(consumer, lock);
    const word = ring[at + REQUEST_OPERATION];
    const condition = conditionOf(word);
    if (condition !== Condition.NONE && !this.#holds(condition, ring, at, key)) {
      this.#group.answer(consumer, Status.UNMET, 0, 0, 0, staged);
      return Outcome.JOINED;
    }
    // The store's own key has no bytes; it is always admitted, or overwrites could not be encoded.
    const status = key.byteLength === 0 ? Status.OK : this.#admit(key, length * 4);
    if (status !== Status.OK) {
      if (this.#mayGain()) return Outcome.WAITS_FOR_MERGE;
      if (this.#mayGainByOthers(status)) return Outcome.WAITS_FOR_OTHERS;
      this.#group.answer(consumer, status, 0, 0, 0, staged);
      return Outcome.JOINED;
    }
    const address = this.#append(log, length, PUT_SEGMENT_RESERVE);
    if (address === NO_ADDRESS) return this.#withoutSegment(consumer, staged);
    const words = this.#pool.wordsOf(address);
    const to = this.#pool.wordAt(address);
    copyWords(source, from, words, to, length);
    words[to + RECORD_META] = metaWithKind(meta, RecordKind.PUT);
    this.#stamp(slot, words, to, address);
    this.#group.answerLogged(
      consumer,
      address,
      words[to + RECORD_VERSION_LOW],
      metaVersionHigh(words[to + RECORD_META]),
      mustSyncOf(word),
      this.#isShared,
      staged,
    );
    this.#count(VerbCounter.PUTS, VerbCounter.SHARED_PUTS);
    return Outcome.JOINED;
  }

  #delete(consumer: RequestConsumer, ring: Int32Array, at: number): Outcome {
    const { log, clock } = this.#options;
    const from = at + REQUEST_RECORD;
    const key = this.#keyAt(ring, from);
    const slot = (key.hash >>> SLOT_SHIFT) as Slot;
    if (!this.#group.mayChange(key)) return Outcome.WAITS;
    const lock = this.#group.lock(slot, this.#routedBy);
    if (lock !== Lock.TAKEN) return this.#notLocked(consumer, lock);
    // One that has expired is removed by the sweeper.
    if (!this.#find(key) || this.#found.expiresAtMs <= clock()) {
      this.#group.answer(consumer, Status.UNMET);
      return Outcome.JOINED;
    }
    const length = recordWords(ring[from + RECORD_META], 0);
    const address = this.#append(log, length, DELETE_SEGMENT_RESERVE);
    if (address === NO_ADDRESS) return this.#withoutSegment(consumer);
    const words = this.#pool.wordsOf(address);
    const to = this.#pool.wordAt(address);
    copyWords(ring, from, words, to, length);
    this.#stamp(slot, words, to, address);
    const mustSync = mustSyncOf(ring[at + REQUEST_OPERATION]);
    this.#group.answerLogged(consumer, address, 0, 0, mustSync, this.#isShared);
    this.#count(VerbCounter.PUTS, VerbCounter.SHARED_PUTS);
    return Outcome.JOINED;
  }

  /** Reserves a place for a value that the client writes itself. */
  #reserve(consumer: RequestConsumer, ring: Int32Array, at: number): Outcome {
    const from = at + REQUEST_RECORD;
    const meta = ring[from + RECORD_META];
    const address = this.#stage(ring, from, meta, ring[from + RECORD_VALUE_BYTES]);
    if (address === NO_ADDRESS) return this.#withoutSegment(consumer);
    this.#group.answerReserved(consumer, address);
    return Outcome.JOINED;
  }

  /** Logs that all keys of a slot are gone, when everything that was logged for it before has been merged. */
  #clear(consumer: RequestConsumer, ring: Int32Array, at: number): Outcome {
    const { unmerged, log, slots, cells } = this.#options;
    const slot = ring[at + REQUEST_ARGUMENT] as Slot;
    if (this.#group.hasLocked(slot)) return Outcome.WAITS;
    const lock = this.#group.lock(slot, this.#routedBy);
    if (lock !== Lock.TAKEN) return this.#notLocked(consumer, lock);
    if (unmerged.hasRecordsOf(slot)) return Outcome.WAITS_FOR_MERGE;
    // It is newer than every record of the slot's keys, also of those that several KNs own.
    const newest = cells.lockAllOf(slot);
    if (newest < 0) return Outcome.WAITS;
    const from = at + REQUEST_RECORD;
    const length = recordWords(ring[from + RECORD_META], 0);
    const address = this.#append(log, length, DELETE_SEGMENT_RESERVE);
    if (address === NO_ADDRESS) return this.#withoutSegment(consumer);
    const words = this.#pool.wordsOf(address);
    const to = this.#pool.wordAt(address);
    copyWords(ring, from, words, to, length);
    raiseSlotVersion(this.#control, this.#pool.slotAt(slot), newest);
    slots.stamp(this.#pool.slotAt(slot), words, to, NO_ADDRESS);
    cells.clear(slot, recordVersion(words[to + RECORD_META], words[to + RECORD_VERSION_LOW]));
    this.#group.answerLogged(consumer, address, 0, 0, false, false);
    return Outcome.JOINED;
  }

  /** Answers when nothing of a slot waits to be merged, nor of any key that has a cell. */
  #merge(consumer: RequestConsumer, ring: Int32Array, at: number): Outcome {
    const { unmerged, cells } = this.#options;
    const slot = ring[at + REQUEST_ARGUMENT] as Slot;
    if (this.#group.hasLocked(slot) || cells.hasAny) return Outcome.WAITS;
    if (!this.#owns(slot)) return this.#refuse(consumer);
    const isMerged = !unmerged.hasRecordsOf(slot) && !unmerged.isCleared(slot);
    // What others have logged for the slot's keys that have cells, they merge: they are asked, too (store/far_store.ts).
    if (!isMerged || unmerged.hasShared) return Outcome.WAITS_FOR_MERGE;
    this.#group.answer(consumer, Status.OK);
    return Outcome.JOINED;
  }

  /** Whether this KN owns a slot by the owner word of the request, now. */
  #owns(slot: Slot): boolean {
    const owner = this.#routedBy;
    const lock = Atomics.load(this.#control, this.#pool.slotAt(slot) + SLOT_LOCK);
    if ((lock & ~HOLDER_MASK) !== owner || ownerOf(owner) !== this.#options.nodeId) return false;
    this.#options.lookup.own(slot, owner);
    return true;
  }

  #refuse(consumer: RequestConsumer): Outcome {
    this.#group.answer(consumer, Status.MOVED);
    return Outcome.JOINED;
  }

  #notLocked(consumer: RequestConsumer, lock: number): Outcome {
    return lock === Lock.MOVED ? this.#refuse(consumer) : Outcome.WAITS;
  }

  /** The key of a record. */
  #keyAt(words: Int32Array, at: number): KeyWords {
    const key = this.#key;
    key.hash = words[at + RECORD_HASH];
    key.words = words;
    key.start = at + RECORD_KEY;
    key.byteLength = metaKeyBytes(words[at + RECORD_META]);
    return key;
  }

  /** What {@linkcode #find} has found. */
  get #found(): CachedValue {
    const newest = this.#group.newestOf(this.#key.hash);
    return newest === NO_ADDRESS ? this.#options.lookup.found : this.#newest;
  }

  /** Finds the newest put of a key: that of the group, if it changes the key, or what it was before. */
  #find(key: KeyWords): boolean {
    const { lookup, cells } = this.#options;
    const newest = this.#group.newestOf(key.hash);
    if (newest === NO_ADDRESS) {
      return this.#isShared ? cells.find(this.#routedBy, key) === CellRead.FOUND : lookup.find(key);
    }
    this.#options.verbs.count(VerbCounter.LOG_HITS, 1);
    this.#newest.show(newest);
    return this.#newest.isPut;
  }

  #holds(condition: number, ring: Int32Array, at: number, key: KeyWords): boolean {
    const exists = this.#find(key) && this.#found.expiresAtMs > this.#options.clock();
    if (condition === Condition.ABSENT) return !exists;
    return exists && this.#found.version ===
        (ring[at + REQUEST_VERSION_LOW] >>> 0) + ring[at + REQUEST_VERSION_HIGH] * 2 ** 32;
  }

  /** Gives a record that has been appended its version (I9). */
  #stamp(slot: Slot, words: Int32Array, to: number, address: PoolAddress): void {
    if (this.#isShared) this.#options.cells.stamp(this.#routedBy, address);
    else this.#options.slots.stamp(this.#pool.slotAt(slot), words, to, NO_ADDRESS);
  }

  #count(counter: number, ofShared: number): void {
    const { verbs } = this.#options;
    verbs.count(counter, 1);
    if (this.#isShared) verbs.count(ofShared, 1);
  }

  /** Whether a put may go ahead: there is room for what it adds, in the log and in the index. */
  #admit(key: KeyWords, bytes: number): number {
    const { budget } = this.#options;
    const fitsBytes = budget.admitsBytes(bytes, this.#group.recordBytes);
    const fitsKey = budget.admitsKey(this.#group.recordCount);
    if (fitsBytes && fitsKey) return Status.OK;
    if (!this.#find(key)) return fitsKey ? Status.LOG_FULL : Status.INDEX_FULL;
    if (fitsBytes || bytes <= this.#found.recordBytes) return Status.OK;
    const added = bytes - this.#found.recordBytes;
    return budget.admitsBytes(added, this.#group.recordBytes) ? Status.OK : Status.LOG_FULL;
  }

  /** Whether there may be more room when what this KN has logged is merged. */
  #mayGain(): boolean {
    return this.#group.recordCount > 0 || this.#options.unmerged.bytes > 0;
  }

  /** Whether there may be room in the index when what others have logged is merged. */
  #mayGainByOthers(status: number): boolean {
    const { budget, segmentWait } = this.#options;
    return status === Status.INDEX_FULL && budget.mayAdmitLater() && segmentWait.mayGoOnForMerge();
  }

  /** Reserves space in a log; a segment that has to be asked for costs a round trip. */
  #append(log: LogWriter, words: number, segmentReserve: number): PoolAddress {
    const before = log.segment;
    const address = log.reserve(words, segmentReserve);
    if (log.segment !== before && log.segment !== NO_SEGMENT) this.#options.verbs.send();
    return address;
  }

  /**
   * Reserves space for a value on its way from or to a client; it is pinned until it is given back.
   *
   * @param from where the request's record is: whose it is, and the key
   * @param meta META word of the record that is reserved
   */
  #stage(ring: Int32Array, from: number, meta: number, valueBytes: number): PoolAddress {
    const { staging, segments } = this.#options;
    const length = recordWords(meta, valueBytes);
    const address = this.#append(staging, length, PUT_SEGMENT_RESERVE);
    if (address === NO_ADDRESS) return address;
    const words = this.#pool.wordsOf(address);
    const to = this.#pool.wordAt(address);
    // An expiry time behind the key is copied, too, or written later.
    copyWords(ring, from, words, to, valueWord(ring[from + RECORD_META]));
    words[to + RECORD_VALUE_BYTES] = valueBytes;
    words[to + RECORD_META] = metaWithKind(meta, RecordKind.RESERVATION);
    segments.pin(address);
    segments.addLive(address, length * 4);
    staging.settle();
    return address;
  }

  #withoutSegment(consumer: RequestConsumer, staged: PoolAddress = NO_ADDRESS): Outcome {
    if (this.#group.recordCount > 0) return Outcome.WAITS;
    if (this.#mayGain()) return Outcome.WAITS_FOR_MERGE;
    if (this.#options.segmentWait.mayGoOn()) return Outcome.WAITS_FOR_SPACE;
    this.#group.answer(consumer, Status.LOG_FULL, 0, 0, 0, staged);
    return Outcome.JOINED;
  }
}
