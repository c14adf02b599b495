/**
 * A bug that the tests must catch, as replacements in the text of the library. Each breaks one step
 * of a protocol that a comment there says is needed.
 *
 * A text to find is short, occurs once, and reads the same in the sources and in the build: no
 * types, no line breaks inside of parentheses. When one no longer occurs, the protocol has changed,
 * and the bug is to be planted anew.
 *
 * @module
 */

/** A bug. */
export interface PlantedBug {
  readonly name: string;
  /** The invariant that it breaks. */
  readonly breaks: string;
  /** The source that it is in. */
  readonly file: string;
  /** What to find, and what to put there instead. */
  readonly edits: readonly (readonly [find: string, replace: string])[];
  /** The test files that fail. */
  readonly caughtBy: readonly string[];
  /**
   * Part of the name of the test that fails, where others before it would take long. @default any
   */
  readonly inTest?: string;
  /** At every how many accesses something dies in simulations of failovers. @default 5 */
  readonly failoverStride?: number;
}
