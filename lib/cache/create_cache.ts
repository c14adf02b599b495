/**
 * Makes a cache by the name of its policy.
 *
 * @module
 */
import type { Cache, CacheOptions, CachePolicy } from "./cache.ts";
import { DacCache } from "./dac_cache.ts";
import { MarginalCache } from "./marginal_cache.ts";
import { S3FifoCache } from "./s3_fifo_cache.ts";
import { StaticCache } from "./static_cache.ts";
import { WTinyLfuCache } from "./w_tiny_lfu_cache.ts";

/** Share of the values in a cache of policy `"split"`. */
const VALUE_SHARE_DEFAULT = 0.5;

/**
 * Makes an empty cache. It takes little memory as long as it is empty, whatever its budget.
 *
 * @typeParam P what is kept of a value
 */
export function createCache<P>(policy: CachePolicy, options: CacheOptions<P>): Cache<P> {
  switch (policy) {
    case "marginal":
      return new MarginalCache<P>(options);
    case "dac":
      return new DacCache<P>(options);
    case "values":
      return new StaticCache<P>(policy, options, 1);
    case "shortcuts":
      return new StaticCache<P>(policy, options, 0);
    case "split":
      return new StaticCache<P>(policy, options, options.valueShare ?? VALUE_SHARE_DEFAULT);
    case "s3fifo":
      return new S3FifoCache<P>(options);
    case "wtinylfu":
      return new WTinyLfuCache<P>(options);
  }
}
