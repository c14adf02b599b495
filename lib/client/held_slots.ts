/**
 * Requests that wait in the client, by slot.
 *
 * A slot's requests are kept in the order in which they were issued, whatever happened to them
 * since: held at once, sent and refused, or about to be sent when the ring turned out to be full
 * (I4). All of it is bounded: the client blocks when {@linkcode HeldSlots.bytes} exceeds its limit.
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import type { DinomoError } from "../core/errors.ts";
import { SLOT_COUNT } from "../core/limits.ts";
import { type HeldRequest, isMark, isOf } from "./completions.ts";
import type { PendingOperations } from "./pending_operations.ts";

/** The queue of held requests of each slot that has any. */
export class HeldSlots {
  /** Bytes of all held requests. */
  bytes = 0;
  readonly #operations: PendingOperations;
  /** Per slot: 1 while requests must be held. */
  readonly #isHeld: Uint8Array = new Uint8Array(SLOT_COUNT);
  readonly #slots = new Map<Slot, HeldRequest[]>();
  #ready = new Set<Slot>();
  /** Why every request has been failed, and each that comes later is. */
  #failure: DinomoError | undefined;

  /** Makes empty queues, for requests that are among a client's operations. */
  constructor(operations: PendingOperations) {
    this.#operations = operations;
  }

  /** Whether a slot waits to be sent. */
  get hasReady(): boolean {
    return this.#ready.size > 0;
  }

  /** Whether requests are failed instead of being kept. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Whether requests of a slot must be held. */
  isHeld(slot: Slot): boolean {
    return this.#isHeld[slot] !== 0;
  }

  /** Has requests of a slot held from now on. */
  hold(slot: Slot): void {
    this.#isHeld[slot] = 1;
  }

  /** Whether a slot has requests in its queue. */
  hasAny(slot: Slot): boolean {
    return this.first(slot) !== undefined;
  }

  /** Whether one of a slot's requests was issued before another one of it. */
  hasBefore(slot: Slot, sequence: number): boolean {
    const first = this.first(slot);
    return first !== undefined && first.sequence < sequence;
  }

  /** Has requests of a slot sent again; its queue is empty. */
  release(slot: Slot): void {
    this.#isHeld[slot] = 0;
  }

  /** Keeps a request to be sent later, and with it its slot; if there is no later, it fails. */
  keep(request: HeldRequest): void {
    if (this.#failure !== undefined) {
      return isMark(request)
        ? request.completion.fail(this.#failure)
        : this.#operations.fail(request, this.#failure);
    }
    this.#isHeld[request.slot] = 1;
    this.add(request);
  }

  /** Adds a request in its place among the requests of its slot, which is held. */
  add(request: HeldRequest): void {
    let held = this.#slots.get(request.slot);
    if (!held) this.#slots.set(request.slot, held = []);
    let at = held.length;
    while (at > 0 && held[at - 1]!.sequence > request.sequence) at -= 1;
    held.splice(at, 0, request);
    this.#count(request, 1);
  }

  /** A slot's first request. */
  first(slot: Slot): HeldRequest | undefined {
    return this.#slots.get(slot)?.[0];
  }

  /** Takes a slot's first request. */
  next(slot: Slot): HeldRequest | undefined {
    const request = this.#slots.get(slot)?.shift();
    if (request === undefined) this.#slots.delete(slot);
    else this.#count(request, -1);
    return request;
  }

  /** Says that a slot's requests can be sent. */
  markReady(slot: Slot): void {
    this.#ready.add(slot);
  }

  /** Takes the slots whose requests can be sent. */
  takeReady(): Set<Slot> {
    const ready = this.#ready;
    this.#ready = new Set();
    return ready;
  }

  /** Fails the requests of one call. */
  withdraw(completion: object, error: DinomoError): void {
    for (const requests of this.#slots.values()) {
      for (const request of requests.filter((held) => isOf(held.completion, completion))) {
        requests.splice(requests.indexOf(request), 1);
        this.#count(request, -1);
        this.#operations.fail(request, error);
      }
    }
  }

  /** Has every request failed that comes from now on. */
  refuse(error: DinomoError): void {
    this.#failure ??= error;
  }

  /** Fails all requests. */
  failAll(error: DinomoError): void {
    const all = [...this.#slots.values()].flat();
    this.#slots.clear();
    this.#ready.clear();
    this.bytes = this.#operations.heldCount = 0;
    for (const request of all) request.completion.fail(error);
    this.#isHeld.fill(0);
  }

  #count(request: HeldRequest, sign: number): void {
    if (isMark(request)) return;
    this.#operations.heldCount += sign;
    this.bytes += sign * (request.words.byteLength + (request.large?.bytes.length ?? 0));
  }
}
