/**
 * Who may have copies of keys that are read very often: see lent_keys.ts.
 *
 * @module
 */

/** Who may have copies: the connection of a thread. */
export interface Borrower {
  /** Whether it takes none now: it has ended, or has not said that it has returned others. */
  readonly isReturning: boolean;
  /**
   * Tells it to use no copy of a key any more; `returned` is called when it has said that it does
   * not, which may never be.
   */
  recall(hash: number, returned: () => void): void;
}
