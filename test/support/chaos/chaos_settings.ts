/**
 * What a round of chaos is made of, drawn from its seed: a pool so small that wrapping, cleaning,
 * doubling and reuse never stop, and who works on it.
 *
 * @module
 */
import type { Durability, OpenOptions, Placement } from "../../../mod.ts";
import { EVICTING_SEGMENTS_MIN } from "../../../lib/eviction/eviction_policy.ts";
import type { Random } from "../random.ts";
import { temporaryPath } from "../temporary.ts";

/** Most KNs at one time. */
export const NODES_MAX = 4;
/**
 * Who changes the number of KNs beside the director: nobody, nobody but with statistics, or the
 * M-node, eagerly.
 */
const SCALED_BY: readonly Partial<OpenOptions>[] = [
  {},
  { statistics: true },
  {
    autoscale: {
      max: NODES_MAX,
      slo: { meanMicros: 1 },
      occupancy: { lower: 0.02, upper: 0.02 },
      periodMs: 50,
      graceMs: 100,
      samplesMin: 1,
    },
  },
];
/**
 * Smallest value that has to be staged, as it is too large for the ring: a quarter of the smallest
 * ring.
 */
const LARGE_VALUE_BYTES = 2100;

/**
 * Shared keys: whose values are payloads, and whose values are counters. Their numbers go on from
 * one kind to the other.
 */
export const PAYLOAD_KEYS = 14;
/** See {@linkcode PAYLOAD_KEYS}. */
export const COUNTER_KEYS = 4;

/** Decisions of a round that every thread needs. */
export interface Workload {
  /** Sizes of payloads in bytes. */
  readonly valueBytes: readonly number[];
  /** Most operations of one client in progress. */
  readonly concurrentMax: number;
  /** Filler keys, and bytes of their values: together about as much as the pool may hold. */
  readonly fillerKeys: number;
  readonly fillerBytes: number;
  /** Bytes of the cache of each client; 0 for none. */
  readonly cacheBytes: number;
  /** Whether the store drops records when it is full. */
  readonly evicts: boolean;
  /** Whether clients trade by atomic commits: where there are such, and nothing is dropped. */
  readonly trades: boolean;
  /** Whether the store knows the order of its keys. */
  readonly isOrdered: boolean;
}

/** How a round is disturbed. */
export interface Disturbances {
  /** Longest time between two of them. */
  readonly pauseMsMax: number;
  /** Of so many faults one is a stall. Each holds most operations up for a second. */
  readonly stallEvery: number;
}

/** All decisions of a round. */
export interface ChaosSettings {
  readonly durability: Durability;
  readonly path: string | undefined;
  /** Whether there is always room, so that operations wait for nothing but KNs. */
  readonly isRoomy: boolean;
  readonly clientThreads: number;
  readonly options: OpenOptions;
  readonly disturbances: Disturbances;
  readonly workload: Workload;
}

/** What differs where a store evicts: it does so all the time, and forgets what is shared, too. */
function drawEvicting(random: Random, settings: ChaosSettings): ChaosSettings {
  const { workload } = settings;
  const segmentBytes = random.pick([4096, 4096, 8192]);
  // Where writes are logged, what is dropped waits for checkpoints before it is free.
  const capacity = segmentBytes * EVICTING_SEGMENTS_MIN * (settings.path === undefined ? 1 : 2);
  const fillShare = random.pick([1.5, 3, 6]);
  // Where the number of keys is bounded, what is read is dropped as well.
  const maxEntries = random.pick([undefined, undefined, 40, 200]);
  const fillerBytes = random.pick([250, 600, 1500]);
  return {
    ...settings,
    options: {
      ...settings.options,
      segmentBytes,
      capacity,
      whenFull: "evict",
      ...(maxEntries === undefined ? {} : { maxEntries }),
    },
    workload: {
      ...workload,
      valueBytes: [16, 40, 200, 900, Math.min(LARGE_VALUE_BYTES, segmentBytes - 1200)],
      fillerKeys: Math.floor(capacity * fillShare / (fillerBytes + 60)),
      fillerBytes,
      evicts: true,
      trades: false,
    },
  };
}

/** Draws a round's settings; `evicts`: whether its store drops records when it is full. */
export function drawSettings(
  random: Random,
  durability: Durability,
  workerUrl: URL,
  placement: Placement,
  evicts: boolean,
): ChaosSettings {
  const segmentBytes = random.pick([4096, 8192, 16384]);
  // Where writes are logged, segments wait for checkpoints before they are free.
  // Far KNs keep segments open until they are merged.
  const isSlowToFree = durability !== "memory" || placement === "far";
  const capacity = random.pick([512, 1024, 2048]) * 1024 * (isSlowToFree ? 2 : 1);
  const nodes = random.between(1, NODES_MAX);
  const fillerBytes = random.pick([100, 250, 600]);
  const path = durability === "memory" ? undefined : temporaryPath("chaos");
  // In a far pool it is the KNs that have caches.
  const cacheBytes = placement === "far" ? 0 : random.pick([0, 4096, 65_536]);
  const fillShare = random.pick([0.3, 0.6, 0.8, 1]);
  const isOrdered = random.below(3) > 0;
  const settings: ChaosSettings = {
    durability,
    path,
    isRoomy: fillShare < 0.5,
    clientThreads: random.between(2, 4),
    disturbances: {
      pauseMsMax: random.pick([100, 300, 600]),
      stallEvery: random.pick([3, 10, 30]),
    },
    options: {
      durability,
      capacity,
      segmentBytes,
      nodes,
      clients: 16,
      ringBytes: 8192,
      inFlight: random.pick([8, 16, 64]),
      help: random.below(3) > 0 && placement === "near",
      ...(placement === "far" ? { placement, cache: "16KiB", backlog: 4 * segmentBytes } : {}),
      ordered: isOrdered,
      workers: { node: workerUrl },
      ...random.pick(SCALED_BY),
      ...cacheOption(cacheBytes),
      ...(path === undefined ? {} : { path, checkpointBytes: 64 * 1024 }),
    },
    workload: {
      valueBytes: [16, 40, 200, 900, LARGE_VALUE_BYTES, Math.min(segmentBytes - 1200, 6000)],
      concurrentMax: random.pick([2, 4, 8]),
      fillerKeys: Math.floor(capacity * 0.75 * fillShare / (fillerBytes + 60)),
      fillerBytes,
      // In a far pool the caches are the KNs'.
      cacheBytes: placement === "far" ? 0 : cacheBytes,
      evicts: false,
      trades: placement === "near",
      isOrdered,
    },
  };
  return evicts ? drawEvicting(random, settings) : settings;
}

/** The option `cache`, or none. */
export function cacheOption(cacheBytes: number): { cache?: number } {
  return cacheBytes === 0 ? {} : { cache: cacheBytes };
}
