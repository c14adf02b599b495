/**
 * As much of tape's interface as `abstract-level/test` uses, on uvu: each test is a test of uvu,
 * and assertions are counted.
 *
 * @module
 */
import { setImmediate, setTimeout } from "node:timers";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isDeepStrictEqual } from "node:util";

/** How long a test may take until it says that it has ended. */
const END_MS = 20_000;

type TapeFunction = (t: TapeTest) => unknown;

/** How many assertions have been made, and how many tests have run. */
export interface TapeCounts {
  assertions: number;
  tests: number;
}

/** One test, or a part of one, as its function sees it. */
export class TapeTest {
  readonly #counts: TapeCounts;
  readonly #endMs: number;
  readonly #parts: { name: string; run: TapeFunction }[] = [];
  #planned: number | undefined;
  #count = 0;
  #hasEnded = false;
  #failure: unknown;
  #wake: (() => void) | undefined;

  /** Makes a test, which may take so many milliseconds until it says that it has ended. */
  constructor(counts: TapeCounts, endMs: number = END_MS) {
    this.#counts = counts;
    this.#endMs = endMs;
  }

  plan(count: number): void {
    this.#planned = count;
  }

  end(error?: unknown): void {
    if (error) this.#fail(error);
    if (this.#hasEnded) this.#fail(new Error(".end() already called"));
    this.#hasEnded = true;
    this.#wake?.();
  }

  test(name: string, run: TapeFunction): void {
    this.#parts.push({ name, run });
  }

  ok(value: unknown, message?: string): void {
    this.#assert(Boolean(value), message, () => assert.ok(value, message));
  }

  notOk(value: unknown, message?: string): void {
    this.#assert(!value, message, () => assert.not.ok(value, message));
  }

  is(actual: unknown, expected: unknown, message?: string): void {
    this.#assert(Object.is(actual, expected), message, () => assert.is(actual, expected, message));
  }

  isNot(actual: unknown, expected: unknown, message?: string): void {
    this.#assert(!Object.is(actual, expected), message);
  }

  same(actual: unknown, expected: unknown, message?: string): void {
    const isSame = isDeepStrictEqual(actual, expected);
    this.#assert(isSame, message, () => assert.equal(actual, expected, message));
  }

  pass(message?: string): void {
    this.#assert(true, message);
  }

  fail(message?: string): void {
    this.#assert(false, message);
  }

  error(error: unknown, message?: string): void {
    this.#assert(!error, message ?? String(error));
  }

  ifError(error: unknown, message?: string): void {
    this.error(error, message);
  }

  throws(call: () => unknown, expected?: RegExp | ((error: unknown) => boolean)): void {
    try {
      call();
    } catch (error) {
      const says = (error as Error).message;
      const isRight = expected === undefined ||
        (expected instanceof RegExp ? expected.test(String(error)) : expected(error));
      return this.#assert(isRight, `throws ${says}`);
    }
    this.#assert(false, "throws");
  }

  doesNotThrow(call: () => unknown, message?: string): void {
    try {
      call();
      this.#assert(true, message);
    } catch (error) {
      this.#assert(false, `does not throw ${String(error)}`);
    }
  }

  /** Runs its function, its parts, and waits until it has ended. */
  async run(run: TapeFunction): Promise<void> {
    this.#counts.tests += 1;
    const result = run(this);
    const isAsync = typeof (result as Promise<unknown> | undefined)?.then === "function";
    await result;
    for (let part = this.#parts.shift(); part !== undefined; part = this.#parts.shift()) {
      const inner = new TapeTest(this.#counts, this.#endMs);
      await inner.run(part.run);
      this.#note();
    }
    const isOver = () =>
      this.#failure !== undefined || this.#hasEnded ||
      (this.#planned === undefined ? isAsync : this.#count >= this.#planned);
    const timer = setTimeout(() => {
      this.#fail(new Error(`the test has not ended, after ${this.#count} assertions`));
    }, this.#endMs);
    while (!isOver()) await new Promise<void>((resolve) => this.#wake = resolve);
    clearTimeout(timer);
    // What is asserted too often is asserted at once, or a little later.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#planned !== undefined) assert.is(this.#count, this.#planned, "as many as planned");
  }

  #assert(isRight: boolean, message: string | undefined, explain?: () => void): void {
    this.#counts.assertions += 1;
    if (!isRight) {
      try {
        explain?.();
        assert.unreachable(message ?? "an assertion has failed");
      } catch (error) {
        this.#fail(error);
      }
    }
    this.#note();
  }

  #note(): void {
    this.#count += 1;
    this.#wake?.();
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#wake?.();
  }
}

/** A `test` for a suite that takes tape's. */
export function tapeTest(counts: TapeCounts): (name: string, run: TapeFunction) => void {
  return (name, run) => test(name, () => new TapeTest(counts).run(run));
}
