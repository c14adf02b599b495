/**
 * On which side of a key a search looks.
 *
 * @module
 */

/** Where a search looks for a key. */
export const Side = {
  /** The page whose fences contain it: low <= key < high. */
  AT: 0,
  /** The page of the keys just below it: low < key <= high. */
  BELOW: 1,
} as const;
/** One of {@linkcode Side}. */
export type Side = typeof Side[keyof typeof Side];
