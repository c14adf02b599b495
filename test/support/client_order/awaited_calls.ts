/**
 * Promises of a client, each for the ends of some calls.
 *
 * @module
 */
import { type OrderedCall, require } from "./ordered_call.ts";

interface Awaited {
  readonly name: string;
  readonly calls: readonly OrderedCall[];
  hasResolved: boolean;
}

/** What is awaited of one client. */
export class AwaitedCalls {
  readonly #all: Awaited[] = [];

  /** Notes a promise that is to resolve when some calls have ended. */
  expect(name: string, promise: Promise<void>, calls: readonly OrderedCall[]): void {
    const awaited: Awaited = { name, calls, hasResolved: false };
    this.#all.push(awaited);
    void promise.then(() => awaited.hasResolved = true);
  }

  /** Throws if a promise has resolved while one of its calls may still be executed. */
  check(mayCome: (call: OrderedCall) => boolean): void {
    for (const { name, calls, hasResolved } of this.#all) {
      const open = hasResolved ? calls.find(mayCome) : undefined;
      require(open === undefined, `the promise of ${name} did not wait for ${open?.name}`);
    }
  }

  /** A promise that has not resolved, if there is one. */
  get waiting(): string | undefined {
    return this.#all.find(({ hasResolved }) => !hasResolved)?.name;
  }
}
