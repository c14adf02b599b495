/**
 * Costs of this store's own code and of this machine. Written by `npm run experiments:calibrate`; do not edit.
 *
 * @module
 */

/** On what they were measured. */
export const MEASURED_ON = "node 20.20.2, 2 cores of Intel(R) Xeon(R) Processor, 2026-11-23";

/** Nanoseconds. */
export const MEASURED_NS = {
  valueRead: 508,
  shortcutRead: 1066,
  logRead: 525,
  missRead: 1210,
  write: 2195,
  merge: 522,
} as const;
