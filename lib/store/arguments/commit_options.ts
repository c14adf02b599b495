/**
 * Options and results of atomic commits and transactions, as an application writes and reads them.
 *
 * @module
 */
import type { Durability } from "../../pool/durability.ts";

/** When a key that an atomic commit puts is gone. */
export interface EntryLifetime {
  /** Milliseconds after the call after which the key is gone; Infinity for never. @default never */
  ttl?: number | undefined;
  /**
   * Instead of `ttl`, when the key is gone, in milliseconds since the epoch; Infinity for never.
   *
   * @default never
   */
  expiresAt?: number | undefined;
}

/**
 * Options of an increment in an atomic commit. Without one of the times the key's expiry time
 * stays.
 */
export interface CommitIncrementOptions extends EntryLifetime {
  /** Like `ttl`, but only if the key does not exist; otherwise its expiry time stays. */
  ttlIfNew?: number | undefined;
  /**
   * The least that the sum may be: otherwise the commit is refused, as by a check. @default none
   */
  min?: number | undefined;
  /** The most that the sum may be. @default none */
  max?: number | undefined;
}

/** Options of an atomic commit. */
export interface CommitOptions {
  /**
   * What it survives when it is acknowledged, if that is more than the store's durability.
   * @default the store's
   */
  durability?: Durability | undefined;
}

/** An atomic commit that has been made. */
export interface Commit {
  /**
   * The versions that the keys have by it, in the order of the calls of `put`, `delete` and
   * `increment`; undefined for a delete of a key that did not exist.
   */
  readonly versions: readonly (number | undefined)[];
}
