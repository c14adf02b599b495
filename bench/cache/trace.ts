/**
 * The sequences of operations that the cache policies are run on: which key, and whether it is read
 * or written. The same seed makes the same trace.
 *
 * @module
 */
import { createRandom, type Random, randomBelow } from "../workloads/random.ts";

/** How keys are chosen. */
export type TraceKind = "steady" | "scans" | "shifting";

export const TRACE_KINDS: readonly TraceKind[] = ["steady", "scans", "shifting"];

/** What makes a trace. */
export interface TraceOptions {
  readonly kind: TraceKind;
  readonly keyCount: number;
  readonly operationCount: number;
  /** Exponent of the Zipf distribution. */
  readonly zipf: number;
  /** Share of the operations that are writes. */
  readonly writeShare: number;
  readonly seed: number;
}

/** A trace. */
export interface Trace {
  /** Per operation: the number of its key, from 0. */
  readonly keys: Int32Array;
  /** Per operation: 1 for a write. */
  readonly writes: Uint8Array;
}

/** Share of the operations that belong to scans. */
const SCAN_SHARE = 0.2;
/** Keys that one scan reads, one after the other, as a share of all. */
const SCAN_KEY_SHARE = 0.05;
/** How often other keys become popular in the course of a trace. */
const SHIFT_COUNT = 10;

/** Makes a trace. */
export function makeTrace(options: TraceOptions): Trace {
  const { kind, keyCount, operationCount, zipf, writeShare, seed } = options;
  const random = createRandom(seed);
  const rank = zipfRanks(random, keyCount, zipf);
  const keyOfRank = shuffled(random, keyCount);
  const keys = new Int32Array(operationCount);
  const writes = new Uint8Array(operationCount);
  const scanLength = Math.max(1, Math.floor(keyCount * SCAN_KEY_SHARE));
  const shiftEvery = Math.ceil(operationCount / SHIFT_COUNT);
  const shiftBy = Math.ceil(keyCount / SHIFT_COUNT);
  let scanLeft = 0;
  let scanned = 0;
  for (let i = 0; i < operationCount; i++) {
    const shift = kind === "shifting" ? Math.floor(i / shiftEvery) * shiftBy : 0;
    if (scanLeft > 0) {
      scanLeft -= 1;
      keys[i] = scanned = (scanned + 1) % keyCount;
      continue;
    }
    if (kind === "scans" && random() < SCAN_SHARE / (1 - SCAN_SHARE) / scanLength) {
      scanLeft = scanLength;
      scanned = randomBelow(random, keyCount);
    }
    keys[i] = keyOfRank[(rank() + shift) % keyCount];
    writes[i] = random() < writeShare ? 1 : 0;
  }
  return { keys, writes };
}

/** Draws ranks from a Zipf distribution with any exponent: 0 is the most popular. */
export function zipfRanks(random: Random, count: number, exponent: number): () => number {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank++) sums[rank] = sum += (rank + 1) ** -exponent;
  return () => {
    const drawn = random() * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sums[middle] > drawn) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

function shuffled(random: Random, count: number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const other = randomBelow(random, i + 1);
    const kept = order[i];
    order[i] = order[other];
    order[other] = kept;
  }
  return order;
}
