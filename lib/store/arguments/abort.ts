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

/** Checks an option `signal`. */
export function assertSignal(signal: unknown): void {
  if (signal === undefined) return;
  const isSignal = typeof signal === "object" && signal !== null && "aborted" in signal &&
    typeof (signal as AbortSignal).addEventListener === "function";
  if (isSignal) return;
  throw new InvalidArgumentError(`signal must be an AbortSignal, got ${describe(signal)}`);
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

/** The same for a method that has no other option. */
export function abortable<Result>(
  options: AbortOptions | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    if (options !== undefined) assertOptions(options, ["signal"]);
    return untilAborted(options?.signal, work);
  } catch (error) {
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
