/**
 * Ends a thread where it is, for tests and benchmarks in which KNs die.
 *
 * @module
 */

// The library's accesses may be hooked by whoever lets a thread die.
const { wait } = Atomics;

/**
 * Ends this thread where it is. `process.exit` returns to its caller in a worker, which goes on for
 * some instructions: after it has said that it will do nothing more, that would be a change that
 * nobody expects.
 *
 * @param exit calls `process.exit`, as it was before anything was hooked
 */
export function exitForGood(exit: () => void): never {
  exit();
  const word = new Int32Array(new SharedArrayBuffer(4));
  for (;;) wait(word, 0, 0, 10);
}
