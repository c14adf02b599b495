/**
 * The errors of atomic commits and of transactions.
 *
 * @module
 */
import { DinomoError } from "./errors.ts";

/** A method that only a store with `placement: "near"` has. Thrown before anything happens. */
export class NearOnlyError extends DinomoError<"DINOMO_NEAR_ONLY"> {
  static {
    this.prototype.name = "NearOnlyError";
  }

  /** Makes the error; the message names the method. */
  constructor(message: string) {
    super("DINOMO_NEAR_ONLY", message);
  }
}

/** An atomic commit of too many keys, or one that would not fit a segment. Nothing has changed. */
export class CommitTooLargeError extends DinomoError<"DINOMO_COMMIT_TOO_LARGE"> {
  static {
    this.prototype.name = "CommitTooLargeError";
  }

  /** Makes the error; the message names the limit and what was received. */
  constructor(message: string) {
    super("DINOMO_COMMIT_TOO_LARGE", message);
  }
}

/**
 * Other clients have changed what a transaction had read, each time that it was run; or a sum would
 * not be within the bounds of an increment of it. Nothing has changed by it.
 */
export class ConflictError extends DinomoError<"DINOMO_CONFLICT"> {
  static {
    this.prototype.name = "ConflictError";
  }

  /** Makes the error; the message says which, and how often it was run. */
  constructor(message: string) {
    super("DINOMO_CONFLICT", message);
  }
}
