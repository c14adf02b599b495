/**
 * The end of a request whose record the KN has made from the one that it replaced.
 *
 * @module
 */
import type { DinomoError } from "../core/errors.ts";
import { DerivationWords } from "../rings/derivation_words.ts";
import { REQUEST_RECORD } from "../rings/ring_layout.ts";
import { type Completion, errorOf, versionOf } from "./completions.ts";

/** Where what the KN has left is read, of one request at a time. */
const left = new DerivationWords();

/**
 * Makes the result of an operation; what it throws is the operation's error.
 *
 * @param version that the key has by it; undefined if it was not applied
 * @param left what the KN has left in the request; valid until this returns
 */
export type ResultOf<Result> = (
  status: number,
  version: number | undefined,
  left: DerivationWords,
) => Result;

/** Settles a promise, or is waited for by a thread that blocks. */
export class DerivedCompletion<Result> implements Completion {
  isSettled = false;
  readonly #resultOf: ResultOf<Result>;
  #result!: Result;
  #error: unknown;
  #resolve: ((result: Result) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;

  /** Makes the completion of one request. */
  constructor(resultOf: ResultOf<Result>) {
    this.#resultOf = resultOf;
  }

  /** A promise of the result, to be made before the request is issued. */
  whenSettled(): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** The result, when it is settled; throws the error if there was one. */
  take(): Result {
    if (this.#error !== undefined) throw this.#error;
    return this.#result;
  }

  settle(
    status: number,
    detail: number,
    versionLow: number,
    versionHigh: number,
    ring: Int32Array,
    requestAt: number,
  ): void {
    const error = errorOf(status, detail);
    if (error !== undefined) return this.#refuse(error);
    left.read(ring, requestAt + REQUEST_RECORD);
    try {
      this.#result = this.#resultOf(status, versionOf(status, versionLow, versionHigh), left);
    } catch (error) {
      return this.#refuse(error);
    }
    this.isSettled = true;
    this.#resolve?.(this.#result);
  }

  fail(error: DinomoError): void {
    this.#refuse(error);
  }

  #refuse(error: unknown): void {
    this.isSettled = true;
    this.#error = error;
    this.#reject?.(error);
  }
}
