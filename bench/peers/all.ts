/**
 * The peers of the comparison, in the order of tables and charts.
 *
 * @module
 */
import { dinomoAdapter, dinomoDiskAdapter, dinomoOsAdapter } from "./dinomo.ts";
import { lmdbAdapter, lmdbNoSyncAdapter, lmdbStructuresAdapter } from "./lmdb.ts";
import { mapAdapter } from "./map.ts";
import { mapMsgpackAdapter } from "./map_msgpack.ts";
import type { PeerAdapter } from "./peer.ts";
import { redisAdapter } from "./redis.ts";
import { sharedMapAdapter } from "./shared_map.ts";
import { betterSqliteAdapter, sqliteAdapter } from "./sqlite.ts";

export const PEER_ADAPTERS: readonly PeerAdapter[] = [
  mapAdapter,
  mapMsgpackAdapter,
  dinomoAdapter,
  dinomoOsAdapter,
  dinomoDiskAdapter,
  lmdbStructuresAdapter,
  lmdbNoSyncAdapter,
  lmdbAdapter,
  sqliteAdapter,
  betterSqliteAdapter,
  sharedMapAdapter,
  redisAdapter,
];

/** The peer that every measurement of Dinomo is held against. */
export const BASELINE_PEER_ID = "lmdb-nosync";

export const DINOMO_PEER_ID = "dinomo";

export function findPeerAdapter(id: string): PeerAdapter {
  const adapter = PEER_ADAPTERS.find((candidate) => candidate.id === id);
  if (adapter === undefined) {
    const known = PEER_ADAPTERS.map((candidate) => candidate.id).join(", ");
    throw new RangeError(`peer: must be one of ${known}, got "${id}"`);
  }
  return adapter;
}
