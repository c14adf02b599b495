/**
 * The errors of locks.
 *
 * @module
 */
import { DinomoError } from "../core/errors.ts";

/** A lock was not free in time. */
export class LockTimeoutError extends DinomoError<"DINOMO_LOCK_TIMEOUT"> {
  static {
    this.prototype.name = "LockTimeoutError";
  }

  /** Makes the error; the message names the lock, its holder, and how long was waited for it. */
  constructor(message: string) {
    super("DINOMO_LOCK_TIMEOUT", message);
  }
}

/** A lock is not held any more: its lease has run out, or it was released. */
export class LockLostError extends DinomoError<"DINOMO_LOCK_LOST"> {
  static {
    this.prototype.name = "LockLostError";
  }

  /** Makes the error; the message names the lock, and says why it is not held. */
  constructor(message: string, options?: ErrorOptions) {
    super("DINOMO_LOCK_LOST", message, options);
  }
}
