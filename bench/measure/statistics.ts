/**
 * Medians and quantiles of measured figures.
 *
 * Medians, not means: one repetition that a neighbour on the machine disturbed does not move them.
 *
 * @module
 */

/** The middle of the figures (the mean of the two middle ones of an even number). */
export function median(figures: readonly number[]): number {
  if (figures.length === 0) throw new RangeError("median: at least one figure is needed, got none");
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = sorted.length >>> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The nearest-rank quantile of figures that are sorted already; `fraction` is 0 to 1. */
export function quantileOfSorted(sorted: Float64Array, fraction: number): number {
  if (sorted.length === 0) {
    throw new RangeError("quantile: at least one figure is needed, got none");
  }
  const rank = Math.ceil(fraction * sorted.length);
  return sorted[Math.min(sorted.length, Math.max(1, rank)) - 1];
}
