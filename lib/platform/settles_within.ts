/**
 * A wait for a promise that has a bound.
 *
 * @module
 */
import { startTimer } from "./runtime.ts";

/**
 * Waits until a promise has settled, but no longer than so many milliseconds; returns whether it
 * has.
 */
export function settlesWithin(promise: Promise<unknown>, msMax: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = startTimer(() => resolve(false), msMax);
    const settle = () => {
      timer.stop();
      resolve(true);
    };
    promise.then(settle, settle);
  });
}
