/**
 * The seam between a client and those who execute its requests: who carries a request, and how the
 * answer comes back.
 *
 * Above it, in every client: the order of the requests of a slot, those that are held, what an
 * answer means to its operation, codecs, and the asynchronous API. Below it, one carrier: rings to
 * the KNs of this process (ring_carrier.ts).
 *
 * ```text
 *   RequestSender --- claim, publish --------------> Carrier ---> KN
 *   RequestEnds <---- settle, sendAgain, fail -------- Carrier <--- KN
 * ```
 *
 * What every carrier keeps (I4, I5):
 *
 * - Requests that are in flight for one slot at the same time have gone to one executor, by one
 *   lane, and are executed in the order in which they were claimed. Where that is not possible,
 *   {@linkcode Carrier.claim} finds {@linkcode NO_LANE}, and the client holds the request until no
 *   other one of its slot is in flight.
 * - Each request that was claimed ends once: settled with the answer of its executor,
 *   failed, or given back to be sent again, which is done only if it has not been executed and
 *   never will be.
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import type { DinomoError } from "../core/errors.ts";
import type { Completion, HeldRequest, LargeValue } from "./completions.ts";
import type { KeyPlace } from "./key_place.ts";
import type { RequestDraft } from "./request_draft.ts";

/** Returned by {@linkcode Carrier.claim} when there is no room until others have ended. */
export const NO_ROOM = -1;
/** Returned by it when the request must be held. */
export const NO_LANE = -2;

/** Returned by {@linkcode Carrier.putAtOnce}: the put is to be issued. No version is 0. */
export const NOT_AT_ONCE = 0;

/** What a client is told of the requests in flight. */
export interface RequestEnds {
  /**
   * A request was answered.
   *
   * @param detail the address, or for NOT_DURABLE why, see completions.ts
   * @param words where the request is, at `requestAt`, with what its executor has left there
   */
  settle(
    slot: Slot,
    sequence: number,
    completion: Completion,
    status: number,
    detail: number,
    versionLow: number,
    versionHigh: number,
    words: Int32Array,
    requestAt: number,
  ): void;
  /** A request was not executed, and will not be unless it is sent again. */
  sendAgain(request: HeldRequest): void;
  /** A request will never be answered. */
  fail(slot: Slot, sequence: number, completion: Completion, error: DinomoError): void;
  /** The operation whose request is just being settled goes on with another one. */
  goOn(request: HeldRequest): void;
  /** The operation does not go on, although its completion has a `restart`. */
  stop(sequence: number): void;
}

/** Where requests that go the same way are written. */
export interface Lane {
  /** The words into which requests are written. */
  readonly words: Int32Array;
  /** The same as bytes, for values. */
  readonly bytes: Uint8Array;
  /** Completions of the requests in flight, by their indices. */
  readonly completions: readonly (Completion | undefined)[];
  /** Index of the newest request. */
  readonly newestIndex: number;
  /** Where a request in flight begins in {@linkcode words}, by its index. */
  requestAt(index: number): number;
  /** Whether a request in flight can be seen by nobody else yet, by its index. */
  isUnpublished(index: number): boolean;
}

/** Carries the requests of one client. */
export interface Carrier {
  /** Words of the longest request that is carried as one; 0 before there is a lane. */
  readonly requestWordsMax: number;
  /** Whether requests may soon have to wait for room. */
  readonly isCrowded: boolean;
  /** Whether no request can be claimed now, of whichever slot: what is held stays so. */
  readonly isFull: boolean;
  /** Whether this thread can block until there are answers. */
  readonly canBlock: boolean;
  /** The lane of the request that was claimed last. */
  readonly lane: Lane;

  /**
   * Chooses a lane for the next request of a slot, and claims room there. It is in flight from then
   * on, and has its length, its owner word and its position; the caller writes the rest at once.
   * Those claimed before have been written, and may be published, if they are many.
   *
   * @param length in words
   * @returns where it begins in the lane's words, {@linkcode NO_ROOM} or {@linkcode NO_LANE}
   */
  claim(
    slot: Slot,
    key: KeyPlace,
    sequence: number,
    length: number,
    completion: Completion,
  ): number;

  /**
   * Makes a put without a condition in this thread, and answers it; a carrier has this only if its
   * thread may execute requests. If it is not made, the next request that is claimed is of the same
   * put.
   *
   * @returns the version, or {@linkcode NOT_AT_ONCE}
   * @throws {DinomoError} why it cannot be made
   */
  putAtOnce?(draft: RequestDraft): number;

  /** Whether changes that are executed together share a write to a file. */
  readonly sharesWrites?: boolean;
  /**
   * The same for an atomic commit, which it settles.
   *
   * @param slots of its keys, ascending
   * @param words the whole request
   * @returns whether it was done
   */
  commitAtOnce?(slots: readonly Slot[], words: Int32Array, completion: Completion): boolean;

  /** Publishes everything that was written. */
  publish(): void;
  /** Executes what is in flight, as far as it can be done in this thread. */
  help(): void;
  /** Tells the client what has ended; returns how many requests. */
  settle(): number;
  /** Blocks until there may be answers; true if this thread has executed requests instead. */
  wait(): boolean;
  /**
   * Ends the requests of a call for which {@linkcode wait} has failed: none is sent any more.
   *
   * @param completion of the call, or of all of its requests
   */
  withdraw(completion: object, error: DinomoError): void;

  /** Whether nothing can be changed in a slot, for good. */
  isGivenUp(slot: Slot): boolean;
  /** Whether the key of a request cannot be changed, while others of its slot can. */
  givesUp(words: Int32Array): boolean;
  /**
   * The request to send first for one that is longer than {@linkcode requestWordsMax}; when it has
   * ended the client is asked to go on with the next one.
   */
  firstOf(request: HeldRequest, large: LargeValue): HeldRequest;

  /** Lets go of all lanes: nothing is sent or settled any more. */
  close(): void;
  /** Lets go of all lanes, and fails every request. */
  failAll(error: DinomoError): void;
}
