/**
 * The requests that a carrier has, from their claims until they are settled: bounded by number and
 * by bytes, so where there is no room the client holds what comes.
 *
 * @module
 */
import type { RequestEnds } from "../client/carrier.ts";
import type { DinomoError } from "../core/errors.ts";
import { REMOTE_BYTES_MAX, REMOTE_REQUESTS_MAX } from "../core/limits.ts";
import type { ReadValue } from "../rings/response_ring.ts";
import { REQUEST_LENGTH } from "../rings/ring_layout.ts";
import { type Parcel, readValueOf, tellEnd } from "./parcel.ts";
import { RequestMemory } from "./request_memory.ts";

/** Requests of one carrier. */
export class OpenParcels<P extends Parcel> {
  /** Of their words. */
  readonly memory: RequestMemory = new RequestMemory();
  readonly #ends: RequestEnds;
  /** In the order of their claims. */
  readonly #open = new Set<P>();
  #bytes = 0;
  #ended: P[] = [];
  #read: ReadValue | undefined;

  /** `ends` is told what has ended, when it is settled. */
  constructor(ends: RequestEnds) {
    this.#ends = ends;
  }

  /** Whether the client is to hold what it has. */
  get isCrowded(): boolean {
    return this.#open.size > REMOTE_REQUESTS_MAX / 2 || this.#bytes > REMOTE_BYTES_MAX / 2;
  }

  /** Whether nothing can be claimed. */
  get isFull(): boolean {
    return this.#open.size >= REMOTE_REQUESTS_MAX || this.#bytes >= REMOTE_BYTES_MAX;
  }

  /** Whether a request of so many words can be claimed: one can always be. */
  hasRoomFor(length: number): boolean {
    const { size } = this.#open;
    if (size === REMOTE_REQUESTS_MAX) return false;
    return size === 0 || this.#bytes + length * 4 <= REMOTE_BYTES_MAX;
  }

  /** Takes a request that is being claimed. */
  add(parcel: P): void {
    const { words } = parcel;
    words[REQUEST_LENGTH] = words.length;
    this.#open.add(parcel);
    this.#bytes += words.byteLength;
  }

  /** All of them, in the order of their claims. */
  all(): P[] {
    return [...this.#open];
  }

  /** One of them is not settled any more. */
  remove(parcel: P): void {
    this.#open.delete(parcel);
    this.#bytes -= parcel.words.byteLength;
  }

  /** One of them has ended: it is settled later. */
  end(parcel: P): void {
    this.#ended.push(parcel);
  }

  /** Whether there is something to settle. */
  get hasEnded(): boolean {
    return this.#ended.length > 0;
  }

  /** Tells what has ended; returns how many. */
  settle(): number {
    const ended = this.#ended;
    this.#ended = [];
    for (const parcel of ended) {
      this.remove(parcel);
      this.#read = readValueOf(parcel);
      tellEnd(this.#ends, parcel);
      this.#read = undefined;
    }
    return ended.length;
  }

  /** What the request has read that is just being settled. */
  get read(): ReadValue | undefined {
    return this.#read;
  }

  /** Ends all of them. */
  failAll(errorOf: (parcel: P) => DinomoError): void {
    const parcels = this.all();
    this.#open.clear();
    this.#ended = [];
    this.#bytes = 0;
    for (const parcel of parcels) {
      const { slot, sequence, completions } = parcel;
      this.#ends.fail(slot, sequence, completions[0], errorOf(parcel));
    }
  }
}
