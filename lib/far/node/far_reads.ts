/**
 * What a far KN does about requests that only read, and about the one that asks for merging: they
 * join the group of the step (merged_commit.ts), or wait for what they need.
 *
 * Reads take no lock. That the KN owns the slot is looked up once, in the slot's lock word, and
 * that is the moment at which the read takes effect (I4): what the KN knows is the key's newest
 * record as long as it owns the slot. If the slot is taken away right afterwards, the read returns
 * what was true at that moment, or something newer that is found in the index.
 *
 * A request for a key that several KNs own carries the word of the key's cell in the place of the
 * owner word. It takes effect when the cell is read, or while it is locked (cell_group.ts).
 *
 * @module
 */
import { NO_ADDRESS, type NodeId, type OwnerWord, type Slot } from "../../core/brands.ts";
import { copyWords } from "../../core/copy_words.ts";
import { SLOT_SHIFT } from "../../core/limits.ts";
import {
  FLAG_EXPIRES,
  metaWithVersionHigh,
  RECORD_META,
  RECORD_VERSION_LOW,
  valueWord,
  writeExpiry,
} from "../../log/record_layout.ts";
import { RecordKey } from "../../log/record_key.ts";
import type { UnmergedLog } from "../log/unmerged_log.ts";
import { type CellGroup, CellRead } from "./cell_group.ts";
import { Outcome } from "../../node/commit_policy.ts";
import type { FarLookup } from "./far_lookup.ts";
import type { RequestPipeline } from "../../node/request_pipeline.ts";
import { SLOT_LOCK } from "../../pool/control_layout.ts";
import type { Pool } from "../../pool/pool.ts";
import { VerbCounter, type Verbs } from "../../pool/verbs.ts";
import type { RequestConsumer } from "../../rings/request_consumer.ts";
import { RESPONSE_TOO_LARGE, RESPONSES_FULL } from "../../rings/response_ring.ts";
import {
  Operation,
  operationOf,
  REQUEST_ARGUMENT,
  REQUEST_OPERATION,
  REQUEST_OWNER_WORD,
  REQUEST_RECORD,
  Status,
} from "../../rings/ring_layout.ts";
import { isCellWord } from "../../routing/cells.ts";
import { HOLDER_MASK, ownerOf } from "../../routing/ownership.ts";
import type { MergedCommit } from "./merged_commit.ts";

/** What reads are executed with: the parts of a far KN. */
export interface FarReadsOptions {
  readonly pool: Pool;
  readonly nodeId: NodeId;
  /** The KN's agent block. */
  readonly agent: number;
  readonly commit: MergedCommit;
  readonly pipeline: RequestPipeline;
  readonly unmerged: UnmergedLog;
  readonly lookup: FarLookup;
  readonly verbs: Verbs;
  readonly cells: CellGroup;
  /** Tells the time in milliseconds since the epoch. */
  readonly clock: () => number;
}

/** Whether a request changes nothing: {@linkcode FarReads} executes it. */
export function isFarRead(ring: Int32Array, at: number): boolean {
  const operation = operationOf(ring[at + REQUEST_OPERATION]);
  return operation === Operation.GET || operation === Operation.HAS ||
    operation === Operation.MERGE_SLOT;
}

/** Executes reads for one KN. */
export class FarReads {
  readonly #options: FarReadsOptions;
  readonly #pool: Pool;
  readonly #commit: MergedCommit;
  readonly #key = new RecordKey();

  /** Executes reads with the parts of a KN. */
  constructor(options: FarReadsOptions) {
    this.#options = options;
    this.#pool = options.pool;
    this.#commit = options.commit;
  }

  /** Executes the request at an index of a ring. */
  execute(consumer: RequestConsumer, at: number): Outcome {
    const ring = consumer.words;
    const operation = operationOf(ring[at + REQUEST_OPERATION]);
    if (operation === Operation.MERGE_SLOT) return this.#merge(consumer, ring, at);
    return this.#read(consumer, ring, at, operation === Operation.GET);
  }

  #read(consumer: RequestConsumer, ring: Int32Array, at: number, withValue: boolean): Outcome {
    const { clock, agent, cells } = this.#options;
    const commit = this.#commit;
    const key = this.#key.show(ring, at + REQUEST_RECORD);
    const routedBy = ring[at + REQUEST_OWNER_WORD] as OwnerWord;
    const isShared = isCellWord(routedBy);
    if (!commit.mayRead(key, isShared)) return Outcome.WAITS;
    let isThere: boolean;
    if (isShared) {
      const read = cells.read(routedBy, key);
      if (read === CellRead.MOVED) return this.#refuse(consumer);
      isThere = read === CellRead.FOUND;
    } else {
      if (!this.#owns((key.hash >>> SLOT_SHIFT) as Slot, routedBy)) return this.#refuse(consumer);
      isThere = commit.find(key, routedBy);
    }
    const isFound = isThere && commit.foundOf(key).expiresAtMs > clock();
    if (!isFound || !withValue) {
      commit.answerRead(consumer, isFound ? Status.OK : Status.UNMET);
    } else {
      const responses = consumer.responses!;
      const index = responses.write(commit.foundOf(key));
      if (index === RESPONSES_FULL) return Outcome.WAITS_FOR_CLIENT;
      if (index === RESPONSE_TOO_LARGE) return this.#stageFound(consumer, ring, at, isShared);
      commit.answerRead(consumer, Status.FOUND, index, responses.position, agent);
    }
    return this.#counted(isShared);
  }

  /**
   * Copies what was found into the staging segment, for the client to take from there; as a record
   * of the client's own, so that the place is given back for it if it ends.
   */
  #stageFound(
    consumer: RequestConsumer,
    ring: Int32Array,
    at: number,
    isShared: boolean,
  ): Outcome {
    const { pipeline } = this.#options;
    const found = this.#commit.foundOf(this.#key);
    const from = at + REQUEST_RECORD;
    const isExpiring = found.expiresAtMs !== Infinity;
    const meta = ring[from + RECORD_META] | (isExpiring ? FLAG_EXPIRES : 0);
    const address = pipeline.stage(ring, from, meta, found.valueBytes);
    if (address === NO_ADDRESS) return pipeline.withoutSegment(consumer, NO_ADDRESS);
    const words = this.#pool.wordsOf(address);
    const to = this.#pool.wordAt(address);
    const valueAt = to + valueWord(meta);
    words[to + RECORD_VERSION_LOW] = found.version | 0;
    const versionHigh = Math.floor(found.version / 2 ** 32);
    words[to + RECORD_META] = metaWithVersionHigh(words[to + RECORD_META], versionHigh);
    if (isExpiring) writeExpiry(words, valueAt - 2, found.expiresAtMs);
    copyWords(found.words, found.valueAt, words, valueAt, (found.valueBytes + 3) >>> 2);
    this.#commit.answerStaged(consumer, address);
    return this.#counted(isShared);
  }

  /** Answers when nothing of a slot waits to be merged, nor of any key that has a cell. */
  #merge(consumer: RequestConsumer, ring: Int32Array, at: number): Outcome {
    const { unmerged, cells } = this.#options;
    const slot = ring[at + REQUEST_ARGUMENT] as Slot;
    if (this.#commit.hasLocked(slot) || cells.hasAny) return Outcome.WAITS;
    const routedBy = ring[at + REQUEST_OWNER_WORD] as OwnerWord;
    if (!this.#owns(slot, routedBy)) return this.#refuse(consumer);
    const isMerged = !unmerged.hasRecordsOf(slot) && !unmerged.isCleared(slot);
    // What others have logged for the slot's keys that have cells, they merge: they are asked, too
    // (far/store/far_store_reads.ts).
    if (!isMerged || unmerged.hasShared) return Outcome.WAITS_FOR_MERGE;
    this.#commit.answerRead(consumer, Status.OK);
    return Outcome.DONE;
  }

  /** Whether this KN owns a slot by the owner word of a request, now. */
  #owns(slot: Slot, owner: OwnerWord): boolean {
    const lock = Atomics.load(this.#pool.control, this.#pool.slotAt(slot) + SLOT_LOCK);
    if ((lock & ~HOLDER_MASK) !== owner || ownerOf(owner) !== this.#options.nodeId) return false;
    this.#options.lookup.own(slot, owner);
    return true;
  }

  #refuse(consumer: RequestConsumer): Outcome {
    this.#commit.answerRead(consumer, Status.MOVED);
    return Outcome.DONE;
  }

  #counted(isShared: boolean): Outcome {
    const { verbs } = this.#options;
    verbs.count(VerbCounter.GETS, 1);
    if (isShared) verbs.count(VerbCounter.SHARED_GETS, 1);
    return Outcome.DONE;
  }
}
