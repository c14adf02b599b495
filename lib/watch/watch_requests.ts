/**
 * What a process asks of another one in order to watch.
 *
 * @module
 */

/** Items are the numbers of parts in which keys have changed, until the call is given up. */
export interface PartsRequest {
  readonly op: "parts";
  readonly parts: readonly number[];
  /** Whether something may have changed before: then all of them come first. */
  readonly isAgain: boolean;
}

/** Items are changes of keys with a prefix, until the call is given up. */
export interface ChangesRequest {
  readonly op: "changes";
  readonly prefix: Uint8Array;
  /** Whether there may have been changes before: then it is said first that some are missing. */
  readonly isAgain: boolean;
}
