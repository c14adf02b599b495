/**
 * Dinomo in memory with one KN: of two cores the client takes the other. A put is acknowledged when it
 * is in the pool, which is what LMDB's `noSync` and Redis without persistence promise too.
 *
 * @module
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { open } from "../../mod.ts";
import type { Customer } from "../workloads/records.ts";
import { versionAbove } from "./package_version.ts";
import type { Dataset, PeerAdapter, PeerStore } from "./peer.ts";

/** What an application gets that does not ask for a capacity: 1 GiB. */
const CAPACITY_BYTES_MIN = 2 ** 30;

/** Key, header and index of a record, rounded up. */
const RECORD_OVERHEAD_BYTES = 128;

/** A log-structured store needs room for records that were written over. */
const SPACE_FACTOR = 4;

export const dinomoAdapter: PeerAdapter = {
  id: "dinomo",
  load: () =>
    Promise.resolve({
      name: "Dinomo",
      version: versionAbove(dirname(fileURLToPath(import.meta.url)), "dinomo"),
      supports: { sync: true, async: true, batch: true },
      open: (_workDir, dataset) => openDinomo(dataset),
    }),
};

async function openDinomo({ keyCountMax, valueBytes }: Dataset): Promise<PeerStore> {
  const datasetBytes = keyCountMax * (valueBytes + RECORD_OVERHEAD_BYTES);
  const capacity = Math.max(CAPACITY_BYTES_MIN, SPACE_FACTOR * datasetBytes);
  const store = await open<Customer>({ nodes: 1, capacity });
  return {
    putSync: (key, value) => store.putSync(key, value),
    put: (key, value) => store.put(key, value),
    putMany: (entries) => store.putMany(entries),
    getSync: (key) => store.getSync(key),
    get: (key) => store.get(key),
    getMany: (keys) => store.getMany(keys),
    close: () => store.close(),
  };
}
