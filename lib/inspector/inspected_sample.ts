/**
 * What the page is told once a second.
 *
 * @module
 */
import type { Key } from "../core/key_encoder.ts";
import { epochMs } from "../core/runtime.ts";
import { controlsOf, type Store } from "../store/store.ts";

/** Figures of a store at one moment; rates are left to the page. */
export interface InspectedSample {
  readonly timeMs: number;
  readonly keys: number;
  readonly liveBytes: number;
  readonly liveBytesMax: number;
  readonly capacityBytes: number;
  readonly indexBytes: number;
  readonly orderBytes: number;
  /** Counted since the store was opened. */
  readonly hits: number;
  /** See {@linkcode hits}. */
  readonly misses: number;
  /** Puts, deletes and updates, counted since the store was opened. */
  readonly writes: number;
  readonly clients: number;
  readonly pending: number;
  readonly durability: string;
  readonly unsyncedBytes: number;
  /** Of the last window; undefined without the option `statistics`. */
  readonly meanMicros: number | undefined;
  /** See {@linkcode meanMicros}. */
  readonly p99Micros: number | undefined;
  readonly nodes: readonly InspectedNode[];
  /** In base64, a byte for each slot: the KN that owns it. */
  readonly owners: string;
  /** In base64, a byte for each segment: its state, of `SegmentState`. */
  readonly states: string;
  /** In base64, a byte for each segment: the share that is taken by records, in 255ths. */
  readonly used: string;
  /** The same of records that can be read. */
  readonly live: string;
}

/** Figures of one KN. */
export interface InspectedNode {
  readonly id: number;
  readonly slots: number;
  readonly requests: number;
  /** Share of the last window in which it worked; undefined without the option `statistics`. */
  readonly occupancy: number | undefined;
}

/** The figures now, wherever the pool is; undefined when the store is closed. */
export async function sampleOf<V, K extends Key>(
  store: Store<V, K>,
): Promise<InspectedSample | undefined> {
  const asked = controlsOf(store).readPicture();
  if (asked === undefined) return undefined;
  const [picture, stats] = await Promise.all([asked, store.readStats()]);
  const { operations, window } = stats;
  return {
    timeMs: epochMs(),
    keys: stats.count,
    liveBytes: stats.liveBytes,
    liveBytesMax: stats.liveBytesMax,
    capacityBytes: stats.capacityBytes,
    indexBytes: stats.indexBytes,
    orderBytes: stats.orderBytes,
    hits: operations.hits,
    misses: operations.misses,
    writes: operations.puts + operations.deletes + operations.updates,
    clients: stats.threads.length,
    pending: stats.pending,
    durability: stats.durability.failure === undefined
      ? stats.durability.level
      : `${stats.durability.level}, lost by a failed ${stats.durability.failure}`,
    unsyncedBytes: stats.durability.unsyncedBytes,
    meanMicros: window?.meanMicros,
    p99Micros: window?.p99Micros,
    nodes: stats.nodes.map(({ id, slots, requests }) => {
      const occupancy = window?.nodes.find(({ node }) => node === id)?.occupancy;
      return { id, slots, requests, occupancy };
    }),
    owners: base64(picture.owners),
    states: base64(picture.states),
    used: base64(picture.used),
    live: base64(picture.live),
  };
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) {
    text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  }
  return btoa(text);
}
