/**
 * What a read of an entry returns.
 *
 * @module
 */

/** A value with what the store knows about it. */
export interface Entry<V> {
  /** The value. */
  readonly value: V;
  /** Grows with every change of the key; for `compareAndSet`. */
  readonly version: number;
  /** When the key will be gone, in milliseconds since the epoch; absent if it will not. */
  readonly expiresAt?: number;
}

/** An entry as it is returned; without an expiry time it has no such property. */
export function entryOf<V>(value: V, version: number, expiresAtMs: number): Entry<V> {
  return expiresAtMs === Infinity ? { value, version } : { value, version, expiresAt: expiresAtMs };
}
