/**
 * Requests on their way to those who execute them.
 *
 * A request that the carrier has no lane for is held (carrier.ts). When nothing of its slot is in
 * flight any more, refused and held ones are sent in the order in which they were issued (I4).
 *
 * Sending may have to wait for room. The thread then settles what has ended, by which
 * requests of other slots may become ready to be sent, and more may be issued. So all of it is one
 * object: no request of a slot is sent while another one of the same slot is on its way here. That
 * one has its slot held, and counts as one that has not ended.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { Slot } from "../core/brands.ts";
import { type DinomoError, UnavailableError } from "../core/errors.ts";
import { HELD_BYTES_MAX } from "../core/limits.ts";
import { RECORD_REQUEST_POSITION } from "../log/record_layout.ts";
import type { EntryBuffer } from "../rings/commit_words.ts";
import { REQUEST_LENGTH, REQUEST_OWNER_WORD, REQUEST_RECORD } from "../rings/ring_layout.ts";
import type { Carrier, Lane } from "./carrier.ts";
import { type ClientWaiter, PollResult } from "./client_waiter.ts";
import {
  type Completion,
  type HeldRequest,
  isMark,
  type SlotGathering,
  unavailable,
} from "./completions.ts";
import { GatheredSlots, type GatheringParts } from "./gathered_slots.ts";
import type { HeldSlots } from "./held_slots.ts";
import { keyOfRequest } from "./key_place.ts";
import { type ClaimingParts, LaneClaims } from "./lane_claims.ts";
import { splitCommit, splitPut } from "./large_values.ts";
import type { PendingOperations } from "./pending_operations.ts";
import { type RequestDraft, requestLength } from "./request_draft.ts";
import { nameRequest, RequestWriter } from "./request_writer.ts";
import type { SlotsInFlight } from "./slots_in_flight.ts";

/** Where the number of a session's request stands in it. */
const NUMBER = REQUEST_RECORD + RECORD_REQUEST_POSITION;

/** What a sender needs. */
export interface RequestSenderOptions extends ClaimingParts {
  readonly clientId: number;
  readonly waiter: ClientWaiter;
  /** See `ClientOptions`. */
  readonly onFlush: () => void;
  readonly onBlocked: () => void;
  readonly onPoll: () => void;
}

/** Sends the requests of one client, each slot's in the order in which they were issued. */
export class RequestSender {
  readonly #writer: RequestWriter;
  readonly #operations: PendingOperations;
  readonly #held: HeldSlots;
  readonly #inFlight: SlotsInFlight;
  readonly #carrier: Carrier;
  readonly #waiter: ClientWaiter;
  readonly #onFlush: () => void;
  readonly #onBlocked: () => void;
  #onPoll: () => void;
  /** Callers that wait until there is room for requests. */
  readonly #roomWaiters: (() => void)[] = [];
  /** Slots of which a request is held only until there is room. */
  readonly #deferred: Slot[] = [];
  readonly #gathering: GatheringParts;
  readonly #claims: LaneClaims;
  /** Own slots of requests that have come to their turns in all others. */
  readonly #gathered: Slot[] = [];
  #isFlushScheduled = false;
  #isPumping = false;

  /** Makes a sender that has nothing to send. */
  constructor(options: RequestSenderOptions) {
    this.#writer = new RequestWriter(options.clientId);
    this.#operations = options.operations;
    this.#held = options.held;
    this.#inFlight = options.inFlight;
    this.#carrier = options.carrier;
    this.#waiter = options.waiter;
    this.#onFlush = options.onFlush;
    this.#onBlocked = options.onBlocked;
    this.#onPoll = options.onPoll;
    const { held, inFlight, leave } = options;
    this.#gathering = { held, inFlight, leave };
    this.#claims = new LaneClaims(options, () => {
      this.flush();
      this.wait();
    });
  }

  /** Lets go of all lanes. */
  close(): void {
    this.#onPoll = () => {};
    this.#carrier.close();
  }

  /** Fails every request that has not ended, and those that come later. */
  failAll(error: DinomoError): void {
    this.#held.refuse(error);
    this.#onPoll = () => {};
    this.#carrier.failAll(error);
    this.#held.failAll(error);
    this.#operations.endAll();
    this.#noteRoom();
  }

  /**
   * Writes a request into the lane of its slot, or holds it.
   *
   * @returns the lane, or undefined if it is held
   */
  issue(
    sequence: number,
    slot: Slot,
    length: number,
    draft: RequestDraft,
    completion: Completion,
  ): Lane | undefined {
    assert(this.#carrier.requestWordsMax > 0, "a client has been connected before it is used");
    if (length > this.#carrier.requestWordsMax) {
      const bytes = new Uint8Array(draft.value.bytes.subarray(draft.value.start, draft.value.end));
      const words = this.#writer.copyWithoutValue(draft);
      this.#hold({ slot, sequence, words, completion, large: { bytes } });
      return undefined;
    }
    const lane = this.#claims.acquire(slot, draft.key, sequence, length, completion);
    if (lane === undefined) {
      this.#hold({ slot, sequence, words: this.#writer.copy(draft), completion });
      return undefined;
    }
    this.#writer.write(draft, lane.words, lane.bytes, this.#claims.claimedAt);
    if (completion.callerBlocks !== true) this.scheduleFlush();
    return lane;
  }

  /** Writes a request that is an entry of an atomic commit; returns where it begins. */
  writeEntry(draft: RequestDraft, buffer: EntryBuffer): number {
    const at = buffer.claim(requestLength(draft));
    const { words, bytes } = buffer;
    this.#writer.write(draft, words, bytes, at);
    words[at + REQUEST_OWNER_WORD] = words[at + REQUEST_RECORD + RECORD_REQUEST_POSITION] = 0;
    return at;
  }

  /**
   * Sends a request that is complete but for its owner word, or holds it; also until there is room:
   * requests to all slots are many, and the thread does not block for them.
   */
  issueWords(request: HeldRequest): void {
    if (this.#carrier.isCrowded) this.#defer(request);
    else if (!this.#send(request)) this.#hold(request);
  }

  /** The same for a request that another client has written, which may be of any length. */
  forward(request: HeldRequest, session: number): void {
    if (session === 0) this.#writer.sign(request.words);
    else nameRequest(request.words, 0, session, request.words[NUMBER]);
    if (request.words.length <= this.#carrier.requestWordsMax) this.issueWords(request);
    else this.#hold(splitPut(request));
  }

  /** Puts the name of this client, or of a session, into an atomic commit from elsewhere. */
  signCommit(words: Int32Array, session: number): void {
    this.#writer.signCommit(words, session);
  }

  /**
   * The same for a request that has its place in the orders of several slots.
   *
   * @param slots ascending; the request is one of the lowest
   * @param words the request, and perhaps more behind it; it is the caller's again afterwards
   */
  issueGathered(
    slots: readonly Slot[],
    sequence: number,
    words: Int32Array,
    completion: Completion,
  ): void {
    const slot = slots[0]!;
    const length = words[REQUEST_LENGTH];
    const gathering = new GatheredSlots(this.#gathering, slot, sequence, completion);
    const isGathered = gathering.gather(slots);
    const isLarge = length > this.#carrier.requestWordsMax;
    const isCrowded = this.#carrier.isCrowded;
    const isSent = isGathered && !isLarge && !isCrowded &&
      this.#send({ slot, sequence, words, completion: gathering }, length);
    if (isSent) return;
    const own = words.slice(0, length);
    const whole = { slot, sequence, words: own, completion: gathering, gathering };
    const request = isLarge ? splitCommit(whole) : whole;
    if (isGathered && isCrowded && !isLarge) return this.#defer(request);
    if (isGathered) return this.#hold(request);
    this.#held.keep(request);
    this.scheduleFlush();
  }

  /** Publishes everything issued so far. */
  flush(): void {
    this.#carrier.publish();
    this.#onFlush();
  }

  /** Looks, as a flush does, what the pool asks for. */
  noteFlush(): void {
    this.#onFlush();
  }

  /** Whether a flush is to be made at the end of the tick. */
  get isFlushScheduled(): boolean {
    return this.#isFlushScheduled;
  }

  /** Has a flush made at the end of the tick. */
  scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    this.#waiter.schedule(this.#flushScheduled);
  }

  /** Whether the next requests may have to wait for room, on their way or among those held. */
  get isCrowded(): boolean {
    return this.#carrier.isCrowded || this.#held.bytes > HELD_BYTES_MAX / 2;
  }

  /** Resolves when that is so no more, or every request has been failed. */
  whenRoom(): Promise<void> {
    this.scheduleFlush();
    return new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  /** Settles what has been completed, and sends what may be sent then; returns how many. */
  poll(): number {
    this.#onPoll();
    const settled = this.#carrier.settle();
    if (this.#held.hasReady) this.#pump();
    if (this.#deferred.length > 0 && !this.#isPumping) this.#sendDeferred();
    if (this.#roomWaiters.length > 0 && !this.isCrowded) this.#noteRoom();
    return settled;
  }

  #noteRoom(): void {
    for (const resolve of this.#roomWaiters.splice(0)) resolve();
  }

  /** Settles what has ended; if nothing has, blocks until something may have. */
  wait(): void {
    const settled = this.poll();
    // Polling may also send what was held, and no KN answers what is not published.
    this.#carrier.publish();
    if (settled > 0) return;
    this.#onFlush();
    if (!this.#carrier.wait()) this.#onBlocked();
  }

  /** Whether nothing is polled for: no request, and no slot that is held though it has none. */
  get #isIdle(): boolean {
    return this.#operations.requestCount === 0 && !this.#held.hasReady;
  }

  /** Runs at the tick's end: publishes, spins for quick answers, leaves the rest to the waiter. */
  readonly #flushScheduled = (): void => {
    this.#isFlushScheduled = false;
    try {
      this.flush();
    } finally {
      if (!this.#isIdle) this.#waiter.waitLater(this.#pollPending);
    }
  };

  /** What the waiter calls: settles what it can; returns one of `PollResult`. */
  readonly #pollPending = (mayHelp: boolean): number => {
    let settled = this.poll();
    if (settled === 0 && mayHelp) {
      this.#carrier.help();
      settled = this.poll();
    }
    if (this.#isIdle) return PollResult.IDLE;
    // What the settled ones have issued must not wait for the next tick.
    this.flush();
    return settled > 0 ? PollResult.PROGRESS : PollResult.NOTHING;
  };

  /** Sends a request that is issued now; false when it has to be held. */
  #send({ slot, sequence, words, completion }: HeldRequest, length = words.length): boolean {
    const key = keyOfRequest(words);
    const lane = this.#claims.acquire(slot, key, sequence, length, completion);
    if (lane !== undefined) this.#write(lane, words, length);
    return lane !== undefined;
  }

  /** Sends the first request of a slot that is held; false when it stays there. */
  #sendFirst({ slot, sequence, words, completion }: HeldRequest): boolean {
    const { length } = words;
    const key = keyOfRequest(words);
    const lane = this.#claims.acquireFirst(slot, key, sequence, length, completion);
    if (lane === undefined) return false;
    this.#write(lane, words, length);
    this.#held.next(slot);
    return true;
  }

  #write(lane: Lane, words: Int32Array, length: number): void {
    this.#claims.write(lane, words, length);
    this.scheduleFlush();
  }

  /** Holds a request until there is room for it, and with it what comes later for its slot. */
  #defer(request: HeldRequest): void {
    this.#held.keep(request);
    if (this.#held.hasFailed) return;
    this.#deferred.push(request.slot);
    this.scheduleFlush();
  }

  #sendDeferred(): void {
    let next = 0;
    while (next < this.#deferred.length && !this.#carrier.isCrowded) {
      const slot = this.#deferred[next++]!;
      // Where requests are in flight, the last one that ends has it sent.
      if (!this.#held.isHeld(slot) || this.#inFlight.has(slot)) continue;
      this.#held.markReady(slot);
      this.#pump();
    }
    this.#deferred.splice(0, next);
  }

  #hold(request: HeldRequest): void {
    if (this.#held.bytes > HELD_BYTES_MAX && !this.#carrier.canBlock) {
      return this.#operations.fail(request, tooManyHeld());
    }
    this.#held.keep(request);
    if (this.#held.hasFailed) return;
    if (!this.#inFlight.has(request.slot)) this.#held.markReady(request.slot);
    this.scheduleFlush();
    this.#pump();
    if (this.#held.bytes <= HELD_BYTES_MAX || !this.#carrier.canBlock) return;
    this.flush();
    while (this.#held.bytes > HELD_BYTES_MAX) this.wait();
  }

  /** Sends what was held for slots that have nothing in flight any more. */
  #pump(): void {
    if (this.#isPumping || this.#carrier.isFull) return;
    this.#isPumping = true;
    const ready = this.#held.takeReady();
    try {
      for (const slot of ready) {
        this.#sendHeld(slot);
        ready.delete(slot);
      }
      this.#sendGathered();
    } finally {
      this.#isPumping = false;
      // If sending has thrown, the rest is still to be sent.
      for (const slot of ready) {
        this.#held.hold(slot);
        this.#held.markReady(slot);
      }
    }
  }

  /**
   * Sends what is held for a slot. Where a request or a mark is in flight that waits, as a slot may
   * be said to be ready more than once: the last one that ends has it sent.
   *
   * The slot stays held, and each request in its queue until it is on its way: sending may wait for
   * room, and what is issued or given back meanwhile has its place in the queue.
   */
  #sendHeld(slot: Slot): void {
    if (this.#inFlight.has(slot)) return;
    if (this.#carrier.isGivenUp(slot)) this.#giveUp(slot);
    for (let request = this.#held.first(slot); request; request = this.#held.first(slot)) {
      if (this.#sendNext(request)) continue;
      // What could not be sent waits for those in flight to come back, for its turn elsewhere, or
      // for the slot's owner to be connected.
      if (!this.#inFlight.has(slot) && !request.gathering?.isGathering) this.#held.markReady(slot);
      return;
    }
    this.#held.release(slot);
    if (!this.#inFlight.has(slot)) this.#operations.noteSettled(slot);
  }

  /** Sends or ends the first request of a slot that is held; whether the next one may follow. */
  #sendNext(request: HeldRequest): boolean {
    const { slot, gathering, large } = request;
    if (gathering !== undefined && isMark(request)) {
      if (this.#inFlight.has(slot)) return false;
      this.#held.next(slot);
      this.#arrive(slot, gathering);
      return !this.#inFlight.has(slot);
    }
    if (gathering?.isGathering) return false;
    if (gathering?.failure) return this.#refuse(request, gathering.failure);
    if (this.#carrier.givesUp(request.words)) {
      return this.#refuse(request, unavailable("was not made"));
    }
    if (large === undefined) return this.#sendFirst(request);
    // After a reservation everything else waits for its commit.
    this.#sendFirst(this.#carrier.firstOf(request, large));
    return false;
  }

  /** Ends the first request of a slot that is held. */
  #refuse(request: HeldRequest, error: DinomoError): boolean {
    this.#held.next(request.slot);
    this.#operations.fail(request, error);
    return true;
  }

  /** The turn of a mark: the request that it stands for may be sent, or has ended. */
  #arrive(slot: Slot, gathering: SlotGathering): void {
    if (gathering.arrive(slot)) this.#gathered.push(gathering.slot);
  }

  /** Sends the requests that have come to their turns everywhere meanwhile. */
  #sendGathered(): void {
    for (let slot = this.#gathered.pop(); slot !== undefined; slot = this.#gathered.pop()) {
      if (this.#held.isHeld(slot)) this.#sendHeld(slot);
    }
  }

  /** Refuses what was held for a slot that cannot be written. */
  #giveUp(slot: Slot): void {
    for (let request = this.#held.next(slot); request; request = this.#held.next(slot)) {
      const error = unavailable("was not made");
      if (isMark(request)) request.completion.fail(error);
      else this.#operations.fail(request, error);
    }
  }
}

function tooManyHeld(): UnavailableError {
  return new UnavailableError(
    `a thread must not have more than ${HELD_BYTES_MAX} bytes of changes waiting to be sent, ` +
      "and the change was not made: await some of them",
  );
}
