/**
 * A synchronous sleep.
 *
 * @module
 */
const word = new Int32Array(new SharedArrayBuffer(4));

/** Blocks this thread for `ms` milliseconds. */
export function sleepSync(ms: number): void {
  Atomics.wait(word, 0, 0, ms);
}
