/**
 * Requests that wait in the client, by slot, and those who wait for a slot to settle.
 *
 * A slot's requests are kept in the order in which they were issued, whatever happened to them since: held at once,
 * sent and refused, or about to be sent when the ring turned out to be full (I4). All of it is bounded: the client
 * blocks when {@linkcode HeldSlots.bytes} exceeds its limit.
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import type { HeldRequest } from "./completions.ts";

/** The queue of held requests of each slot that has any. */
export class HeldSlots {
  /** Bytes of all held requests. */
  bytes = 0;
  /** Number of all held requests. */
  count = 0;
  readonly #slots = new Map<Slot, HeldRequest[]>();
  #ready = new Set<Slot>();
  readonly #waiters = new Map<Slot, (() => void)[]>();
  #idleWaiters: (() => void)[] = [];

  /** Whether a slot waits to be sent. */
  get hasReady(): boolean {
    return this.#ready.size > 0;
  }

  /** Whether anybody waits for a slot, or for everything, to settle. */
  get hasWaiters(): boolean {
    return this.#waiters.size > 0 || this.#idleWaiters.length > 0;
  }

  /** Holds a request, in its place among the requests of its slot. */
  add(request: HeldRequest): void {
    let held = this.#slots.get(request.slot);
    if (!held) this.#slots.set(request.slot, held = []);
    let at = held.length;
    while (at > 0 && held[at - 1]!.sequence > request.sequence) at -= 1;
    held.splice(at, 0, request);
    this.#count(request, 1);
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

  /** Takes all requests, to fail them. */
  takeAll(): HeldRequest[] {
    const all = [...this.#slots.values()].flat();
    this.#slots.clear();
    this.#ready.clear();
    this.bytes = this.count = 0;
    return all;
  }

  /** Resolves when {@linkcode notify} is called for the slot. */
  whenSettled(slot: Slot): Promise<void> {
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(slot);
      if (waiters) waiters.push(resolve);
      else this.#waiters.set(slot, [resolve]);
    });
  }

  /** Resolves when {@linkcode notify} is called with `isIdle`. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Says that nothing of a slot is pending, and whether nothing at all is. */
  notify(slot: Slot, isIdle: boolean): void {
    const waiters = this.#waiters.get(slot);
    this.#waiters.delete(slot);
    waiters?.forEach((resolve) => resolve());
    if (isIdle) this.notifyIdle();
  }

  /** Says that nothing is pending. */
  notifyIdle(): void {
    const waiters = [...this.#idleWaiters, ...[...this.#waiters.values()].flat()];
    this.#idleWaiters = [];
    this.#waiters.clear();
    for (const resolve of waiters) resolve();
  }

  #count(request: HeldRequest, sign: number): void {
    this.count += sign;
    this.bytes += sign * (request.words.byteLength + (request.large?.bytes.length ?? 0));
  }
}
