/**
 * How many KNs the demo has, one number after the other.
 *
 * @module
 */

/** Where the demo stops, on however large a machine. */
const NODE_COUNT_MAX = 8;

/**
 * Doubles from 1 as long as each KN has a processor, and ends with 1 again. KNs that share a
 * processor take turns on it: they are slower together, so they would show nothing but that. With
 * one processor there are two all the same, to see slots move.
 */
export function nodeCountsFor(processorCount: number): number[] {
  const counts = [1, 2];
  for (let count = 4; count <= Math.min(processorCount, NODE_COUNT_MAX); count *= 2) {
    counts.push(count);
  }
  return [...counts, 1];
}

/** What is to be known about the figures of these steps. */
export function describeSteps(processorCount: number): string {
  const most = Math.max(...nodeCountsFor(processorCount));
  const processors = `${processorCount} processor${processorCount === 1 ? "" : "s"}`;
  const reason = processorCount > NODE_COUNT_MAX
    ? "enough to see it"
    : "more KNs than processors take turns, and are slower together";
  return `from 1 KN to ${most} on ${processors}: ${reason};\n` +
    "this program's own thread and the DPM processor need some of that, too";
}
