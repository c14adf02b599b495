/**
 * With what a process shows others of a cluster, and its servers, who it is.
 *
 * @module
 */

/** A certificate, its key, and whom to trust, as PEM; structured-cloneable. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly passphrase: string | undefined;
}

/** What it shows servers of NATS; structured-cloneable. */
export interface NatsAccess {
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly token: string | undefined;
  /** Content of a file of credentials. */
  readonly credentials: string | undefined;
  /** PEM; undefined if connections need not be encrypted. */
  readonly tls:
    | {
      readonly ca: string | undefined;
      readonly cert: string | undefined;
      readonly key: string | undefined;
    }
    | undefined;
}
