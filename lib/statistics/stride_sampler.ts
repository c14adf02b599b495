/**
 * Decides which operations are measured.
 *
 * Every operation is at first, then fewer and fewer: after each {@linkcode SAMPLES_PER_STRIDE} of a
 * window the stride doubles. So what measuring costs is bounded per window, whatever the load, and
 * a load of a few operations is measured as a whole. The next window begins with the stride that
 * would have suited the one before.
 *
 * The gap to the next measured operation is random, uniform from 1 to twice the stride less 1: with
 * a fixed gap a program that goes round its keys would have the same few of them measured again and
 * again. A measured operation stands for as many as its gap is long on average, its *weight* (the
 * estimator of Horvitz and Thompson, JASA 47, 1952), so sums of weights are estimates without bias
 * of numbers of operations, and those of several threads can be added.
 *
 * @module
 */
import { STATISTICS_WINDOW } from "./statistics_layout.ts";

/**
 * Samples of a window after which the stride doubles: enough for a 99th percentile, and some tenths
 * of a millisecond of a processor.
 */
export const SAMPLES_PER_STRIDE = 256;
/** Longest stride: at a billion operations in a window there are still some samples. */
const STRIDE_MAX = 65_536;

/** Chooses operations of one kind of one thread. */
export class StrideSampler {
  readonly #words: Int32Array;
  readonly #strideMax: number;
  #window: number;
  #random: number;
  #stride = 1;
  #sampledCount = 0;
  /** Operations up to and including the next sample, and what that one will stand for. */
  #left = 1;
  #weight = 1;
  /** Weight of the samples of this window: about how many operations there were. */
  #total = 0;

  /**
   * Makes a sampler.
   *
   * @param words the statistics
   * @param seed any number; samplers with different ones choose differently
   * @param strideMax the longest stride, for operations that are long enough to measure many of
   *   them
   */
  constructor(words: Int32Array, seed: number, strideMax: number = STRIDE_MAX) {
    this.#words = words;
    this.#strideMax = strideMax;
    this.#window = words[STATISTICS_WINDOW];
    this.#random = Math.imul(seed + 1, 0x9e3779b9) | 1;
  }

  /** Counts an operation; returns 0, or its weight if it is to be measured. */
  next(): number {
    // A plain load: a window seen a little later than it was opened is as good.
    if (this.#words[STATISTICS_WINDOW] !== this.#window) this.#startWindow();
    this.#left -= 1;
    return this.#left > 0 ? 0 : this.#take();
  }

  /** Whether the next operation may be one that is to be measured. */
  get isDue(): boolean {
    return this.#left <= 1 || this.#words[STATISTICS_WINDOW] !== this.#window;
  }

  #take(): number {
    const weight = this.#weight;
    this.#total += weight;
    this.#sampledCount += 1;
    if (this.#sampledCount % SAMPLES_PER_STRIDE === 0) {
      this.#stride = Math.min(this.#strideMax, this.#stride * 2);
    }
    this.#drawGap();
    return weight;
  }

  #startWindow(): void {
    const window = this.#words[STATISTICS_WINDOW];
    // What was seen in a window long ago says nothing.
    const expected = window === this.#window + 1 ? this.#total : 0;
    this.#stride = Math.min(this.#strideMax, 2 ** Math.floor(Math.log2(strideFor(expected))));
    this.#window = window;
    this.#total = 0;
    this.#sampledCount = 0;
    this.#drawGap();
  }

  /** Draws from xorshift32 (Marsaglia, Journal of Statistical Software 8, 2003). */
  #drawGap(): void {
    let random = this.#random;
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    this.#random = random;
    this.#weight = this.#stride;
    // As a small integer, which is what counting down is fast with.
    this.#left = (1 + (random >>> 0) % (2 * this.#stride - 1)) | 0;
  }
}

function strideFor(operations: number): number {
  return Math.max(1, operations / SAMPLES_PER_STRIDE);
}
