/**
 * What happens when a request ends: one small object per operation, settled by the client in ring
 * order.
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import { type DinomoError, PoolFullError, UnavailableError } from "../core/errors.ts";
import { durabilityError } from "../pool/durability.ts";
import { Status } from "../rings/ring_layout.ts";

/** A request that is kept by the client until it may be sent. */
export interface HeldRequest {
  readonly slot: Slot;
  /** When it was issued, as a number that grows with every request of the client. */
  readonly sequence: number;
  /** The request's words, header included; the owner word is filled in when it is sent. */
  readonly words: Int32Array;
  readonly completion: Completion;
  /** Set for a value that is too large for the ring. */
  readonly large?: LargeValue;
  /** Set while the request waits for its place in the orders of several slots. */
  readonly gathering?: SlotGathering;
}

/**
 * A request that has its place in the orders of several slots, and its completion: see
 * gathered_slots.ts.
 */
export interface SlotGathering extends Completion {
  /** The slot that the request is one of. */
  readonly slot: Slot;
  /** Whether it waits for its turn in another slot than its own. */
  readonly isGathering: boolean;
  /** Why it cannot be sent any more. */
  readonly failure: DinomoError | undefined;
  /** Takes its turn in another slot; returns whether it has had it in all of them. */
  arrive(slot: Slot): boolean;
}

/** A value on its way into the pool by reserve, one-sided write, and commit. */
export interface LargeValue {
  readonly bytes: Uint8Array;
}

/** Whether what is held is no request, but stands for one in the order of another slot. */
export function isMark(held: HeldRequest): boolean {
  return held.gathering !== undefined && held.completion !== held.gathering;
}

/**
 * Receives the end of a request. Never called with MOVED: the client sends such a request again.
 */
export interface Completion {
  /**
   * Set if the operation goes on with another request: what to begin again with if this one is
   * refused.
   */
  readonly restart?: HeldRequest;
  /** Whose end it is a part of, if its request is one of many. */
  readonly batch?: Batch;
  /** Whether its caller blocks until it is settled: the request is published by that. */
  readonly callerBlocks?: boolean;
  /**
   * Takes the completion's words; for NOT_DURABLE the address is why, see {@linkcode errorOf}.
   *
   * @param ring where the request is, at `requestAt`, with what the KN has left there
   */
  settle(
    status: number,
    address: number,
    versionLow: number,
    versionHigh: number,
    ring: Int32Array,
    requestAt: number,
  ): void;
  /** Takes the reason why the request will never be answered. */
  fail(error: DinomoError): void;
}

/** Whether a request's completion is one, or a part of it. */
export function isOf(own: Completion, whole: object): boolean {
  return own === whole || own.batch === whole;
}

/**
 * The error for a request to a part of the keys that no KN can write; `outcome` says what is known
 * about the change.
 */
export function unavailable(outcome: string): UnavailableError {
  return new UnavailableError(
    "the key must be in a part of the key space that a KN can write, but a KN has failed while it changed that part, " +
      `and has not let go of it; the change ${outcome}`,
  );
}

/**
 * The error for a status that is one, or undefined.
 *
 * @param detail of NOT_DURABLE: why, from `durabilityWord`
 */
export function errorOf(status: number, detail = 0): DinomoError | undefined {
  if (status === Status.LOG_FULL) {
    return new PoolFullError(
      "the pool is full: live records take all the space that cleaning can leave to them; " +
        "delete something, or let it grow",
    );
  }
  if (status === Status.INDEX_FULL) {
    return new PoolFullError("the pool is full: its index has no room for another key");
  }
  if (status === Status.NOT_DURABLE) {
    return durabilityError("the change was not made durable", detail);
  }
  return status === Status.UNAVAILABLE ? unavailable("was not made") : undefined;
}

/** The version that a change has given to its key; undefined if it was not applied. */
export function versionOf(status: number, low: number, high: number): number | undefined {
  return status === Status.OK ? high * 2 ** 32 + (low >>> 0) : undefined;
}

type Resolve<Result> = (result: Result) => void;
type Reject = (reason: unknown) => void;

/**
 * Settles the promise of a put: with the version that the key has by it, or undefined if a
 * condition did not hold.
 */
export class PutCompletion<Version extends number | undefined> implements Completion {
  readonly promise: Promise<Version>;
  #resolve!: Resolve<Version>;
  #reject!: Reject;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  settle(status: number, detail: number, versionLow: number, versionHigh: number): void {
    const error = errorOf(status, detail);
    if (error) this.#reject(error);
    else this.#resolve(versionOf(status, versionLow, versionHigh) as Version);
  }

  fail(error: DinomoError): void {
    this.#reject(error);
  }
}

/** Settles the promise of an operation that may find nothing to do: true when it was applied. */
export class OutcomeCompletion implements Completion {
  readonly promise: Promise<boolean>;
  #resolve!: Resolve<boolean>;
  #reject!: Reject;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  settle(status: number, detail = 0): void {
    const error = errorOf(status, detail);
    if (error) this.#reject(error);
    else this.#resolve(status === Status.OK);
  }

  fail(error: DinomoError): void {
    this.#reject(error);
  }
}

/** Takes the ends of many requests. */
export interface Batch extends Completion {
  settle(status: number, detail?: number): void;
  /** Expects one more request. */
  expect(): void;
  fail(error: unknown): void;
  /** Takes an error that none of the expected requests has ended with. */
  refuse(error: unknown): void;
}

/** Settles one promise for many requests, once all have ended. */
export class BatchCompletion implements Batch {
  readonly promise: Promise<void>;
  #resolve!: Resolve<void>;
  #reject!: Reject;
  #openCount = 1;
  #error: unknown;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  expect(): void {
    this.#openCount += 1;
  }

  /** Says that no more requests will be expected. */
  seal(): void {
    this.#close();
  }

  settle(status: number, detail = 0): void {
    this.#error ??= errorOf(status, detail);
    this.#close();
  }

  fail(error: unknown): void {
    this.refuse(error);
    this.#close();
  }

  refuse(error: unknown): void {
    this.#error ??= error;
  }

  #close(): void {
    this.#openCount -= 1;
    if (this.#openCount > 0) return;
    if (this.#error !== undefined) this.#reject(this.#error);
    else this.#resolve();
  }
}

/** Many requests that a synchronous caller waits for. */
export class SyncBatch implements Batch {
  #openCount = 0;
  #error: unknown;

  get isSettled(): boolean {
    return this.#openCount === 0;
  }

  expect(): void {
    this.#openCount += 1;
  }

  settle(status: number, detail = 0): void {
    this.#error ??= errorOf(status, detail);
    this.#openCount -= 1;
  }

  fail(error: unknown): void {
    this.refuse(error);
    this.#openCount -= 1;
  }

  refuse(error: unknown): void {
    this.#error ??= error;
  }

  /** Throws the first error that one of them has ended with, if there was one. */
  throwError(): void {
    if (this.#error !== undefined) throw this.#error;
  }
}

/** One of the requests of a batch, whose own outcome counts. */
export class ItemCompletion implements Completion {
  readonly batch: Batch;
  readonly #outcomes: boolean[];
  readonly #index: number;

  /** Writes whether the request was applied into a list. */
  constructor(batch: Batch, outcomes: boolean[], index: number) {
    this.batch = batch;
    this.#outcomes = outcomes;
    this.#index = index;
  }

  settle(status: number, detail = 0): void {
    this.#outcomes[this.#index] = status === Status.OK;
    this.batch.settle(status, detail);
  }

  fail(error: unknown): void {
    this.batch.fail(error);
  }
}

/** Lets a caller see that its request has ended. It belongs to one call at a time. */
export class SyncCompletion implements Completion {
  readonly callerBlocks: boolean;
  isSettled = false;
  /** The version that the key has by the request; undefined if it was not applied. */
  version: number | undefined;
  #error: DinomoError | undefined;

  /** Makes one; `callerBlocks` as in {@linkcode Completion}. */
  constructor(callerBlocks = false) {
    this.callerBlocks = callerBlocks;
  }

  /** Whether the request was applied. */
  get isApplied(): boolean {
    return this.version !== undefined;
  }

  /** Prepares for the next request; only the call that it belongs to may do so. */
  reset(): void {
    this.isSettled = false;
    this.version = undefined;
    this.#error = undefined;
  }

  /** Throws the error that the request ended with, if there was one. */
  throwError(): void {
    if (this.#error) throw this.#error;
  }

  settle(status: number, detail = 0, versionLow = 0, versionHigh = 0): void {
    this.isSettled = true;
    this.version = versionOf(status, versionLow, versionHigh);
    this.#error = errorOf(status, detail);
  }

  fail(error: DinomoError): void {
    this.isSettled = true;
    this.#error = error;
  }
}

/**
 * Completions for the synchronous calls of one thread. A call takes one and gives it back when it
 * has read the outcome. A call within another one finds it taken, and gets another. One whose call
 * has thrown is not given back: its request may still be in flight.
 */
export class SyncCompletions {
  #free: SyncCompletion | undefined;

  /** Takes a completion for one call. */
  take(): SyncCompletion {
    const completion = this.#free;
    if (completion === undefined) return new SyncCompletion(true);
    this.#free = undefined;
    completion.reset();
    return completion;
  }

  /** Gives a completion back that is settled. */
  give(completion: SyncCompletion): void {
    this.#free = completion;
  }
}
