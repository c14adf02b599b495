/**
 * The client's end of the rings to one KN: claims space for requests, publishes them, takes
 * completions.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { KEY_BYTES_MAX, REQUEST_HEADER_BYTES_MAX } from "../core/limits.ts";
import {
  CLIENT_WAITING,
  COMPLETION_TAIL,
  COMPLETION_WORDS,
  completionEntry,
  COMPLETIONS,
  CONNECTED_NODE,
  Operation,
  REQUEST_LENGTH,
  REQUEST_OPERATION,
  REQUEST_TAIL,
  requestStart,
  type RingHandle,
  ringWords,
} from "./ring_layout.ts";

/** Words of a request that has no value, with the longest key. */
const KEY_REQUEST_WORDS_MAX = (KEY_BYTES_MAX + REQUEST_HEADER_BYTES_MAX) / 4;

/** Returned by {@linkcode RequestProducer.claim} when the ring is full. */
export const RING_FULL = -1;

/** The single producer of a request ring and single consumer of its completion ring. */
export class RequestProducer {
  /** The ring's words: requests are written at the index that {@linkcode claim} returns. */
  readonly words: Int32Array;
  /** Requests claimed so far, as u32. */
  claimedCount = 0;
  /** Requests whose completion has been taken, as u32. */
  settledCount = 0;
  /** Requests that fit a ring of this size, in words. */
  readonly requestWordsMax: number;

  readonly #start: number;
  readonly #wordMask: number;
  readonly #inFlightMask: number;
  /** Position in the stream of request words: claimed, published, and free again. */
  #claimed = 0;
  #published = 0;
  #released = 0;
  /** Completions known to be published: a cached copy of COMPLETION_TAIL. */
  #completedCount = 0;
  /** Stream position behind each request in flight, by its number. */
  readonly #ends: Int32Array;
  readonly #starts: Int32Array;

  /** Opens the client's end of a ring. */
  constructor(handle: RingHandle) {
    this.words = ringWords(handle);
    this.#start = requestStart(handle.inFlightMax);
    this.#wordMask = handle.requestWords - 1;
    this.#inFlightMask = handle.inFlightMax - 1;
    this.#ends = new Int32Array(handle.inFlightMax);
    this.#starts = new Int32Array(handle.inFlightMax);
    // A record that does not fit behind the write position needs its own length in padding first. A
    // quarter leaves room for others; what has to be in the ring may take half of it.
    this.requestWordsMax = Math.max(
      handle.requestWords >>> 2,
      Math.min(handle.requestWords >>> 1, KEY_REQUEST_WORDS_MAX),
    );
    // The last client of this ring has left it when everything was answered.
    this.#claimed = this.#published = this.#released = this.words[REQUEST_TAIL];
    this.claimedCount = this.settledCount = this.#completedCount = this.words[COMPLETION_TAIL];
  }

  /** Requests sent and not settled. */
  get inFlightCount(): number {
    return (this.claimedCount - this.settledCount) | 0;
  }

  /** Whether the ring is so full that requests may soon have to wait for space in it. */
  get isCrowded(): boolean {
    const usedWords = (this.#claimed - this.#released) | 0;
    return usedWords > this.#wordMask >>> 1 || this.inFlightCount > this.#inFlightMask >>> 1;
  }

  /**
   * Requests sent that the KN has not answered, whether their completions have been taken or not.
   */
  get unansweredCount(): number {
    return (this.claimedCount - Atomics.load(this.words, COMPLETION_TAIL)) | 0;
  }

  /** Requests claimed and not published. */
  get hasUnpublished(): boolean {
    return this.#claimed !== this.#published;
  }

  /**
   * Index in the arrays that a caller keeps beside the requests in flight, for the newest claim.
   */
  get newestIndex(): number {
    return (this.claimedCount - 1) & this.#inFlightMask;
  }

  /** The same for the oldest request in flight. */
  get oldestIndex(): number {
    return this.settledCount & this.#inFlightMask;
  }

  /**
   * Claims space for one request; the caller writes all of it before it publishes.
   *
   * @param words its length, a multiple of 2, at most {@linkcode requestWordsMax}
   * @returns index of its first word in {@linkcode words}, or {@linkcode RING_FULL}
   */
  claim(words: number): number {
    assert(words <= this.requestWordsMax, "a request fits the ring");
    const ringWords = this.#wordMask + 1;
    const offset = this.#claimed & this.#wordMask;
    const padding = offset + words > ringWords ? ringWords - offset : 0;
    const used = (this.#claimed - this.#released) | 0;
    if (used + padding + words > ringWords || this.inFlightCount > this.#inFlightMask) {
      return RING_FULL;
    }
    if (padding > 0) {
      const at = this.#start + offset;
      this.words[at + REQUEST_LENGTH] = padding;
      this.words[at + REQUEST_OPERATION] = Operation.PAD;
      this.#claimed = (this.#claimed + padding) | 0;
    }
    const at = this.#start + (this.#claimed & this.#wordMask);
    this.words[at + REQUEST_LENGTH] = words;
    const index = this.claimedCount & this.#inFlightMask;
    this.#starts[index] = at;
    this.#claimed = (this.#claimed + words) | 0;
    this.#ends[index] = this.#claimed;
    this.claimedCount = (this.claimedCount + 1) | 0;
    return at;
  }

  /**
   * Claims the next request and settles it: one that has been answered without having been in the
   * ring, in which there is no other one (node/own_puts.ts).
   *
   * @returns index of the first word of its completion
   */
  passOver(): number {
    this.claimedCount = this.settledCount = this.#completedCount = (this.claimedCount + 1) | 0;
    return completionEntry(this.claimedCount, this.#inFlightMask + 1);
  }

  /** Makes the claimed requests visible to the KN. Pairs with the load in RequestConsumer.poll. */
  publish(): void {
    this.#published = this.#claimed;
    Atomics.store(this.words, REQUEST_TAIL, this.#claimed);
  }

  /** Whether a completion can be taken. Pairs with the store in RequestConsumer.publish. */
  hasCompletion(): boolean {
    if (this.hasSeenCompletion) return true;
    this.#completedCount = Atomics.load(this.words, COMPLETION_TAIL);
    return this.hasSeenCompletion;
  }

  /** Whether there is one by the last look for it. */
  get hasSeenCompletion(): boolean {
    return this.#completedCount !== this.settledCount;
  }

  /** Index of the first word of the oldest completion not taken yet. */
  completionAt(): number {
    return COMPLETIONS + this.oldestIndex * COMPLETION_WORDS;
  }

  /**
   * Tells the M-node that this client uses the ring for a KN, as identity + 1, or, by 0, for none
   * any more.
   */
  setConnected(node: number): void {
    Atomics.store(this.words, CONNECTED_NODE, node);
  }

  /**
   * Index of the completion entry of the request at `ahead` behind the oldest, published or not.
   */
  entryAt(ahead: number): number {
    return completionEntry((this.settledCount + 1 + ahead) | 0, this.#inFlightMask + 1);
  }

  /** Index of the first word of the request that the oldest completion answers. */
  oldestRequestAt(): number {
    return this.#starts[this.oldestIndex];
  }

  /** Index of the first word of a request in flight, by its index. */
  requestAt(index: number): number {
    return this.#starts[index];
  }

  /** Whether a request in flight is not visible to the KN, by its index. */
  isUnpublished(index: number): boolean {
    return ((this.#ends[index] - this.#published) | 0) > 0;
  }

  /** Ends the oldest request: its space and its completion entry can be reused. */
  settle(): void {
    this.#released = this.#ends[this.oldestIndex];
    this.settledCount = (this.settledCount + 1) | 0;
  }

  /** Announces that this client is about to wait; true when there is a completion after all. */
  announceWait(): boolean {
    // The KN publishes its tail first and looks at this word afterwards, the client does it the
    // other way round: one of them sees the other (both accesses are sequentially consistent).
    Atomics.store(this.words, CLIENT_WAITING, 1);
    return this.hasCompletion();
  }

  /** Takes the announcement back. */
  retractWait(): void {
    Atomics.store(this.words, CLIENT_WAITING, 0);
  }

  /** The completion tail as last seen, the value to wait on. */
  get completionTail(): number {
    return this.#completedCount;
  }
}
