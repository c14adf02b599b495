/**
 * The errors that only a cluster has.
 *
 * @module
 */
import { DinomoError } from "./errors.ts";

/** A method that a store of a cluster does not have. Thrown before anything happens. */
export class NotInClusterError extends DinomoError<"DINOMO_NOT_IN_CLUSTER"> {
  static {
    this.prototype.name = "NotInClusterError";
  }

  /** Makes the error; the message names the method, and what there is in its place. */
  constructor(message: string) {
    super("DINOMO_NOT_IN_CLUSTER", message);
  }
}
