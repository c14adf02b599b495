/**
 * What the worker shell and the M-node hand on to the KNs of a far pool.
 *
 * @module
 */
import type { CachePolicy } from "../cache/cache.ts";

/** What the KNs of a far pool have in common. */
export interface FarSettings {
  /** How long a round trip lasts, in microseconds; 0 for as long as it takes. */
  readonly roundTripMicros: number;
  /** Bytes of each KN's cache; 0 for none. */
  readonly cacheBytes: number;
  readonly cachePolicy: CachePolicy;
}
