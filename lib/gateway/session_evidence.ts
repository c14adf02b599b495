/**
 * What is known of the requests of sessions: docs/protocols/processes.md, "How it is told".
 *
 * @module
 */

/** What became of a request that was applied. */
export interface Outcome {
  readonly status: number;
  /** Version that its key has by it. */
  readonly version: number;
  /** What an addition, or another expiry time, has come to. */
  readonly derivation: Derivation;
}

/** What a record says that a KN has made. */
export interface Derivation {
  /** The number that is stored: the sum; NaN if what was stored is no number. */
  readonly number: number;
  /** In milliseconds since the epoch, or Infinity. */
  readonly expiresAtMs: number;
}
