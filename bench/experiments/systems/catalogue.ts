/**
 * The systems that are compared, made for a plan.
 *
 * @module
 */
import { shortcutBytes, valueEntryBytes } from "../../../lib/cache/cache.ts";
import type { CachePolicy } from "../../../lib/cache/cache.ts";
import { NODE_COUNT_MAX } from "../../../lib/core/limits.ts";
import type { BuildSystem } from "../experiments/steady.ts";
import { CACHE_SHARE, KEY_BYTES, VALUE_BYTES } from "../plan.ts";
import { Clover } from "./clover/clover.ts";
import type { MetadataThreads } from "./clover/metadata_server.ts";
import { Dinomo, type DinomoOptions } from "./dinomo/dinomo.ts";
import { DinomoPools } from "./dinomo/dinomo_pools.ts";

/** How much of everything there is. */
export interface Deployment {
  readonly nodeCount: number;
  readonly keyCount: number;
  /** Updates and inserts in the whole run, at most. */
  readonly writeCountMax: number;
  /** Of them, inserts. */
  readonly insertCountMax: number;
}

/** A cache of a share of the data, in bytes: as many value entries as that share has keys. */
export function cacheBytesOf(keyCount: number, share: number): number {
  return Math.floor(keyCount * share) * valueEntryBytes(KEY_BYTES, VALUE_BYTES);
}

/** The caches of Dinomo's KNs. */
export interface NodeCaches {
  readonly policy: CachePolicy;
  /** Of each, as a share of the data. @default CACHE_SHARE */
  readonly share?: number;
  /** For the policy `"split"`: share of the bytes that values get. */
  readonly valueShare?: number;
}

/** Dinomo with caches of some kind. */
export function dinomo(deployment: Deployment, caches: NodeCaches): BuildSystem {
  const options = dinomoOptions(deployment, caches);
  return (simulation, fabric) =>
    deployment.nodeCount > NODE_COUNT_MAX
      ? new DinomoPools(simulation, fabric, options)
      : new Dinomo(simulation, fabric, options);
}

/** What Dinomo, or Dinomo-N, is made with. */
export function dinomoOptions(deployment: Deployment, caches: NodeCaches): DinomoOptions {
  const { policy, share = CACHE_SHARE, valueShare } = caches;
  const budgetBytes = cacheBytesOf(deployment.keyCount, share);
  const cache = { policy, budgetBytes, ...(valueShare === undefined ? {} : { valueShare }) };
  return { ...deployment, valueBytes: VALUE_BYTES, cache };
}

/**
 * Threads of Clover's metadata server, beside those that do not limit anything: as the authors of
 * DINOMO ran it (MITSUME_CON_*_NUMBER in include/clover/mitsume_parameter.h of utsaslab/dinomo),
 * and as its own authors have published it (WukLab/pDPM).
 */
export const METADATA_THREADS = {
  dinomoAuthors: { workers: 4, collectors: 1 },
  cloverAuthors: { workers: 8, collectors: 4 },
} as const satisfies Record<string, MetadataThreads>;

/**
 * Space for replaced versions, as a share of the data: 80 GiB for 30 million keys of 1 KiB, in the
 * first of those files.
 */
const SPARE_SHARE = 1.5;

/** Clover, whose caches hold as many shortcuts as fit into the bytes that a KN of Dinomo has. */
export function clover(deployment: Deployment, threads: MetadataThreads): BuildSystem {
  const { nodeCount, keyCount, insertCountMax } = deployment;
  const budgetBytes = cacheBytesOf(keyCount, CACHE_SHARE);
  return (simulation, fabric, random) =>
    new Clover(simulation, fabric, {
      nodeCount,
      keyCount,
      keyCountMax: keyCount + insertCountMax,
      valueBytes: VALUE_BYTES,
      cacheEntries: Math.floor(budgetBytes / shortcutBytes(KEY_BYTES)),
      spareBuffers: Math.floor(keyCount * SPARE_SHARE) + insertCountMax,
      metadataThreads: threads,
      random,
    });
}
