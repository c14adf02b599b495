/**
 * What an application gives up by an `AbortSignal`.
 *
 * The work itself is not interrupted: it looks at the signal before it begins something more, and
 * its caller is rejected at once.
 *
 * @module
 */
import { describe, InvalidArgumentError } from "../../core/errors.ts";
import { assertOptions } from "./option_names.ts";

/** The option by which an operation can be given up. */
export interface AbortOptions {
  /**
   * Rejects with its `reason` as soon as it is aborted. What has been issued by then is not taken
   * back. @default none
   */
  signal?: AbortSignal | undefined;
}

/** The names of the options of a method that has this one only. */
export const ONLY_SIGNAL: readonly string[] = ["signal"];

/** Checks an option `signal`. */
export function assertSignal(signal: unknown): asserts signal is AbortSignal | undefined {
  if (signal === undefined || isSignal(signal)) return;
  throw new InvalidArgumentError(`signal must be an AbortSignal, got ${describe(signal)}`);
}

/** Whether it works as a signal, which what wraps one, or inherits from one, only does on Deno. */
export function isSignal(value: unknown): boolean {
  try {
    const { aborted, addEventListener, throwIfAborted } = value as AbortSignal;
    return typeof aborted === "boolean" && typeof addEventListener === "function" &&
      typeof throwIfAborted === "function";
  } catch {
    // A property of null, or one that only a signal itself answers for.
    return false;
  }
}

/**
 * Does some work, and stops waiting for it when a signal is aborted. The signal is left without a
 * listener in the end.
 *
 * @param work checks `signal.aborted` before it begins something more
 */
export function untilAborted<Result>(
  signal: AbortSignal | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  if (signal === undefined) return work();
  return new Promise((resolve, reject) => {
    assertSignal(signal);
    signal.throwIfAborted();
    const stop = () => {
      signal.removeEventListener("abort", stop);
      reject(signal.reason);
    };
    signal.addEventListener("abort", stop);
    // What comes of the work after an abort is the promise's no more, which has been rejected.
    work().then(resolve, reject).finally(() => {
      if (!signal.aborted) signal.removeEventListener("abort", stop);
    });
  });
}

/**
 * The same for a method with options.
 *
 * @param names of its options, which are checked first; left out if the work checks them
 */
export function abortable<Result>(
  options: AbortOptions | undefined,
  work: () => Promise<Result>,
  names?: readonly string[],
): Promise<Result> {
  try {
    if (options !== undefined && names !== undefined) assertOptions(options, names);
    return untilAborted(options?.signal, work);
  } catch (error) {
    // A getter or a proxy of the application has thrown, too.
    return Promise.reject(error);
  }
}

/** Iterates until a signal is aborted; then the iteration ends, and `next` is rejected. */
export function iterateUntilAborted<Item>(
  signal: AbortSignal | undefined,
  begin: () => AsyncIterableIterator<Item>,
): AsyncIterableIterator<Item> {
  return signal === undefined ? begin() : stopAtAbort(signal, begin());
}

async function* stopAtAbort<Item>(
  signal: AbortSignal,
  items: AsyncIterableIterator<Item>,
): AsyncIterableIterator<Item> {
  let hasEnded = false;
  try {
    for (;;) {
      const next = await untilAborted(signal, () => items.next());
      if (next.done === true) {
        hasEnded = true;
        return;
      }
      yield next.value;
    }
  } finally {
    // Not awaited: a step that has been given up may still be under way.
    if (!hasEnded) items.return?.().catch(() => {});
  }
}
