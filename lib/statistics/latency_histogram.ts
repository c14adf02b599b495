/**
 * Latencies by logarithmic buckets with linear parts, as in HdrHistogram (Gil Tene,
 * hdrhistogram.org): 32 buckets to each octave, so a latency that is given as the middle of its
 * bucket is off by 1/64 at most, 1.6 %. Latencies count in nanoseconds, up to 4.29 seconds; longer
 * ones count as that long.
 *
 * A client adds to words that only it writes, and never takes anything back. The M-node subtracts
 * what it has seen before, and adds up clients: histograms with the same buckets merge by addition.
 *
 * @module
 */
import { BUCKET_COUNT, BUCKETS_PER_OCTAVE_LOG2 } from "./statistics_layout.ts";

const LINEAR_COUNT = 1 << BUCKETS_PER_OCTAVE_LOG2;
const NANOS_MAX = 2 ** 32 - 1;

/** The bucket of a latency. */
export function bucketOf(nanos: number): number {
  const value = Math.min(NANOS_MAX, Math.max(0, Math.round(nanos)));
  if (value < LINEAR_COUNT) return value;
  const octave = 31 - Math.clz32(value) - BUCKETS_PER_OCTAVE_LOG2;
  return (octave << BUCKETS_PER_OCTAVE_LOG2) + (value >>> octave);
}

/** The latency in the middle of a bucket. */
export function bucketNanos(bucket: number): number {
  if (bucket < 2 * LINEAR_COUNT) return bucket;
  const octave = (bucket >>> BUCKETS_PER_OCTAVE_LOG2) - 1;
  const within = LINEAR_COUNT + (bucket & (LINEAR_COUNT - 1));
  return (within + 0.5) * 2 ** octave;
}

/** Latencies of one window, of any number of clients; private to the thread that evaluates them. */
export class LatencyHistogram {
  readonly #counts: Float64Array = new Float64Array(BUCKET_COUNT);
  #total = 0;

  /** How many operations it stands for. */
  get total(): number {
    return this.#total;
  }

  /** Adds operations of one bucket. */
  add(bucket: number, count: number): void {
    this.#counts[bucket] += count;
    this.#total += count;
  }

  /** Mean latency in nanoseconds; undefined without any. */
  mean(): number | undefined {
    if (this.#total === 0) return undefined;
    const sum = this.#counts.reduce(
      (before, count, bucket) => before + count * bucketNanos(bucket),
      0,
    );
    return sum / this.#total;
  }

  /**
   * The latency in nanoseconds that a share of all operations did not exceed; undefined without
   * any.
   */
  quantile(share: number): number | undefined {
    if (this.#total === 0) return undefined;
    const rank = Math.max(1, Math.ceil(share * this.#total));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      seen += this.#counts[bucket];
      if (seen >= rank) return bucketNanos(bucket);
    }
    return NANOS_MAX;
  }
}
