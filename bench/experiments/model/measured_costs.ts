/**
 * Costs of this store's own code and of this machine. Written by `npm run experiments:calibrate`; do not edit.
 *
 * @module
 */

/** On what they were measured. */
export const MEASURED_ON =
  "nothing yet";

/** Nanoseconds. */
export const MEASURED_NS = {
  valueRead: 800,
  shortcutRead: 1000,
  logRead: 1000,
  missRead: 1200,
  write: 1200,
  merge: 800,
} as const;
