/**
 * Costs of this store's own code and of this machine. Written by `npm run experiments:calibrate`;
 * do not edit.
 *
 * @module
 */

/** On what they were measured. */
export const MEASURED_ON = "node 20.20.2, 2 cores of Intel(R) Xeon(R) Processor, 2026-11-23";

/** Nanoseconds. */
export const MEASURED_NS = {
  valueRead: 451,
  shortcutRead: 936,
  logRead: 533,
  missRead: 1080,
  write: 1422,
  merge: 493,
} as const;
