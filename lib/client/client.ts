/**
 * The client of one thread: its operations become requests to the KNs that own their slots.
 *
 * Its parts, each in a file of its own: what this thread makes itself (own_changes.ts), how
 * requests are sent in their order (request_sender.ts), commits (commit_sender.ts), those that must
 * wait (held_slots.ts), are in flight (slots_in_flight.ts) or have ended (ended_requests.ts), how
 * many operations have not ended (pending_operations.ts), and who carries requests to those that
 * execute them (carrier.ts).
 *
 * Reads are one-sided and need no KN. A read of a slot for which this client still has requests in
 * flight waits for them, so that a program sees its own writes in the order in which it issued
 * them.
 *
 * @module
 */
import { isDinomoError } from "../core/any_error.ts";
import type { Slot } from "../core/brands.ts";
import { type DinomoError, ValueTooLargeError } from "../core/errors.ts";
import type { KeyEncoder } from "../core/key_encoder.ts";
import { SLOT_SHIFT } from "../core/limits.ts";
import { FRAME_HEADER_BYTES, RECORD_HASH, SEGMENT_HEADER_BYTES } from "../log/record_layout.ts";
import type { ValueBytes } from "../log/record_writer.ts";
import type { EntryBuffer } from "../rings/commit_words.ts";
import type { DerivationWords } from "../rings/derivation_words.ts";
import { Condition, Operation, operationOf, REQUEST_RECORD } from "../rings/ring_layout.ts";
import type { Carrier, Lane, RequestEnds } from "./carrier.ts";
import type { ClientWaiter } from "./client_waiter.ts";
import { CommitSender } from "./commit_sender.ts";
import type { Completion } from "./completions.ts";
import { EndedRequests } from "./ended_requests.ts";
import { HeldSlots } from "./held_slots.ts";
import { JoinableAdditions, type JoinableCompletion } from "./joinable_additions.ts";
import { OwnChanges } from "./own_changes.ts";
import { PendingOperations } from "./pending_operations.ts";
import {
  draftDerived,
  draftOfKey,
  draftPut,
  type RequestDraft,
  requestLength,
  slotRequest,
} from "./request_draft.ts";
import type { RequestProbe } from "./request_probe.ts";
import { RequestSender } from "./request_sender.ts";
import { SlotsInFlight } from "./slots_in_flight.ts";

/** What records have to fit, for the error that refuses one. */
export interface RecordRoom {
  readonly name: string;
  /** How there could be more. */
  readonly advice: string;
}

/** What a client is made of. */
export interface ClientOptions<Carries extends Carrier> {
  /** Makes what carries the requests, which tells `ends` what becomes of them. */
  readonly carry: (inFlight: SlotsInFlight, ends: RequestEnds) => Carries;
  /** Bytes of the pool's segments. */
  readonly segmentBytes: number;
  /** What that is in an error, and how there could be more. @default a segment */
  readonly room?: RecordRoom;
  /** Name of this client, for the records it causes. */
  readonly clientId: number;
  /** Decides how to wait. */
  readonly waiter: ClientWaiter;
  /** Called once per flush; starts upkeep when the pool asks for it. */
  readonly onFlush: () => void;
  /** Called while this thread blocks; fails the requests of a KN that will not answer. */
  readonly onBlocked: () => void;
  /**
   * Called before completions are looked for: connects KNs that are new, and takes leave of those
   * that are gone.
   */
  readonly onPoll?: () => void;
  /** Measures requests, if there are statistics. */
  readonly probe?: RequestProbe | undefined;
}

/** Issues the operations of one thread. */
export class Client<Carries extends Carrier = Carrier> {
  /** Carries its requests. */
  readonly carrier: Carries;
  /** What this thread makes itself; what it does not is to be issued, before anything else. */
  readonly own: OwnChanges;
  readonly #recordBytesMax: number;
  readonly #room: RecordRoom;
  readonly #operations: PendingOperations;
  readonly #held: HeldSlots;
  readonly #inFlight: SlotsInFlight;
  readonly #sender: RequestSender;
  readonly #commits: CommitSender;
  readonly #additions = new JoinableAdditions();
  readonly #probe: RequestProbe | undefined;
  #issuedCount = 0;

  /** Makes a client, and its carrier. */
  constructor(options: ClientOptions<Carries>) {
    const { segmentBytes, clientId, waiter, onFlush, onBlocked, onPoll = () => {} } = options;
    this.#room = options.room ??
      { name: `a segment of ${segmentBytes} bytes`, advice: "raise segmentBytes to store it" };
    this.#recordBytesMax = segmentBytes - SEGMENT_HEADER_BYTES - FRAME_HEADER_BYTES;
    const operations = this.#operations = new PendingOperations();
    const held = this.#held = new HeldSlots(operations);
    const inFlight = this.#inFlight = new SlotsInFlight(held);
    const ends = new EndedRequests(operations, held, inFlight);
    const carrier = this.carrier = options.carry(inFlight, ends);
    const parts = { operations, held, inFlight, leave: ends.leave, carrier };
    const sender = new RequestSender({ clientId, ...parts, waiter, onFlush, onBlocked, onPoll });
    const probe = this.#probe = options.probe;
    this.#sender = sender;
    this.own = new OwnChanges({ carrier, sender, waiter, probe });
    const additions = this.#additions;
    this.#commits = new CommitSender({ segmentBytes, operations, sender, additions });
  }

  /** Requests that have not ended, held ones included, and operations that have begun. */
  get pendingCount(): number {
    return this.#operations.count;
  }

  /** How many changes it has issued or made; those that were refused may be counted, too. */
  get changeCount(): number {
    return this.#issuedCount + this.own.madeCount;
  }

  /** Whether this client has requests for a slot that have not ended. */
  isSlotPending(slot: Slot): boolean {
    return this.#inFlight.isPending(slot);
  }

  /**
   * Issues a put of an encoded key; it is published at the end of the tick at the latest.
   *
   * @param expiresAtMs in milliseconds since the epoch, or Infinity
   * @param condition one of `Condition`
   * @param expectedVersion for `Condition.VERSION`
   * @param mustSync whether it is answered only when it is on the disk
   * @param sequence of the operation, if it has begun before ({@linkcode begin}); it is this
   *   request from now on
   * @throws {ValueTooLargeError} when the record would not fit a segment; nothing has been issued
   */
  put(
    key: KeyEncoder,
    value: ValueBytes,
    expiresAtMs: number,
    condition: number,
    expectedVersion: number,
    completion: Completion,
    mustSync = false,
    sequence = 0,
  ): void {
    const draft = draftPut(key, value, expiresAtMs, condition, expectedVersion, mustSync);
    this.issue(draft, completion, sequence);
  }

  /** Issues a delete of an encoded key; for the parameters see {@linkcode put}. */
  delete(
    key: KeyEncoder,
    completion: Completion,
    sequence = 0,
    condition: number = Condition.NONE,
    expectedVersion = 0,
  ): void {
    const draft = draftOfKey(Operation.DELETE, key, condition, expectedVersion);
    this.issue(draft, completion, sequence);
  }

  /**
   * Issues an addition to the number of an encoded key, or another expiry time for it; for the
   * other parameters see {@linkcode put}. Ends with the version, and for an addition with the
   * results in the request, or with UNMET or NOT_A_NUMBER.
   *
   * @param operation `Operation.ADD` or `Operation.TOUCH`
   */
  derive(
    operation: number,
    key: KeyEncoder,
    asked: DerivationWords,
    completion: Completion,
    mustSync: boolean,
    sequence = 0,
  ): void {
    this.issue(draftDerived(operation, key, asked, mustSync), completion, sequence);
  }

  /**
   * Issues an addition like {@linkcode derive} does, which others of this turn may
   * {@linkcode join}.
   */
  add(
    key: KeyEncoder,
    asked: DerivationWords,
    completion: JoinableCompletion,
    mustSync: boolean,
    sequence = 0,
  ): void {
    const draft = draftDerived(Operation.ADD, key, asked, mustSync);
    const lane = this.issue(draft, completion, sequence);
    // What was issued while it waited for room is held behind it: another one must not pass that.
    const isNewest = lane !== undefined && !this.#held.isHeld((key.hash >>> SLOT_SHIFT) as Slot);
    if (isNewest) this.#additions.note(lane, key.hash, completion);
  }

  /**
   * Has an addition join one that was issued before for the key; it is no request then.
   *
   * @returns the completion of that one, of which another result is to be expected; undefined if
   *   there is none that it can join
   */
  join(
    key: KeyEncoder,
    asked: DerivationWords,
    mustSync: boolean,
  ): JoinableCompletion | undefined {
    const completion = this.#additions.join(key, asked, mustSync);
    if (completion !== undefined) this.#probe?.count(key);
    return completion;
  }

  /**
   * Issues a read of an encoded key, for a far pool: the slot's owner reads it. It sees what has
   * been issued before for the slot, and nothing that is issued later. Ends with FOUND,
   * FOUND_STAGED or UNMET, or without the value with OK or UNMET.
   */
  get(key: KeyEncoder, withValue: boolean, completion: Completion, sequence = 0): void {
    const operation = withValue ? Operation.GET : Operation.HAS;
    this.issue(draftOfKey(operation, key), completion, sequence);
  }

  /**
   * Issues a request that came from another process; its words are the client's from now on.
   *
   * @param session in whose name it is, with the number that it has: what it changes is noted in
   *   the pool's ledger (log/session_ledger.ts). 0: in the name of this client
   */
  forward(words: Int32Array, completion: Completion, session = 0): void {
    const hash = words[REQUEST_RECORD + RECORD_HASH];
    const sequence = this.#operations.issue();
    const request = { slot: (hash >>> SLOT_SHIFT) as Slot, words, completion, sequence };
    this.#sender.forward(request, session);
    this.#additions.forgetAll();
  }

  /**
   * The same for an atomic commit, whose entries have numbers one after the other, from its own on.
   *
   * @throws {CommitTooLargeError} as {@linkcode commit} does
   */
  forwardCommit(
    slots: readonly Slot[],
    words: Int32Array,
    completion: Completion,
    session = 0,
  ): void {
    this.#issuedCount += 1;
    this.#commits.forward(slots, words, completion, session);
  }

  /**
   * Begins an operation that is not a request yet. It counts as pending until {@linkcode end}, or
   * until it has become a request and that has ended.
   *
   * @returns its number
   */
  begin(): number {
    return this.#operations.begin();
  }

  /** Ends an operation that has begun and is no request. */
  end(sequence: number): void {
    this.#operations.end(sequence);
  }

  /** Writes a request that is to be an entry of an atomic commit; returns where it begins. */
  writeEntry(draft: RequestDraft, buffer: EntryBuffer): number {
    return this.#sender.writeEntry(draft, buffer);
  }

  /**
   * Makes an atomic commit at once, or issues it: see rings/commit_words.ts. What was issued before
   * for any of its slots applies before it, and what is issued later, later.
   *
   * @param slots of its keys, ascending
   * @param words the whole request, and perhaps more behind it; it is the caller's again afterwards
   * @throws {CommitTooLargeError} when its records would not fit a segment; nothing has been issued
   */
  commit(
    slots: readonly Slot[],
    words: Int32Array,
    completion: Completion,
    begun = 0,
  ): void {
    this.#commits.assertFits(words);
    if (begun === 0 && this.own.commit(slots, words, completion)) return;
    this.#issuedCount += 1;
    this.#commits.send(slots, words, completion, begun);
  }

  /** Issues the deletion of every key of a slot. */
  clearSlot(slot: Slot, completion: Completion): void {
    this.#issueForSlot(Operation.CLEAR_SLOT, slot, completion);
  }

  /** Waits, for a far pool, until everything of a slot that was issued before is in the index. */
  mergeSlot(slot: Slot, completion: Completion): void {
    this.#issueForSlot(Operation.MERGE_SLOT, slot, completion);
  }

  /** Whether the next requests may block this thread until others have ended. */
  get isCrowded(): boolean {
    return this.#sender.isCrowded;
  }

  /** Resolves when that is so no more, or the client has failed. */
  whenRoom(): Promise<void> {
    return this.#sender.whenRoom();
  }

  /** Publishes everything issued so far. */
  flush(): void {
    this.#sender.flush();
  }

  /** Settles what has been completed; returns how many requests. */
  poll(): number {
    return this.#sender.poll();
  }

  /**
   * Blocks until `completion` is settled.
   *
   * @throws {DinomoError} when the carrier has no way to wait any more, and the end is not known
   */
  waitFor(completion: { readonly isSettled: boolean }): void {
    this.#sender.flush();
    try {
      while (!completion.isSettled) this.#sender.wait();
    } catch (error) {
      // It may still be answered, and nothing was scheduled for a request whose caller blocks.
      this.#sender.scheduleFlush();
      if (!isDinomoError(error)) throw error;
      // What was answered before ends as it was answered.
      this.#sender.poll();
      this.carrier.withdraw(completion, error as DinomoError);
      this.#held.withdraw(completion, error as DinomoError);
      if (!completion.isSettled) throw error;
    }
  }

  /** Blocks until nothing of a slot is pending. */
  settleSlot(slot: Slot): void {
    this.#sender.flush();
    while (this.isSlotPending(slot)) this.#sender.wait();
  }

  /** Blocks until no request is pending: operations that are none yet wait for this thread. */
  settleAll(): void {
    this.#sender.flush();
    while (this.#operations.requestCount > 0) this.#sender.wait();
  }

  /** Resolves when nothing of a slot is pending. */
  whenSlotSettled(slot: Slot): Promise<void> {
    if (!this.isSlotPending(slot)) return Promise.resolve();
    this.#sender.scheduleFlush();
    return this.#operations.whenSettled(slot);
  }

  /** Resolves when nothing at all is pending. */
  whenIdle(): Promise<void> {
    if (this.pendingCount === 0) return Promise.resolve();
    this.#sender.scheduleFlush();
    return this.#operations.whenIdle();
  }

  /** Resolves when every operation issued until now has ended, whatever is issued meanwhile. */
  whenIssuedEnded(): Promise<void> {
    if (this.pendingCount === 0) return Promise.resolve();
    this.#sender.scheduleFlush();
    return this.#operations.whenIssuedEnded();
  }

  /**
   * Lets go of all lanes: nothing is sent or settled any more, no KN is connected to, and none
   * retired.
   */
  close(): void {
    this.#sender.close();
  }

  /**
   * Fails every request that has not ended, and those that come later: the KNs will not answer any
   * more, or what they still complete is not taken.
   */
  failAll(error: DinomoError): void {
    this.#sender.failAll(error);
  }

  /** Issues a request, for which see {@linkcode put}; returns its lane if it is in one. */
  issue(draft: RequestDraft, caller: Completion, begun = 0): Lane | undefined {
    const length = requestLength(draft);
    if ((length - REQUEST_RECORD) * 4 > this.#recordBytesMax) throw this.#tooLarge(draft);
    const isRead = isReading(draft);
    const completion = this.#probe?.watch(draft.key, isRead, caller) ?? caller;
    const { hash } = draft.key;
    const slot = (hash >>> SLOT_SHIFT) as Slot;
    if (!isRead) this.#issuedCount += 1;
    const sequence = this.#operations.issue(begun);
    const lane = this.#sender.issue(sequence, slot, length, draft, completion);
    this.#additions.forget(hash);
    if (begun !== 0) this.#operations.leaveOpen();
    return lane;
  }

  #issueForSlot(operation: number, slot: Slot, completion: Completion): void {
    const words = slotRequest(operation, slot);
    this.#issuedCount += 1;
    this.#sender.issueWords({ slot, sequence: this.#operations.issue(), words, completion });
    this.#additions.forgetAll();
  }

  #tooLarge({ value }: RequestDraft): ValueTooLargeError {
    return new ValueTooLargeError(
      `value must fit ${this.#room.name} together with its key, ` +
        `got a value of ${value.end - value.start} bytes; ${this.#room.advice}`,
    );
  }
}

function isReading({ operation }: RequestDraft): boolean {
  const code = operationOf(operation);
  return code === Operation.GET || code === Operation.HAS;
}
