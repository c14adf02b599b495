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

/**
 * A node of a cluster and this process do not trust each other: a certificate has expired, is for
 * another host or of another authority, or one of both does not know the secret. To try again does
 * not help.
 */
export class UntrustedNodeError extends DinomoError<"DINOMO_UNTRUSTED_NODE"> {
  static {
    this.prototype.name = "UntrustedNodeError";
  }

  /** Makes the error; the message names the node, its address, and the reason. */
  constructor(message: string) {
    super("DINOMO_UNTRUSTED_NODE", message);
  }
}
