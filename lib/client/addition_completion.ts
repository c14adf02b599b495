/**
 * The end of a request that adds to a number, for one addition or for several.
 *
 * @module
 */
import { describe, type DinomoError, NotANumberError } from "../core/errors.ts";
import type { Key } from "../core/key_encoder.ts";
import { DerivationWords } from "../rings/derivation_words.ts";
import { REQUEST_RECORD } from "../rings/ring_layout.ts";
import { errorOf } from "./completions.ts";
import type { JoinableCompletion } from "./joinable_additions.ts";

/** Where what the KN has left is read, of one request at a time. */
const left = new DerivationWords();

/** One addition that waits for its sum, and the one behind it. */
class Addition {
  readonly resolve: (sum: number | undefined) => void;
  readonly reject: (error: unknown) => void;
  next: Addition | undefined;

  constructor(
    resolve: (sum: number | undefined) => void,
    reject: (error: unknown) => void,
  ) {
    this.resolve = resolve;
    this.reject = reject;
  }
}

/** Settles the promises of additions of one number to one key, in the order of their issue. */
export class AdditionCompletion implements JoinableCompletion {
  readonly #key: Key;
  #first: Addition | undefined;
  #last: Addition | undefined;

  /** Makes the completion of a request about a key, without any addition. */
  constructor(key: Key) {
    this.#key = key;
  }

  join(): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const addition = new Addition(resolve, reject);
      if (this.#last === undefined) this.#first = addition;
      else this.#last.next = addition;
      this.#last = addition;
    });
  }

  settle(
    status: number,
    detail: number,
    _versionLow: number,
    _versionHigh: number,
    ring: Int32Array,
    requestAt: number,
  ): void {
    const error = errorOf(status, detail);
    if (error !== undefined) return this.fail(error);
    left.read(ring, requestAt + REQUEST_RECORD);
    let number = left.before;
    for (let addition = this.#take(); addition !== undefined; addition = addition.next) {
      const sum = left.sumAfter(number);
      if (left.allows(sum)) addition.resolve(number = sum);
      else if (Number.isFinite(sum)) addition.resolve(undefined);
      else addition.reject(notANumber(this.#key, number));
    }
  }

  fail(error: DinomoError): void {
    for (let addition = this.#take(); addition !== undefined; addition = addition.next) {
      addition.reject(error);
    }
  }

  /** Takes all of them away: what may be joined is kept for longer than they are waited for. */
  #take(): Addition | undefined {
    const first = this.#first;
    this.#first = this.#last = undefined;
    return first;
  }
}

/**
 * The error of an addition that has no finite sum.
 *
 * @param old the number that is stored; NaN if something else is
 */
export function notANumber(key: Key, old: number): NotANumberError {
  const got = Number.isNaN(old) ? "a value that is none" : describe(old);
  return new NotANumberError(
    `increment must add to a number and stay finite, got ${got} at ${describe(key)}`,
  );
}
