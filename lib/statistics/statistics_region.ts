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
  /** Whether clients count the keys that they read. */
  readonly countsReads: boolean;
}

/**
 * Allocates the statistics of so many clients, 23 KiB for each; memory is taken when it is used.
 */
export function createStatistics(clientCount: number, countsReads: boolean): StatisticsRegion {
  const buffer = new SharedArrayBuffer(statisticsWords(clientCount) * 4);
  return { buffer, clientCount, countsReads };
}
