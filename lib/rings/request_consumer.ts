/**
 * The KN's end of the rings from one client: takes requests in order, publishes a completion for
 * each.
 *
 * @module
 */
import {
  CLIENT_WAITING,
  COMPLETION_ADDRESS,
  COMPLETION_STATUS,
  COMPLETION_TAIL,
  COMPLETION_VERSION_HIGH,
  COMPLETION_VERSION_LOW,
  completionEntry,
  Operation,
  operationOf,
  packStatus,
  REQUEST_LENGTH,
  REQUEST_OPERATION,
  REQUEST_TAIL,
  REQUESTS_TAKEN,
  requestStart,
  type RingHandle,
  ringWords,
  withoutPrepared,
} from "./ring_layout.ts";
import { ResponseWriter } from "./response_ring.ts";

/** Returned by {@linkcode RequestConsumer.poll} when there is no request. */
export const RING_EMPTY = -1;

/**
 * A consumer of a request ring and producer of its completion ring. There may be several, one in
 * each thread that executes requests for the KN; one of them at a time works, between {@linkcode
 * resume} and {@linkcode suspend}.
 */
export class RequestConsumer {
  /** The ring's words. */
  readonly words: Int32Array;
  /** Where values that were read are sent; in the far placement only. */
  readonly responses: ResponseWriter | undefined;
  readonly #start: number;
  readonly #wordMask: number;
  readonly #inFlightMax: number;
  /**
   * Position in the stream of request words, and the cached tail behind which nothing is readable.
   */
  #taken = 0;
  #tail = 0;
  /** Requests answered, and those beyond them whose answers are prepared. */
  #completedCount = 0;
  #preparedCount = 0;
  #publishedCount = 0;

  /** Opens the KN's end of a ring. */
  constructor(handle: RingHandle) {
    this.words = ringWords(handle);
    this.responses = handle.responseWords ? new ResponseWriter(handle) : undefined;
    this.#start = requestStart(handle.inFlightMax);
    this.#wordMask = handle.requestWords - 1;
    this.#inFlightMax = handle.inFlightMax;
  }

  /** Whether there is a request that no executor has taken. */
  hasRequest(): boolean {
    return Atomics.load(this.words, REQUEST_TAIL) !== Atomics.load(this.words, REQUESTS_TAKEN);
  }

  /** Goes on where the last executor has left off. */
  resume(): void {
    this.#taken = this.#tail = this.words[REQUESTS_TAKEN];
    this.#completedCount = this.#publishedCount = this.words[COMPLETION_TAIL];
    this.#preparedCount = this.#completedCount;
  }

  /** Number of the request that is answered next. */
  get nextNumber(): number {
    return (this.#completedCount + 1) | 0;
  }

  /** Leaves the rest to the next executor. */
  suspend(): void {
    Atomics.store(this.words, REQUESTS_TAKEN, this.#taken);
  }

  /** Looks what has been sent by now; {@linkcode takeSeen} takes no more than that. */
  look(): void {
    // Pairs with the store in RequestProducer.publish: the requests before the tail are complete.
    this.#tail = Atomics.load(this.words, REQUEST_TAIL);
  }

  /**
   * Takes the next request that {@linkcode look} has seen: index of its first word, or {@linkcode
   * RING_EMPTY}.
   */
  takeSeen(): number {
    while (this.#taken !== this.#tail) {
      const at = this.#start + (this.#taken & this.#wordMask);
      this.#taken = (this.#taken + this.words[at + REQUEST_LENGTH]) | 0;
      if (operationOf(this.words[at + REQUEST_OPERATION]) !== Operation.PAD) return at;
    }
    return RING_EMPTY;
  }

  /** Takes the next request: index of its first word, or {@linkcode RING_EMPTY}. */
  poll(): number {
    for (;;) {
      if (this.#taken === this.#tail) {
        // Pairs with the store in RequestProducer.publish: the requests before the tail are
        // complete.
        this.#tail = Atomics.load(this.words, REQUEST_TAIL);
        if (this.#taken === this.#tail) return RING_EMPTY;
      }
      const at = this.#start + (this.#taken & this.#wordMask);
      this.#taken = (this.#taken + this.words[at + REQUEST_LENGTH]) | 0;
      if (operationOf(this.words[at + REQUEST_OPERATION]) !== Operation.PAD) return at;
    }
  }

  /** Puts the request taken last back, to be taken again later. */
  putBack(at: number): void {
    this.#taken = (this.#taken - this.words[at + REQUEST_LENGTH]) | 0;
  }

  /**
   * Announces how the oldest request that has neither been answered nor announced will be answered:
   * from now on, if this thread dies, the M-node makes the change that the record at `address`
   * says, or none if that is 0.
   */
  prepare(status: number, address: number, versionLow: number, versionHigh: number): void {
    const number = (this.#preparedCount + 1) | 0;
    this.#write(number, packStatus(status, number, true), address, versionLow, versionHigh);
    this.#preparedCount = number;
  }

  /**
   * Answers the oldest unanswered request; visible to the client after {@linkcode publish}. If it
   * has changed anything, its slot is still locked.
   */
  complete(status: number, address: number, versionLow: number, versionHigh: number): void {
    const number = (this.#completedCount + 1) | 0;
    this.#write(number, packStatus(status, number), address, versionLow, versionHigh);
    this.#completedCount = number;
    if (((this.#preparedCount - number) | 0) < 0) this.#preparedCount = number;
  }

  /**
   * Answers the oldest unanswered request as it was prepared; otherwise like {@linkcode complete}.
   */
  completePrepared(): void {
    const number = (this.#completedCount + 1) | 0;
    const at = completionEntry(number, this.#inFlightMax) + COMPLETION_STATUS;
    this.words[at] = withoutPrepared(this.words[at]);
    this.#completedCount = number;
  }

  #write(
    number: number,
    status: number,
    address: number,
    versionLow: number,
    versionHigh: number,
  ): void {
    const at = completionEntry(number, this.#inFlightMax);
    this.words[at + COMPLETION_ADDRESS] = address;
    this.words[at + COMPLETION_VERSION_LOW] = versionLow;
    this.words[at + COMPLETION_VERSION_HIGH] = versionHigh;
    // Last: a thread that dies before it has announced nothing. The access to shared memory that
    // follows, an atomic one, does not come before it.
    this.words[at + COMPLETION_STATUS] = status;
  }

  /** Makes the completions visible to the client, and wakes it if it waits. */
  publish(): void {
    if (this.#publishedCount === this.#completedCount) return;
    this.#publishedCount = this.#completedCount;
    Atomics.store(this.words, COMPLETION_TAIL, this.#completedCount);
    // Loaded after the tail is published, or a client that is just going to sleep would not be
    // woken.
    if (Atomics.load(this.words, CLIENT_WAITING) !== 0) {
      if (Atomics.exchange(this.words, CLIENT_WAITING, 0) !== 0) {
        Atomics.notify(this.words, COMPLETION_TAIL);
      }
    }
  }
}
