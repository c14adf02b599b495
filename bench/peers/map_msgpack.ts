/**
 * The limit for a store that keeps bytes: a `Map` of one thread that holds encoded values, with
 * msgpackr and its structures. It shares nothing, and reads without copying; what it needs is a
 * hash lookup and the codec.
 *
 * @module
 */
import { Packr } from "msgpackr";
import type { Customer } from "../workloads/records.ts";
import { packageVersion } from "./package_version.ts";
import type { PeerAdapter, PeerStore } from "./peer.ts";

export const mapMsgpackAdapter: PeerAdapter = {
  id: "map-msgpack",
  load: () =>
    Promise.resolve({
      name: "Map of msgpack (one thread)",
      version: `msgpackr ${packageVersion("msgpackr")}`,
      supports: { sync: true, async: false, batch: false },
      open: openMap,
    }),
};

function openMap(): PeerStore {
  const map = new Map<string, Uint8Array>();
  const packr = new Packr({ structures: [] });
  const put = (key: string, value: Customer) => void map.set(key, packr.pack(value));
  const get = (key: string): Customer | undefined => {
    const bytes = map.get(key);
    return bytes === undefined ? undefined : packr.unpack(bytes);
  };
  return {
    put,
    putSync: put,
    get,
    getSync: get,
    putMany: (entries) => {
      for (const [key, value] of entries) put(key, value);
    },
    getMany: (keys) => keys.map(get),
    close: () => map.clear(),
  };
}
