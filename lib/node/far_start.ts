/**
 * Makes the KN of a far pool, for the worker shell; loaded by KNs of such pools only.
 *
 * @module
 */
import type { CachePolicy } from "../cache/cache.ts";
import { createCache } from "../cache/create_cache.ts";
import { keepValue } from "./far_lookup.ts";
import { FarNode, type FarNodeOptions } from "./far_node.ts";

/** What the KNs of a far pool have in common. */
export interface FarSettings {
  /** How long a round trip lasts, in microseconds; 0 for as long as it takes. */
  readonly roundTripMicros: number;
  /** Bytes of each KN's cache; 0 for none. */
  readonly cacheBytes: number;
  readonly cachePolicy: CachePolicy;
}

/** Makes a KN. */
export function makeFarNode(
  options: Omit<FarNodeOptions, "cache" | "roundTripMicros">,
  settings: FarSettings,
): FarNode {
  const { roundTripMicros, cacheBytes, cachePolicy } = settings;
  const cache = cacheBytes === 0
    ? undefined
    : createCache(cachePolicy, { budgetBytes: cacheBytes, keep: keepValue });
  return new FarNode({ ...options, cache, roundTripMicros });
}
