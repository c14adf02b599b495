/**
 * Stores of a cluster whose nodes have next to no memory: most reads go to the servers, the index
 * is written all the time, and all that is not needed is cleaned away as soon as may be.
 *
 * @module
 */
import type { IndexOptions } from "../../../lib/cluster/index/index_keeper.ts";
import { openCluster } from "../../../lib/cluster/store/open_cluster.ts";
import { resolveOptions } from "../../../lib/store/options/resolved_options.ts";
import { type ClusterOptions, open, type Store } from "../../../mod.ts";

const INDEX: Partial<IndexOptions> = {
  cacheBytes: 2000,
  pageBytes: 300,
  checkpointMs: 200,
  tailBytes: 20_000,
  cleaning: { ratio: 1, slackBytes: 0, share: 0.5 },
};

/** Opens such a store. */
export async function openSmall<V>(cluster: ClusterOptions): Promise<Store<V>> {
  const resolved = resolveOptions<V>({ cluster });
  const small = { ...resolved.cluster!, index: INDEX };
  return await openCluster<V, string>(
    resolved,
    small,
    async (options) => await open<V>({ ...options, keys: "mixed" }),
  );
}
