/**
 * Costs of this store's own code and of this machine's memory. Written by `npm run experiments:calibrate`; do not edit.
 *
 * @module
 */

/** Nanoseconds. */
export const MEASURED_NS = {
  memoryAccess: 100,
  shortSleep: 60_000,
  shortcutRead: 1000,
  write: 1200,
} as const;
