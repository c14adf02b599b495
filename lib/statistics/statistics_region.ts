/**
 * The buffer of the statistics, as threads pass it on.
 *
 * @module
 */
import { statisticsWords } from "./statistics_layout.ts";

/** The buffer and its size; structured-cloneable. */
export interface StatisticsRegion {
  readonly buffer: SharedArrayBuffer;
  /** Clients, the host included. */
  readonly clientCount: number;
}

/** Allocates the statistics of so many clients, 23 KiB for each; memory is taken when it is used. */
export function createStatistics(clientCount: number): StatisticsRegion {
  return { buffer: new SharedArrayBuffer(statisticsWords(clientCount) * 4), clientCount };
}
