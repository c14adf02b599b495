/**
 * The requests that a carrier has, from their claims until they are settled: bounded by number and
 * by bytes, so where there is no room the client holds what comes.
 *
 * @module
 */
import type { RequestEnds } from "../client/carrier.ts";
import type { DinomoError } from "../core/errors.ts";
import { REMOTE_BYTES_MAX, REMOTE_REQUESTS_MAX } from "../core/limits.ts";
import { OpenBytes } from "./open_bytes.ts";
import type { ReadValue } from "../rings/response_ring.ts";
import { REQUEST_LENGTH } from "../rings/ring_layout.ts";
import { type Parcel, readValueOf, tellEnd } from "./parcel.ts";
import { RequestMemory } from "./request_memory.ts";

/** Requests of one carrier. */
export class OpenParcels<P extends Parcel> {
  /** Of their words. */
  readonly memory: RequestMemory = new RequestMemory();
  readonly #ends: RequestEnds;
  /** The first and the last one, in the order of their claims. */
  #first: P | undefined;
  #last: P | undefined;
  #count = 0;
  readonly #bytes = new OpenBytes();
  #ended: P[] = [];
  #read: ReadValue | undefined;

  /** `ends` is told what has ended, when it is settled. */
  constructor(ends: RequestEnds) {
    this.#ends = ends;
  }

  /** Whether the client is to hold what it has. */
  get isCrowded(): boolean {
    return this.#count > REMOTE_REQUESTS_MAX / 2 || this.#bytes.bytes > REMOTE_BYTES_MAX / 2;
  }

  /** Whether nothing can be claimed. */
  get isFull(): boolean {
    return this.#count >= REMOTE_REQUESTS_MAX || this.#bytes.bytes >= REMOTE_BYTES_MAX;
  }

  /** Whether a request of so many words can be claimed: one of any length can always be. */
  hasRoomFor(length: number): boolean {
    return this.#count < REMOTE_REQUESTS_MAX && this.#bytes.hasRoomFor(length * 4);
  }

  /** Takes a request that is being claimed. */
  add(parcel: P): void {
    const { words } = parcel;
    words[REQUEST_LENGTH] = words.length;
    parcel.before = this.#last;
    if (this.#last === undefined) this.#first = parcel;
    else this.#last.after = parcel;
    this.#last = parcel;
    this.#count += 1;
    this.#bytes.add(words.byteLength);
  }

  /** All of them, in the order of their claims. */
  all(): P[] {
    const parcels: P[] = [];
    for (let one = this.#first; one !== undefined; one = one.after) parcels.push(one);
    return parcels;
  }

  /** One of them is not settled any more. It refers to no other one then: see numbered.ts. */
  remove(parcel: P): void {
    const { before, after } = parcel;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    parcel.before = parcel.after = undefined;
    this.#count -= 1;
    this.#bytes.remove(parcel.words.byteLength);
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
    this.#first = this.#last = undefined;
    this.#count = 0;
    this.#ended = [];
    this.#bytes.clear();
    for (const parcel of parcels) {
      const { slot, sequence, completions } = parcel;
      this.#ends.fail(slot, sequence, completions[0], errorOf(parcel));
    }
  }
}
