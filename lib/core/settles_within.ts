/**
 * A wait for a promise that has a bound.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "node:timers";

/** Waits until a promise has settled, but no longer than so many milliseconds; returns whether it has. */
export async function settlesWithin(promise: Promise<unknown>, msMax: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), msMax);
  });
  const settled = promise.then(() => true, () => true);
  try {
    return await Promise.race([settled, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
