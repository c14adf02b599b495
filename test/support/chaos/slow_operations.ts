/**
 * Operations that took noticeably long: when they were pending, and which KN owned their slot when
 * they were issued. In shared memory, since the thread that notes them may die.
 *
 * @module
 */
import { type FiredFault, wallClockMs } from "../faults.ts";

/** What counts as long: operations that ended sooner were not held up by a fault. */
const SLOW_MS_MIN = 3;
const ROWS_MAX = 20_000;
const ROW_WORDS = 3;

/** One thread's list; structured-cloneable. */
export type SlowList = Int32Array;

/** Makes an empty list. Its first word counts the rows. */
export function makeSlowList(): SlowList {
  return new Int32Array(new SharedArrayBuffer((1 + ROWS_MAX * ROW_WORDS) * 4));
}

/** Notes that an operation has ended that began at a time; slots of `node` were concerned. */
export function noteEnd(list: SlowList, beginMs: number, node: number): void {
  const endMs = wallClockMs();
  if (endMs - beginMs < SLOW_MS_MIN || list[0] === ROWS_MAX) return;
  const at = 1 + list[0] * ROW_WORDS;
  list[at] = beginMs;
  list[at + 1] = endMs;
  list[at + 2] = node;
  Atomics.add(list, 0, 1);
}

/**
 * For each operation that was pending at a fault of the KN that it was meant for: how long after it
 * ended.
 */
export function settlingTimesMs(lists: readonly SlowList[], fault: FiredFault): number[] {
  const times: number[] = [];
  for (const list of lists) {
    for (let row = 0; row < list[0]; row++) {
      const at = 1 + row * ROW_WORDS;
      const isPending = list[at] <= fault.atMs && fault.atMs <= list[at + 1];
      if (isPending && list[at + 2] === fault.node) times.push(list[at + 1] - fault.atMs);
    }
  }
  return times;
}
