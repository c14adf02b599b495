/**
 * How the keys of an atomic commit change at one moment, for readers that take no lock. What is
 * said of a commit here is true of a set of them as well, whose records stand one behind the other
 * (node/shown_set.ts).
 *
 * The committing agent holds the locks of all slots of the commit, whichever KNs own them. Its
 * records are complete, stamped and, where writes are logged, in the file; nothing points at them.
 *
 * ```text
 *   COMMIT STATE   NONE -------> PENDING ------------------> DONE ------------> NONE
 *   record a       PUT    PENDING_PUT                              PUT
 *   pair of a      old ------------> record a
 *   record b       DELETE PENDING_DELETE                                DELETE
 *   pair of b      old ---------------> record b               empty
 *   a reader sees  <------------ old ----------------------->|<------- new ------
 * ```
 *
 * 1. Each record's kind becomes *pending*, and then its key's pair is pointed at it. A reader that
 *    finds a pending record loads the COMMIT STATE of the agent that has its segment open: unless
 *    that is DONE, the key's record is the one that the pending record replaces, or none.
 * 2. One store makes the state DONE. **At that moment all keys change, for every reader.**
 * 3. Each record gets its own kind back, pairs of deleted keys are emptied, and what was replaced
 *    is counted as dead. The state becomes NONE when the commit has been answered.
 *
 * Why it is safe:
 *
 * - *The state that a reader loads is this commit's*, if the record is still pending afterwards: an
 *   agent has one commit at a time, and all of its records have their own kinds back before the
 *   next one begins. Otherwise the reader starts over.
 * - *What is replaced can be read as long as the state is not DONE*: it counts as live until then,
 *   so its segment is not reused; a cleaner cannot move it, as the slot is locked. A reader loads
 *   its segment's generation first and the state after that, and what it copies is checked as
 *   always (I6, I10).
 * - *A record that lost its pending kind is read like any other.* One of a delete has no pair by
 *   then; a reader that had found it before starts over.
 * - *It cannot fail half way*: room for the pairs of new keys was made before
 *   (`SlotTable.makeRoom`) in chains that nothing but the holder of the slot's lock fills.
 * - *The segment of the records is not cleaned or freed meanwhile*, as the agent has it open.
 *
 * A thread that dies in the middle leaves records and a state that say everything: the M-node goes
 * on from there ({@linkcode ShownCommit.show}), never back. A pair that points at a pending record
 * has been changed, a record that is not pending any more is finished with. A record's kind changes
 * before its old record is counted as dead, so no record is counted as dead twice; those that were
 * not are found when live bytes are counted anew.
 *
 * The commit's own place in the protocol of its KN is told in node/atomic_commits.ts.
 *
 * @module
 */
import { NO_ADDRESS, type PoolAddress, type Slot } from "../core/brands.ts";
import { SLOT_SHIFT } from "../core/limits.ts";
import {
  isPending,
  metaAsPending,
  metaAsShown,
  metaKind,
  RECORD_HASH,
  RECORD_META,
  RECORD_REPLACES,
  RECORD_VALUE_BYTES,
  RecordKind,
  recordWords,
} from "../log/record_layout.ts";
import {
  AGENT_COMMIT_END,
  AGENT_COMMIT_FIRST,
  AGENT_COMMIT_STATE,
} from "../pool/control_layout.ts";
import { CommitState } from "../pool/commit_state.ts";
import type { Pool } from "../pool/pool.ts";
import type { SlotWriter } from "./slot_writer.ts";

/** The commit that an agent makes, or has left behind. */
export class ShownCommit {
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #agentAt: number;
  readonly #slots: SlotWriter;
  readonly #pointAt = (address: PoolAddress): void => this.#point(address);
  readonly #settleAt = (address: PoolAddress): void => this.#settle(address);

  /** The commit of an agent, whose slots are changed by a writer. */
  constructor(pool: Pool, agent: number, slots: SlotWriter) {
    this.#pool = pool;
    this.#control = pool.control;
    this.#agentAt = pool.agentAt(agent);
    this.#slots = slots;
  }

  /** Address of its first record; `NO_ADDRESS` if there is none. */
  get first(): PoolAddress {
    return this.#control[this.#agentAt + AGENT_COMMIT_FIRST] as PoolAddress;
  }

  /** The unit behind its last record, as an address; says nothing if there is none. */
  get end(): PoolAddress {
    return this.#control[this.#agentAt + AGENT_COMMIT_END] as PoolAddress;
  }

  /** One of {@linkcode CommitState}. */
  get state(): number {
    return Atomics.load(this.#control, this.#agentAt + AGENT_COMMIT_STATE);
  }

  /** Whether a record is one of it. */
  has(address: PoolAddress): boolean {
    const { first, end } = this;
    return first !== NO_ADDRESS && address >>> 0 >= first >>> 0 && address >>> 0 < end >>> 0;
  }

  /** Says which records it has, before new keys get their places in the order of the keys. */
  note(first: PoolAddress, end: PoolAddress): void {
    Atomics.store(this.#control, this.#agentAt + AGENT_COMMIT_END, end);
    Atomics.store(this.#control, this.#agentAt + AGENT_COMMIT_FIRST, first);
  }

  /** Makes it, from wherever it was left. */
  show(): void {
    const stateAt = this.#agentAt + AGENT_COMMIT_STATE;
    const control = this.#control;
    if (Atomics.load(control, stateAt) !== CommitState.DONE) {
      Atomics.store(control, stateAt, CommitState.PENDING);
      this.forEach(this.#pointAt);
      // The moment. Pairs with the readers' load behind the one of a pending kind.
      Atomics.store(control, stateAt, CommitState.DONE);
    }
    this.forEach(this.#settleAt);
  }

  /** Forgets it, when it has been answered. */
  forget(): void {
    this.#control[this.#agentAt + AGENT_COMMIT_FIRST] = NO_ADDRESS;
    Atomics.store(this.#control, this.#agentAt + AGENT_COMMIT_STATE, CommitState.NONE);
  }

  /** Calls `visit` with the address of each of its records, or of those from one of them on. */
  forEach(visit: (address: PoolAddress) => void, from: PoolAddress = this.first): void {
    const end = from === NO_ADDRESS ? 0 : this.end >>> 0;
    for (let next = from >>> 0; next < end;) {
      const address = (next | 0) as PoolAddress;
      const words = this.#pool.wordsOf(address);
      const at = this.#pool.wordAt(address);
      next += recordWords(words[at + RECORD_META], words[at + RECORD_VALUE_BYTES]) >>> 1;
      visit(address);
    }
  }

  #point(address: PoolAddress): void {
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    const meta = words[at + RECORD_META];
    const old = words[at + RECORD_REPLACES] as PoolAddress;
    // Logged although there is nothing to delete (pool/when_full.ts).
    if (old === NO_ADDRESS && metaKind(meta) === RecordKind.DELETE) return;
    // Before any reader can find it.
    if (!isPending(meta)) Atomics.store(words, at + RECORD_META, metaAsPending(meta));
    const hash = words[at + RECORD_HASH];
    this.#slots.pend(this.#slotAtOf(hash), hash, old, address);
  }

  #settle(address: PoolAddress): void {
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    const meta = words[at + RECORD_META];
    if (!isPending(meta)) return;
    const hash = words[at + RECORD_HASH];
    const slotAt = this.#slotAtOf(hash);
    const old = words[at + RECORD_REPLACES] as PoolAddress;
    const shown = metaAsShown(meta);
    const isPut = metaKind(shown) === RecordKind.PUT;
    if (!isPut) this.#slots.removePending(slotAt, hash, address);
    Atomics.store(words, at + RECORD_META, shown);
    this.#slots.endShown(slotAt, hash, old, address, isPut ? shown : 0);
  }

  #slotAtOf(hash: number): number {
    return this.#pool.slotAt((hash >>> SLOT_SHIFT) as Slot);
  }
}
