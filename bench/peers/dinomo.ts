/**
 * Dinomo with one KN, at each level of durability. In memory a put is acknowledged when it is in
 * the pool. At "os" it has been written to a file, which is what LMDB's `noSync` promises too; at
 * "disk" it has been synced, as by LMDB's default.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Durability, open } from "../../mod.ts";
import type { Customer } from "../workloads/records.ts";
import { versionAbove } from "./package_version.ts";
import type { Dataset, PeerAdapter, PeerStore } from "./peer.ts";

/** What an application gets that does not ask for a capacity: 1 GiB. */
const CAPACITY_BYTES_MIN = 2 ** 30;

/** Key, header and index of a record, rounded up. */
const RECORD_OVERHEAD_BYTES = 128;

/** A log-structured store needs room for records that were written over. */
const SPACE_FACTOR = 4;

export const dinomoAdapter: PeerAdapter = adapterOf("dinomo", "Dinomo", "memory");
export const dinomoOsAdapter: PeerAdapter = adapterOf("dinomo-os", 'Dinomo, "os"', "os");
export const dinomoDiskAdapter: PeerAdapter = adapterOf("dinomo-disk", 'Dinomo, "disk"', "disk");

function adapterOf(id: string, name: string, durability: Durability): PeerAdapter {
  return {
    id,
    load: () =>
      Promise.resolve({
        name,
        version: versionAbove(dirname(fileURLToPath(import.meta.url)), "dinomo"),
        supports: { sync: true, async: true, batch: true },
        open: (workDir, dataset) => openDinomo(workDir, durability, dataset),
      }),
  };
}

async function openDinomo(
  workDir: string,
  durability: Durability,
  { keyCountMax, valueBytes }: Dataset,
): Promise<PeerStore> {
  const datasetBytes = keyCountMax * (valueBytes + RECORD_OVERHEAD_BYTES);
  const capacity = Math.max(CAPACITY_BYTES_MIN, SPACE_FACTOR * datasetBytes);
  const files = durability === "memory"
    ? {}
    : { path: join(workDir, `dinomo-${durability}`), durability };
  const store = await open<Customer>({ nodes: 1, capacity, ...files });
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
