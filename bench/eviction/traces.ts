/**
 * The traces that caches are compared on: which key is read next. The same seed makes the same
 * trace.
 *
 * @module
 */
import { createRandom, type Random, randomBelow } from "../workloads/random.ts";

/** A sequence of reads. */
export interface EvictionTrace {
  readonly name: string;
  /** Per read: the number of its key, from 0. */
  readonly keys: Int32Array;
  readonly keyCount: number;
}

/** Names of the traces. */
export const EVICTION_TRACES = [
  "zipf 0.99",
  "zipf 0.7",
  "zipf 0.99, scans",
  "zipf 0.7, scans",
  "drift",
  "shifts",
  "loop",
] as const;
/** Name of a trace. */
export type EvictionTraceName = typeof EVICTION_TRACES[number];

/** In the traces with scans: how often all keys are read one after the other. */
const SCAN_COUNT = 2;
/** In the trace "shifts": how often other keys become popular. */
const SHIFT_COUNT = 8;
/** In the trace "drift": the share of the keys that have been the most popular one in turn. */
const DRIFT_SHARE = 1 / 4;
/** In the trace "loop": keys of the loop, as a share of all, and the share of its reads. */
const LOOP_KEY_SHARE = 0.3;
const LOOP_SHARE = 0.5;

/** Makes a trace of about so many reads. */
export function makeEvictionTrace(
  name: EvictionTraceName,
  keyCount: number,
  readCount: number,
  seed: number,
): EvictionTrace {
  const random = createRandom(seed);
  const rank = zipfRanks(random, keyCount, name.startsWith("zipf 0.7") ? 0.7 : 0.99);
  const keyOf = shuffled(random, keyCount);
  const keys: number[] = [];
  const hasScans = name.endsWith("scans");
  const scanEvery = Math.floor(readCount / (SCAN_COUNT + 1));
  let looped = 0;
  for (let i = 0; i < readCount; i++) {
    if (name === "drift") {
      // The most popular keys change one by one.
      keys.push(keyOf[(rank() + Math.floor(i * DRIFT_SHARE * keyCount / readCount)) % keyCount]!);
    } else if (name === "shifts") {
      const shift = Math.floor(i * SHIFT_COUNT / readCount) * Math.floor(keyCount / SHIFT_COUNT);
      keys.push(keyOf[(rank() + shift) % keyCount]!);
    } else if (name === "loop" && random() < LOOP_SHARE) {
      looped = (looped + 1) % Math.floor(keyCount * LOOP_KEY_SHARE);
      keys.push(looped);
    } else keys.push(keyOf[rank()]!);
    if (hasScans && i % scanEvery === scanEvery - 1 && i < SCAN_COUNT * scanEvery) {
      for (let key = 0; key < keyCount; key++) keys.push(key);
    }
  }
  return { name, keys: Int32Array.from(keys), keyCount };
}

/** Draws ranks from 0, by their exact shares. */
function zipfRanks(random: Random, keyCount: number, exponent: number): () => number {
  const sums = new Float64Array(keyCount);
  let sum = 0;
  for (let rank = 0; rank < keyCount; rank++) sums[rank] = sum += 1 / (rank + 1) ** exponent;
  return () => {
    const wanted = random() * sum;
    let low = 0;
    let high = keyCount - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sums[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

function shuffled(random: Random, count: number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const other = randomBelow(random, i + 1);
    [order[i], order[other]] = [order[other]!, order[i]!];
  }
  return order;
}
