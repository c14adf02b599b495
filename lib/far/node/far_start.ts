/**
 * Makes the KN of a far pool, for the worker shell; loaded by KNs of such pools only.
 *
 * @module
 */
import { createCache } from "../../cache/create_cache.ts";
import { keepValue } from "./far_lookup.ts";
import type { FarSettings } from "../../node/far_settings.ts";
import { FarNode, type FarNodeOptions } from "./far_node.ts";

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
