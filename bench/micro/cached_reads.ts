/**
 * Reads of objects of 1 KiB: from the pool, through the client cache, and from LMDB, which decodes
 * them from mapped memory.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lmdbAdapter, lmdbStructuresAdapter } from "../peers/lmdb.ts";
import type { PeerAdapter, PeerStore } from "../peers/peer.ts";
import { open } from "../../mod.ts";
import { type Customer, makeKey, makeValues, VALUE_BYTES_LARGE } from "../workloads/records.ts";
import { type MicroCase, repeated } from "./cases.ts";

/** Objects, a power of two; a cache of 64 MiB holds all of them. */
const OBJECT_COUNT = 1 << 12;
const SEED = 1;

/** Makes the cases, calls `measure` with them, and gives back what they hold. */
export async function withCachedReadCases(
  measure: (cases: readonly MicroCase[]) => Promise<void>,
): Promise<void> {
  const values = makeValues(SEED, VALUE_BYTES_LARGE);
  const keys = Array.from({ length: OBJECT_COUNT }, (_, i) => makeKey(i));
  const entries = keys.map((key, i): [string, Customer] => [key, values[i % values.length]]);
  const uncached = await open<Customer>({ capacity: "64MiB" });
  const cached = await open<Customer>({ capacity: "64MiB", cache: "64MiB" });
  const workDir = mkdtempSync(join(tmpdir(), "dinomo-micro-"));
  const peers: { name: string; store: PeerStore }[] = [];
  try {
    for (const store of [uncached, cached]) await store.putMany(entries);
    for (const adapter of [lmdbAdapter, lmdbStructuresAdapter]) {
      const peer = await openPeer(adapter, join(workDir, adapter.id));
      if (peer === undefined) continue;
      await peer.store.putMany(entries);
      peers.push(peer);
    }
    const key = (i: number) => keys[i & (OBJECT_COUNT - 1)];
    await measure([
      repeated("store: getSync 1 KiB", (i) => expectFound(uncached.getSync(key(i)))),
      repeated("store: getSync 1 KiB, cached", (i) => expectFound(cached.getSync(key(i)))),
      ...peers.map(({ name, store }) =>
        repeated(`${name}: get 1 KiB`, (i) => expectFound(store.getSync!(key(i))))
      ),
    ]);
  } finally {
    for (const { store } of peers) await store.close();
    await uncached.close();
    await cached.close();
    rmSync(workDir, { recursive: true, force: true });
  }
}

/** Opens a peer; undefined where it cannot run. */
async function openPeer(
  adapter: PeerAdapter,
  workDir: string,
): Promise<{ name: string; store: PeerStore } | undefined> {
  const peer = await adapter.load().catch(() => undefined);
  if (peer === undefined) return undefined;
  const dataset = {
    keyCount: OBJECT_COUNT,
    keyCountMax: OBJECT_COUNT,
    valueBytes: VALUE_BYTES_LARGE,
  };
  return { name: peer.name, store: await peer.open(workDir, dataset) };
}

function expectFound(value: Customer | undefined): void {
  if (value === undefined) throw new Error("microbenchmark of cached reads: an object is missing");
}
