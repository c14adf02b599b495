/**
 * Latencies of single operations, kept in an array that is allocated before the measurement starts,
 * so that recording allocates nothing. When it is full, the oldest figures are written over.
 *
 * @module
 */
import { quantileOfSorted } from "./statistics.ts";

/** Two million latencies (16 MiB): more than the fastest peer makes in one repetition. */
const CAPACITY = 1 << 21;

export interface LatencyFigures {
  p50Us: number;
  p99Us: number;
}

export class LatencyRecorder {
  readonly #latenciesMs = new Float64Array(CAPACITY);
  #recorded = 0;

  record(latencyMs: number): void {
    this.#latenciesMs[this.#recorded & (CAPACITY - 1)] = latencyMs;
    this.#recorded++;
  }

  reset(): void {
    this.#recorded = 0;
  }

  figures(): LatencyFigures {
    const sorted = this.#latenciesMs.slice(0, Math.min(this.#recorded, CAPACITY)).sort();
    return {
      p50Us: quantileOfSorted(sorted, 0.5) * 1000,
      p99Us: quantileOfSorted(sorted, 0.99) * 1000,
    };
  }
}
