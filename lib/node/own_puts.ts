/**
 * Puts that a thread makes itself, in a step of their KN's of their own: no request is written, and
 * none is taken.
 *
 * A client whose put nothing precedes, and which may execute its KN (agent/executor.ts), would
 * write a request, take it out again, and read the answer that it has given. Here it copies the
 * record into the log instead, and the rest is as for any other change. Why that is safe:
 *
 * - **One writer of a slot (I1)**: the thread is the KN's executor, within the gate, and locks the
 *   slot by the owner word that it has routed by, as the request pipeline does.
 * - **Order (I4)**: the ring is empty, and of the slot nothing is in flight or held. So what the
 *   thread has issued before for the key has ended, and what it issues later follows.
 * - **Complete records (I2, I6), durability, watchers, counts**: the parts of the KN do that. Only
 *   where nothing is logged: a logged change waits for its group.
 * - **Once (I5)**: it is committed like the put of a request (immediate_commit.ts), with an answer
 *   that is prepared in the ring as that of the ring's next request. So a thread that dies here
 *   leaves what step_recovery.ts knows: a change that was not begun, or one that it makes. If the
 *   thread throws and lives on, its client claims that next request for the put
 *   (client/ring_carrier.ts) and learns from the answer, or from there being none, what has become
 *   of it, as of any request to a KN that is gone (client/retired_requests.ts).
 * - **Fairness**: a step is of one put. Where another thread executes, pauses, or has the slot
 *   locked, where free segments are few, or there is no room, nothing is done: the put becomes a
 *   request, which waits, is refused, or is followed by cleaning as others are.
 *
 * @module
 */
import { NO_ADDRESS, type OwnerWord, type PoolAddress } from "../core/brands.ts";
import { copyWords } from "../core/copy_words.ts";
import type { EncodedKey } from "../core/key_encoder.ts";
import { PUT_SEGMENT_RESERVE, SLOT_SHIFT } from "../core/limits.ts";
import type { SlotTable } from "../index/slot_table.ts";
import type { LogWriter } from "../log/log_writer.ts";
import { RECORD_REQUEST_POSITION } from "../log/record_layout.ts";
import { AgentCounter, type AgentCounters } from "../pool/agent_counters.ts";
import { SLOT_LOCK, SLOT_WORDS } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import type { SpaceBudget } from "../pool/space_budget.ts";
import type { RequestConsumer } from "../rings/request_consumer.ts";
import { Lock, lockSlot, unlockSlot } from "../routing/ownership.ts";
import type { Step } from "../agent/step.ts";
import type { StepMeter } from "../agent/step_meter.ts";
import type { Admission } from "./admission.ts";
import type { EntryBound } from "./entry_bound.ts";
import type { ImmediateCommit } from "./immediate_commit.ts";

/** What a thread makes puts with: the parts of the KN in whose place it acts. */
export interface OwnPutsOptions {
  readonly pool: Pool;
  /** The KN's agent block. */
  readonly agent: number;
  readonly step: Step;
  readonly meter: StepMeter | undefined;
  readonly commit: ImmediateCommit;
  readonly table: SlotTable;
  readonly budget: SpaceBudget;
  readonly admission: Admission;
  readonly counters: AgentCounters;
  readonly entryBound: EntryBound | undefined;
  readonly log: LogWriter;
  /** The ring from this thread. */
  readonly consumer: RequestConsumer;
}

/** Makes puts of one thread to one KN. */
export class OwnPuts {
  readonly #options: OwnPutsOptions;
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #agent: number;
  readonly #step: Step;
  readonly #commit: ImmediateCommit;
  readonly #table: SlotTable;
  readonly #log: LogWriter;
  readonly #consumer: RequestConsumer;

  /** Makes puts with the parts of a KN. */
  constructor(options: OwnPutsOptions) {
    this.#options = options;
    this.#pool = options.pool;
    this.#control = options.pool.control;
    this.#agent = options.agent;
    this.#step = options.step;
    this.#commit = options.commit;
    this.#table = options.table;
    this.#log = options.log;
    this.#consumer = options.consumer;
  }

  /**
   * Makes a put; its answer is in the ring then, as that of the next request.
   *
   * @param record the whole record, from the first word on, but for its position
   * @param length words of the record
   * @param routedBy the slot's owner word
   * @returns false if nothing was done, and the put has to be a request
   */
  put(record: Int32Array, length: number, key: EncodedKey, routedBy: OwnerWord): boolean {
    const { budget, meter, counters, entryBound } = this.#options;
    if (budget.isCritical || !this.#step.begin()) return false;
    meter?.begin();
    const address = this.#log.reserve(length, PUT_SEGMENT_RESERVE);
    let isMade = false;
    if (address !== NO_ADDRESS) {
      const words = this.#pool.wordsOf(address);
      const at = this.#pool.wordAt(address);
      copyWords(record, 0, words, at, length);
      words[at + RECORD_REQUEST_POSITION] = this.#consumer.nextNumber;
      isMade = this.#make(key, address, words, at, length * 4, routedBy);
      if (!isMade) this.#log.cancel(address, length);
    }
    if (isMade) {
      this.#consumer.publish();
      counters.add(AgentCounter.BATCHES, 1);
      counters.add(AgentCounter.REQUESTS, 1);
      counters.add(AgentCounter.HELPED, 1);
      entryBound?.enforce();
    }
    meter?.end();
    this.#log.publish();
    this.#step.end();
    return isMade;
  }

  /** Makes a complete record the key's newest one, and answers; false if it cannot be now. */
  #make(
    { hash, words: keyWords, byteLength }: EncodedKey,
    address: PoolAddress,
    words: Int32Array,
    at: number,
    bytes: number,
    routedBy: OwnerWord,
  ): boolean {
    const slotAt = this.#pool.slots + (hash >>> SLOT_SHIFT) * SLOT_WORDS;
    const lockAt = slotAt + SLOT_LOCK;
    if (lockSlot(this.#control, lockAt, routedBy, this.#agent) !== Lock.TAKEN) return false;
    const old = this.#table.find(slotAt, hash, keyWords, 0, byteLength);
    const hasRoom = this.#options.admission.hasRoom(bytes, old);
    if (hasRoom) this.#commit.put(this.#consumer, slotAt, hash, old, address, words, at, bytes);
    unlockSlot(this.#control, lockAt, routedBy);
    return hasRoom;
  }
}
