/**
 * The floor: a JavaScript `Map` of one thread. It encodes nothing, copies nothing and shares
 * nothing; what it needs is the cost of the harness plus a hash lookup.
 *
 * @module
 */
import type { Customer } from "../workloads/records.ts";
import type { PeerAdapter, PeerStore } from "./peer.ts";

export const mapAdapter: PeerAdapter = {
  id: "map",
  load: () =>
    Promise.resolve({
      name: "Map (one thread)",
      version: "built in",
      supports: { sync: true, async: false, batch: false },
      open: openMap,
    }),
};

function openMap(): PeerStore {
  const map = new Map<string, Customer>();
  const put = (key: string, value: Customer) => void map.set(key, value);
  const get = (key: string) => map.get(key);
  return {
    put,
    putSync: put,
    get,
    getSync: get,
    putMany: (entries) => {
      for (const [key, value] of entries) map.set(key, value);
    },
    getMany: (keys) => keys.map(get),
    close: () => map.clear(),
  };
}
