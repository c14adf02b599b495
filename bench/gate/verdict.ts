/**
 * What rounds of two builds say about them: ratios of times with intervals, and whether the new
 * build is too slow.
 *
 * A round of each build makes a pair. What disturbs the machine for longer than a pair disturbs
 * both, so ratios are taken within pairs; intervals come from drawing pairs again, with replacement
 * (bootstrap), which assumes nothing about the noise.
 *
 * @module
 */
import { MEASURED, OPERATIONS, type RoundResult } from "./operations.ts";

/** One round of each build, on one runtime. */
export interface Pair {
  readonly old: RoundResult;
  readonly new: RoundResult;
}

/** How many times as long the new build takes, and where that lies with a probability of 95 %. */
export interface Ratio {
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
}

/** What is known of one runtime. */
export interface RuntimeVerdict {
  readonly runtime: string;
  readonly operations: readonly (Ratio & { readonly operation: string })[];
  /** The geometric mean of the operations that are judged. */
  readonly mean: Ratio;
}

/** What is known of all. */
export interface Verdict {
  readonly runtimes: readonly RuntimeVerdict[];
  /** The geometric mean of the runtimes. */
  readonly mean: Ratio;
  /** Whether even the interval's lower end is slower than is tolerated. */
  readonly isTooSlow: boolean;
}

const DRAWS = 2000;
const OUTSIDE = 0.025;

/**
 * Judges.
 *
 * @param tolerance the share by which the new build may be slower
 * @param random numbers from 0 up to, not including, 1
 */
export function judgePairs(
  pairs: ReadonlyMap<string, readonly Pair[]>,
  tolerance: number,
  random: () => number,
): Verdict {
  const logs = new Map([...pairs].map(([runtime, rounds]) => [runtime, rounds.map(logRatios)]));
  const draws = Array.from({ length: DRAWS }, () => {
    return new Map(
      [...logs].map(([runtime, rows]) => [runtime, columnMeans(redraw(rows, random))]),
    );
  });
  const runtimes = [...logs].map(([runtime, rows]) => {
    const means = columnMeans(rows);
    const drawn = draws.map((draw) => draw.get(runtime)!);
    const operations = MEASURED.map((operation, i) => ({
      operation,
      ...toRatio(means[i]!, drawn.map((row) => row[i]!)),
    }));
    return { runtime, operations, mean: toRatio(judgedMean(means), drawn.map(judgedMean)) };
  });
  const overall = meanOf([...logs.values()].map((rows) => judgedMean(columnMeans(rows))));
  const drawn = draws.map((draw) => meanOf([...draw.values()].map(judgedMean)));
  const mean = toRatio(overall, drawn);
  return { runtimes, mean, isTooSlow: mean.low > 1 + tolerance };
}

function logRatios(pair: Pair): number[] {
  return MEASURED.map((operation) => Math.log(pair.new[operation] / pair.old[operation]));
}

function redraw<T>(rows: readonly T[], random: () => number): T[] {
  return rows.map(() => rows[Math.floor(random() * rows.length)]!);
}

function columnMeans(rows: readonly (readonly number[])[]): number[] {
  return MEASURED.map((_, i) => meanOf(rows.map((row) => row[i]!)));
}

/** Of one figure for each of {@linkcode MEASURED}. */
function judgedMean(means: readonly number[]): number {
  return meanOf(means.slice(0, OPERATIONS.length));
}

function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

function toRatio(log: number, drawn: readonly number[]): Ratio {
  const sorted = drawn.toSorted((a, b) => a - b);
  const at = (share: number) => Math.exp(sorted[Math.round(share * (sorted.length - 1))]!);
  return { ratio: Math.exp(log), low: at(OUTSIDE), high: at(1 - OUTSIDE) };
}
