/**
 * LMDB through lmdb-js, with its default encoding (msgpack), in three settings:
 *
 * - the default, which syncs to disk (a put resolves once committed, the sync follows);
 * - `noSync`, which leaves writing back to the kernel: survives as much as Dinomo's durability
 *   "os";
 * - `noSync` with shared structures, which its manual recommends for objects of the same shape, and
 *   which Dinomo's codec uses too.
 *
 * @module
 */
import type { Customer } from "../workloads/records.ts";
import { packageVersion } from "./package_version.ts";
import type { PeerAdapter, PeerStore } from "./peer.ts";

type LmdbModule = typeof import("lmdb");

interface Settings {
  noSync?: boolean;
  sharedStructuresKey?: symbol;
}

function createAdapter(id: string, name: string, settings: Settings): PeerAdapter {
  return {
    id,
    load: async () => {
      const lmdb = await import("lmdb");
      return {
        name,
        version: packageVersion("lmdb"),
        supports: { sync: true, async: true, batch: true },
        open: (workDir) => openLmdb(lmdb, workDir, settings),
      };
    },
  };
}

export const lmdbAdapter: PeerAdapter = createAdapter("lmdb", "LMDB", {});
export const lmdbNoSyncAdapter: PeerAdapter = createAdapter("lmdb-nosync", "LMDB noSync", {
  noSync: true,
});
export const lmdbStructuresAdapter: PeerAdapter = createAdapter(
  "lmdb-structures",
  "LMDB noSync, structures",
  { noSync: true, sharedStructuresKey: Symbol.for("structures") },
);

function openLmdb(lmdb: LmdbModule, workDir: string, settings: Settings): PeerStore {
  const database = lmdb.open<Customer, string>({ path: workDir, ...settings });
  return {
    putSync: (key, value) => database.putSync(key, value),
    put: (key, value) => database.put(key, value),
    // Puts that are issued together are committed together, and in their order.
    putMany: (entries) => {
      let last: Promise<boolean> | undefined;
      for (const [key, value] of entries) last = database.put(key, value);
      return last;
    },
    getSync: (key) => database.get(key),
    get: (key) => database.get(key),
    getMany: (keys) => database.getMany(keys),
    close: () => database.close(),
  };
}
