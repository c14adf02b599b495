/**
 * As much of Vitest's interface as `@keyv/test-suite` uses, on uvu: each test is a test of uvu, and
 * assertions are counted.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";

/** How many assertions have been made, and how many tests there are. */
export interface VitestCounts {
  assertions: number;
  tests: number;
}

type Hook = () => unknown;

/** What is expected of a value. */
class Expectation {
  readonly #actual: unknown;
  readonly #isNegated: boolean;
  readonly #note: () => void;

  constructor(actual: unknown, isNegated: boolean, note: () => void) {
    this.#actual = actual;
    this.#isNegated = isNegated;
    this.#note = note;
  }

  get not(): Expectation {
    return new Expectation(this.#actual, !this.#isNegated, this.#note);
  }

  toBe(expected: unknown): void {
    this.#check(Object.is(this.#actual, expected), "be", expected);
  }

  toEqual(expected: unknown): void {
    this.#check(isDeepStrictEqual(this.#actual, expected), "equal", expected);
  }

  toBeTruthy(): void {
    this.#check(Boolean(this.#actual), "be", "truthy");
  }

  toBeFalsy(): void {
    this.#check(!this.#actual, "be", "falsy");
  }

  toBeUndefined(): void {
    this.#check(this.#actual === undefined, "be", undefined);
  }

  toBeDefined(): void {
    this.#check(this.#actual !== undefined, "be", "defined");
  }

  toBeNull(): void {
    this.#check(this.#actual === null, "be", null);
  }

  #check(holds: boolean, verb: string, expected: unknown): void {
    this.#note();
    const not = this.#isNegated ? "not " : "";
    const message = `expected ${String(this.#actual)} to ${not}${verb} ${String(expected)}`;
    assert.ok(holds !== this.#isNegated, message);
  }
}

/** What a test is given. */
export interface VitestContext {
  expect: ((actual: unknown) => Expectation) & { assertions(count: number): void };
}

/** The part of Vitest that a suite is given. */
export interface Vitest {
  it(name: string, run: (context: VitestContext) => unknown): void;
  beforeEach(hook: Hook): void;
  afterEach(hook: Hook): void;
}

/** Runs one test. */
export async function runVitest(
  counts: VitestCounts,
  run: (context: VitestContext) => unknown,
): Promise<void> {
  let count = 0;
  let planned: number | undefined;
  const note = () => {
    count += 1;
    counts.assertions += 1;
  };
  const expect = (actual: unknown) => new Expectation(actual, false, note);
  expect.assertions = (wanted: number) => void (planned = wanted);
  await run({ expect });
  if (planned !== undefined) assert.is(count, planned, "as many assertions as announced");
}

/**
 * Vitest for the suite of one file: its hooks run around each of its tests.
 *
 * @param except names of tests that are left out
 */
export function vitestOf(
  counts: VitestCounts,
  title: string,
  except: readonly string[] = [],
): Vitest {
  const before: Hook[] = [];
  const after: Hook[] = [];
  return {
    it(name, run) {
      if (except.includes(name)) return;
      counts.tests += 1;
      test(`${title}: ${name}`, async () => {
        for (const hook of before) await hook();
        await runVitest(counts, run);
        for (const hook of after) await hook();
      });
    },
    beforeEach: (hook) => void before.push(hook),
    afterEach: (hook) => void after.push(hook),
  };
}
