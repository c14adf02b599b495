/**
 * SharedMap (npm `sharedmap`): a hash table of strings of bounded length in a SharedArrayBuffer,
 * the nearest thing on npm to what Dinomo does. Values are JSON; the table is made twice as large
 * as needed.
 *
 * @module
 */
import type { Customer } from "../workloads/records.ts";
import { packageVersion } from "./package_version.ts";
import type { Dataset, PeerAdapter, PeerStore } from "./peer.ts";

interface SharedMap {
  set(key: string, value: string): void;
  get(key: string): string | undefined;
}

type SharedMapConstructor = new (
  sizeMax: number,
  keyLengthMax: number,
  valueLengthMax: number,
) => SharedMap;

/** Characters of JSON per byte of msgpack that the values of the workloads never reach. */
const JSON_EXPANSION_MAX = 1.5;

/** One more than a key has: the table ends keys with a zero. */
const KEY_LENGTH_MAX = 20;

export const sharedMapAdapter: PeerAdapter = {
  id: "sharedmap",
  load: async () => {
    // Named by a variable: the package's type declarations do not compile.
    const moduleName = "sharedmap";
    const SharedMap: SharedMapConstructor = (await import(moduleName)).default;
    return {
      name: "SharedMap",
      version: packageVersion(moduleName),
      supports: { sync: true, async: false, batch: false },
      open: (_workDir, dataset) => openSharedMap(SharedMap, dataset),
    };
  },
};

function openSharedMap(SharedMap: SharedMapConstructor, dataset: Dataset): PeerStore {
  const valueLengthMax = Math.ceil(dataset.valueBytes * JSON_EXPANSION_MAX);
  const map = new SharedMap(2 * dataset.keyCountMax, KEY_LENGTH_MAX, valueLengthMax);
  const put = (key: string, value: Customer) => map.set(key, JSON.stringify(value));
  const get = (key: string): Customer | undefined => {
    const text = map.get(key);
    return text === undefined ? undefined : JSON.parse(text);
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
    close: () => {},
  };
}
