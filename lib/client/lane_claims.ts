/**
 * Room in lanes for the requests of one client.
 *
 * Where there is none the thread waits, and settles what has ended meanwhile. By that requests of
 * the same slot may come back, or more may be issued. Those are held: until a request that waits
 * for room is on its way its slot is, and it counts as one that has not ended (I4).
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import { copyWords } from "../core/copy_words.ts";
import { RECORD_CLIENT, RECORD_REQUEST_POSITION, sessionOf } from "../log/record_layout.ts";
import { REQUEST_OPERATION, REQUEST_OWNER_WORD, REQUEST_RECORD } from "../rings/ring_layout.ts";
import { type Carrier, type Lane, NO_LANE, NO_ROOM } from "./carrier.ts";
import type { Completion } from "./completions.ts";
import type { HeldSlots } from "./held_slots.ts";
import type { KeyPlace } from "./key_place.ts";
import type { PendingOperations } from "./pending_operations.ts";
import type { SlotsInFlight } from "./slots_in_flight.ts";

/** What is needed of a client to claim room. */
export interface ClaimingParts {
  readonly operations: PendingOperations;
  readonly held: HeldSlots;
  readonly inFlight: SlotsInFlight;
  /** See `EndedRequests.leave`. */
  readonly leave: (slot: Slot) => void;
  readonly carrier: Carrier;
}

/** Claims room for the requests of one client. */
export class LaneClaims {
  /** Where the request begins, in the words of its lane, for which room was claimed last. */
  claimedAt = 0;
  readonly #operations: PendingOperations;
  readonly #held: HeldSlots;
  readonly #inFlight: SlotsInFlight;
  readonly #leave: (slot: Slot) => void;
  readonly #carrier: Carrier;
  readonly #wait: () => void;

  /**
   * Claims from a carrier; `wait` publishes what was written, and blocks until some may have ended.
   */
  constructor(parts: ClaimingParts, wait: () => void) {
    this.#operations = parts.operations;
    this.#held = parts.held;
    this.#inFlight = parts.inFlight;
    this.#leave = parts.leave;
    this.#carrier = parts.carrier;
    this.#wait = wait;
  }

  /**
   * Claims room for a request that is issued now, at {@linkcode claimedAt}; blocks while there is
   * none.
   *
   * @returns the lane, or undefined when the request has to be held
   */
  acquire(
    slot: Slot,
    key: KeyPlace,
    sequence: number,
    length: number,
    completion: Completion,
  ): Lane | undefined {
    if (this.#held.isHeld(slot)) return undefined;
    const at = this.#carrier.claim(slot, key, sequence, length, completion);
    if (at === NO_LANE) return undefined;
    if (at !== NO_ROOM) return this.#noteClaim(slot, at);
    // Until it is on its way it counts as in flight, and its slot is held: so what is issued or
    // given back meanwhile is kept, and not sent.
    this.#held.hold(slot);
    this.#inFlight.add(slot);
    this.#operations.sentCount += 1;
    try {
      const lane = this.acquireFirst(slot, key, sequence, length, completion);
      if (lane !== undefined && !this.#held.hasAny(slot)) this.#held.release(slot);
      return lane;
    } finally {
      this.#operations.sentCount -= 1;
      this.#leave(slot);
    }
  }

  /** Claims room for the first request of a slot that is held; blocks while there is none. */
  acquireFirst(
    slot: Slot,
    key: KeyPlace,
    sequence: number,
    length: number,
    completion: Completion,
  ): Lane | undefined {
    // What is settled meanwhile may change where requests of the slot go: it is routed afresh. And
    // one that was issued before may come back.
    while (!this.#held.hasBefore(slot, sequence)) {
      const at = this.#carrier.claim(slot, key, sequence, length, completion);
      if (at === NO_LANE) return undefined;
      if (at !== NO_ROOM) return this.#noteClaim(slot, at);
      this.#wait();
    }
    return undefined;
  }

  #noteClaim(slot: Slot, at: number): Lane {
    this.claimedAt = at;
    this.#inFlight.add(slot);
    this.#operations.sentCount += 1;
    return this.#carrier.lane;
  }

  /** Writes a request that is complete but for its owner word where room was claimed for it. */
  write({ words: target }: Lane, words: Int32Array, length: number): void {
    const at = this.claimedAt;
    const owner = target[at + REQUEST_OWNER_WORD];
    const position = target[at + REQUEST_RECORD + RECORD_REQUEST_POSITION];
    copyWords(words, REQUEST_OPERATION, target, at + REQUEST_OPERATION, length - REQUEST_OPERATION);
    target[at + REQUEST_OWNER_WORD] = owner;
    // That of a session's request is its number.
    const isOwn = sessionOf(words[REQUEST_RECORD + RECORD_CLIENT]) === 0;
    if (isOwn) target[at + REQUEST_RECORD + RECORD_REQUEST_POSITION] = position;
  }
}
