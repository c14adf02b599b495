/**
 * The operations of one client that have not ended: how many there are, and which callers wait for
 * their end.
 *
 * An operation has begun and is no request yet, or is held, or has been sent. Which of them, other
 * parts of the client know; here it is counted.
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import type { DinomoError } from "../core/errors.ts";
import type { HeldRequest } from "./completions.ts";
import { FlushWaiters } from "./flush_waiters.ts";
import { SlotWaiters } from "./slot_waiters.ts";

/** Counts the operations of one client until they end. */
export class PendingOperations {
  /** Requests that have been sent. */
  sentCount = 0;
  /** Requests that are held. */
  heldCount = 0;
  /** Operations that have begun, and are not requests yet or any more. */
  #openCount = 0;
  /** Number of the newest operation. */
  #sequence = 0;
  /** Numbers that operations had before they were requests, by those that they have now. */
  readonly #begun = new Map<number, number>();
  readonly #flushes: FlushWaiters = new FlushWaiters();
  readonly #slots: SlotWaiters = new SlotWaiters();

  /** Operations that have not ended. */
  get count(): number {
    return this.requestCount + this.#openCount;
  }

  /**
   * Those of them that are requests: only these end by being polled for. The others wait for this
   * thread itself, for a microtask or for a promise of the application, and become requests then.
   */
  get requestCount(): number {
    return this.sentCount + this.heldCount;
  }

  /**
   * Numbers an operation that is a request from now on: by these numbers requests have their order.
   *
   * @param begun its number until now, 0 if it had none
   */
  issue(begun = 0): number {
    const sequence = ++this.#sequence;
    if (begun !== 0) this.#begun.set(sequence, begun);
    return sequence;
  }

  /** Numbers an operation that is not a request yet. */
  begin(): number {
    this.#openCount += 1;
    return ++this.#sequence;
  }

  /** Ends an operation that has begun and is no request. */
  end(sequence: number): void {
    this.#flushes.noteEnd(sequence);
    this.leaveOpen();
  }

  /** An operation that has begun is counted as a request from now on, or has ended. */
  leaveOpen(): void {
    this.#openCount -= 1;
    if (this.count === 0) this.#slots.notifyIdle();
  }

  /** Says that an operation that was a request has ended; once for each. */
  noteEnd(sequence: number): void {
    const begun = this.#begun.size === 0 ? undefined : this.#begun.get(sequence);
    if (begun !== undefined) this.#begun.delete(sequence);
    this.#flushes.noteEnd(begun ?? sequence);
  }

  /** Ends a request that will never be answered. */
  fail({ completion, sequence }: HeldRequest, error: DinomoError): void {
    completion.fail(error);
    this.noteEnd(sequence);
  }

  /** Says that a slot has no requests any more. */
  noteSettled(slot: Slot): void {
    if (this.#slots.hasWaiters) this.#slots.notify(slot, this.count === 0);
  }

  /** Resolves at the next {@linkcode noteSettled} of a slot. */
  whenSettled(slot: Slot): Promise<void> {
    return this.#slots.whenSettled(slot);
  }

  /** Resolves when nothing is pending; something must be. */
  whenIdle(): Promise<void> {
    return this.#slots.whenIdle();
  }

  /** Resolves when all that is pending now has ended; something must be. */
  whenIssuedEnded(): Promise<void> {
    return this.#flushes.add(this.#sequence, this.count);
  }

  /** Ends all waiting: every request has been failed. */
  endAll(): void {
    this.#begun.clear();
    this.#flushes.resolveAll();
    this.#slots.notifyIdle();
  }
}
