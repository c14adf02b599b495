/**
 * The options of `open` after their validation: every unknown, malformed or contradictory option is
 * refused before anything is allocated.
 *
 * @module
 */
import type { CachePolicy } from "../../cache/cache.ts";
import type { CodecOption } from "../../codec/codec.ts";
import { describe, InvalidOptionError } from "../../core/errors.ts";
import {
  CAPACITY_BYTES_MAX,
  CAPACITY_BYTES_MIN,
  CHECKPOINT_BYTES_MAX,
  CLIENT_CACHE_BYTES_MAX,
  CLIENT_CACHE_BYTES_MIN,
  CLIENT_COUNT_MAX,
  NODE_COUNT_MAX,
  RING_BYTES_DEFAULT,
  RING_BYTES_MAX,
  RING_BYTES_MIN,
  SEGMENT_BYTES_MAX,
  SEGMENT_BYTES_MIN,
} from "../../core/limits.ts";
import { KEY_TYPE_NUMBERS, type KeyTypes } from "../../core/key_types.ts";
import { processorCount } from "../../platform/processor_count.ts";
import type { Bytes } from "../../core/units.ts";
import { OWN_WORKERS, type WorkerCode, type WorkerUrls } from "../../platform/worker_loader.ts";
import { type Durability, DURABILITY_LEVELS } from "../../pool/durability.ts";
import { resolveAutoscale, type ResolvedAutoscale } from "./autoscale_options.ts";
import { booleanOf, bytesWithin, powerOfTwo, requireThat, wholeNumber } from "./option_rules.ts";
import { type ResolvedStandby, standbyOf } from "./standby_options.ts";
import { clusterOf, type ResolvedCluster } from "./cluster_options.ts";
import type { OpenOptions } from "./options.ts";
import { pathFrom, pathRule } from "../arguments/path_argument.ts";
import { processesOf } from "./process_options.ts";

/** The options after validation. */
export interface ResolvedOptions<V> {
  readonly path: string | undefined;
  readonly nodes: number;
  readonly autoscale: ResolvedAutoscale | undefined;
  readonly statistics: boolean;
  readonly clients: number;
  /** Undefined unless given: a pool at `path` has a capacity of its own. */
  readonly capacityBytes: number | undefined;
  /** Undefined unless given. */
  readonly capacityBytesMax: number | undefined;
  readonly segmentBytes: number | undefined;
  /** Most keys of a pool that evicts, 0 for any number; undefined if it refuses. */
  readonly evictedEntriesMax: number | undefined;
  readonly codec: CodecOption<V>;
  readonly keys: KeyTypes;
  readonly ordered: boolean;
  readonly durability: Durability;
  /** Undefined unless given. */
  readonly checkpointBytes: number | undefined;
  readonly repair: boolean;
  readonly readOnly: boolean;
  readonly standby: ResolvedStandby | undefined;
  readonly reuse: boolean;
  readonly onProgress: ((share: number) => void) | undefined;
  readonly spinMicros: number;
  readonly help: boolean;
  /**
   * Whether the KNs' threads wait for requests that clients leave to them; a worker module of the
   * application's own is tried at once.
   */
  readonly startsLazily: boolean;
  readonly ringBytes: number;
  readonly inFlight: number;
  readonly dpmThreads: number;
  readonly prefault: "auto" | boolean;
  /** Budget of the client cache; undefined for none. */
  readonly cacheBytes: number | undefined;
  /** Undefined unless other processes may look at the store. */
  readonly inspect: { readonly isWritable: boolean } | undefined;
  /** Whether other processes may use the store. */
  readonly processes: boolean;
  /** Undefined unless the store is one of a cluster. */
  readonly cluster: ResolvedCluster | undefined;
  readonly keepAlive: boolean;
  readonly workers: Readonly<Record<keyof WorkerUrls, WorkerCode>>;
  readonly processorCount: number;
  /** Set in the far placement. */
  readonly far: FarOptions | undefined;
}

/** The options of the far placement. */
export interface FarOptions {
  readonly roundTripMicros: number;
  /** Undefined unless given. */
  readonly cacheBytes: number | undefined;
  readonly cachePolicy: CachePolicy;
  /** Undefined unless given. */
  readonly backlogBytes: number | undefined;
}

const CHECKPOINT_BYTES_MIN = 64 * 1024;
const SPIN_MICROS_DEFAULT = 100;
const SPIN_MICROS_MAX = 1_000_000;
const IN_FLIGHT_DEFAULT = 4096;
const IN_FLIGHT_MAX = 65_536;
const DPM_THREADS_MAX = 8;
/** The number of keys is counted in a word. */
const ENTRIES_MAX_MAX = 2 ** 31 - 1;
/** Options of a pool that is made, or written. */
const WRITE_ONLY = [
  "capacity",
  "capacityMax",
  "segmentBytes",
  "whenFull",
  "maxEntries",
  "durability",
  "checkpointBytes",
  "backlog",
] as const;
/** Options that only the far placement has. */
const FAR_ONLY = ["roundTripMicros", "cachePolicy", "backlog"] as const;
const ROUND_TRIP_MICROS_MAX = 1_000_000;
const CACHE_POLICIES: readonly string[] = [
  "marginal",
  "dac",
  "values",
  "shortcuts",
  "split",
  "s3fifo",
  "wtinylfu",
] satisfies CachePolicy[];

const KNOWN = new Set<string>(
  [
    "path",
    "nodes",
    "autoscale",
    "statistics",
    "clients",
    "capacity",
    "capacityMax",
    "segmentBytes",
    "whenFull",
    "maxEntries",
    "codec",
    "keys",
    "ordered",
    "durability",
    "checkpointBytes",
    "repair",
    "readOnly",
    "standby",
    "reuse",
    "onProgress",
    "spin",
    "help",
    "ringBytes",
    "inFlight",
    "dpmThreads",
    "prefault",
    "cache",
    "inspect",
    "processes",
    "cluster",
    "keepAlive",
    "workers",
    "placement",
    ...FAR_ONLY,
  ] satisfies (keyof OpenOptions)[],
);

/**
 * Validates the options of `open`.
 *
 * @throws {InvalidOptionError} naming the option, its rule and what was received
 */
export function resolveOptions<V>(options: OpenOptions<V, KeyTypes> = {}): ResolvedOptions<V> {
  if (typeof options !== "object" || options === null) {
    throw new InvalidOptionError(`options must be an object, got ${describe(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) {
      throw new InvalidOptionError(
        `options must be among ${[...KNOWN].join(", ")}, got ${describe(name)}`,
      );
    }
  }
  const readOnly = readOnlyOf(options);
  const {
    durability = options.path === undefined || readOnly ? "memory" : "os",
    repair = false,
    onProgress,
    clients = CLIENT_COUNT_MAX,
    ringBytes = RING_BYTES_DEFAULT,
    inFlight = IN_FLIGHT_DEFAULT,
  } = options;
  const {
    spin = "auto",
    // No client has what a far KN knows.
    help = options.placement !== "far",
    dpmThreads = 1,
    prefault = "auto",
    statistics = false,
    keepAlive = false,
    workers = {},
    ordered = false,
  } = options;
  requireThat(
    Object.hasOwn(DURABILITY_LEVELS, durability),
    "durability",
    'must be "memory", "os" or "disk"',
    durability,
  );
  requireThat(
    durability === "memory" || options.path !== undefined,
    "durability",
    'must be "memory" without a path',
    durability,
  );
  requireThat(
    onProgress === undefined || typeof onProgress === "function",
    "onProgress",
    "must be a function",
    onProgress,
  );
  const autoscale = options.autoscale === undefined
    ? undefined
    : resolveAutoscale(options.autoscale);
  const capacityBytes = options.capacity === undefined
    ? undefined
    : bytesWithin("capacity", options.capacity, CAPACITY_BYTES_MIN, CAPACITY_BYTES_MAX);
  const capacityBytesMax = options.capacityMax === undefined
    ? undefined
    : bytesWithin("capacityMax", options.capacityMax, CAPACITY_BYTES_MIN, CAPACITY_BYTES_MAX);
  const segmentBytes = options.segmentBytes === undefined
    ? undefined
    : powerOfTwo("segmentBytes", options.segmentBytes, SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
  const codec = codecOf(options.codec);
  return {
    path: pathOf(options.path),
    nodes: nodesOf(options.nodes, autoscale),
    autoscale,
    statistics: booleanOf("statistics", statistics),
    clients: wholeNumber("clients", clients, 1, CLIENT_COUNT_MAX),
    capacityBytes,
    capacityBytesMax,
    segmentBytes,
    evictedEntriesMax: evictionOf(options),
    codec,
    keys: keysOf(options.keys),
    ordered: booleanOf("ordered", ordered),
    durability,
    checkpointBytes: options.checkpointBytes === undefined ? undefined : bytesWithin(
      "checkpointBytes",
      options.checkpointBytes,
      CHECKPOINT_BYTES_MIN,
      CHECKPOINT_BYTES_MAX,
    ),
    repair: booleanOf("repair", repair),
    readOnly,
    standby: standbyOf(options.standby, options),
    reuse: reuseOf(options),
    onProgress,
    spinMicros: spinOf(spin),
    help: booleanOf("help", help),
    startsLazily: help && workers?.node === undefined,
    ringBytes: powerOfTwo(
      "ringBytes",
      ringBytes,
      RING_BYTES_MIN,
      RING_BYTES_MAX,
    ),
    inFlight: inFlightOf(inFlight),
    dpmThreads: wholeNumber("dpmThreads", dpmThreads, 1, DPM_THREADS_MAX),
    prefault: prefaultOf(prefault),
    // In the far placement it is the KNs that have caches.
    cacheBytes: options.placement === "far" ? undefined : cacheBytesOf(options.cache, codec),
    inspect: inspectOf(options.inspect, options.path !== undefined),
    processes: processesOf(options, durability),
    cluster: clusterOf(options),
    keepAlive: booleanOf("keepAlive", keepAlive),
    workers: workersOf(workers),
    processorCount: processorCount(),
    far: farOf(options, help),
  };
}

function readOnlyOf<V>(options: OpenOptions<V, KeyTypes>): boolean {
  const { readOnly = false, path } = options;
  if (!booleanOf("readOnly", readOnly)) return false;
  requireThat(path !== undefined, "readOnly", "must be false without a path", readOnly);
  for (const name of WRITE_ONLY) {
    const given = options[name];
    requireThat(given === undefined, name, "must be left out with readOnly", given);
  }
  return true;
}

function reuseOf<V>({ reuse = false, path, readOnly }: OpenOptions<V, KeyTypes>): boolean {
  if (!booleanOf("reuse", reuse)) return false;
  requireThat(path !== undefined, "reuse", "must be false without a path", reuse);
  requireThat(readOnly !== true, "reuse", "must be false with readOnly", reuse);
  return true;
}

function evictionOf<V>(options: OpenOptions<V, KeyTypes>): number | undefined {
  const { whenFull = "refuse", maxEntries, placement = "near" } = options;
  const isKnown = whenFull === "refuse" || whenFull === "evict";
  requireThat(isKnown, "whenFull", 'must be "refuse" or "evict"', whenFull);
  if (whenFull === "refuse") {
    const rule = 'must be left out unless whenFull is "evict"';
    requireThat(maxEntries === undefined, "maxEntries", rule, maxEntries);
    return undefined;
  }
  requireThat(placement === "near", "whenFull", 'must be "refuse" in the far placement', whenFull);
  return maxEntries === undefined ? 0 : wholeNumber("maxEntries", maxEntries, 1, ENTRIES_MAX_MAX);
}

function farOf<V>(options: OpenOptions<V, KeyTypes>, help: boolean): FarOptions | undefined {
  const { placement = "near", roundTripMicros = 0, cache, cachePolicy = "marginal" } = options;
  const isKnown = placement === "near" || placement === "far";
  requireThat(isKnown, "placement", 'must be "near" or "far"', placement);
  if (placement === "near") {
    for (const name of FAR_ONLY) {
      const given = options[name];
      requireThat(given === undefined, name, 'must be left out unless placement is "far"', given);
    }
    return undefined;
  }
  requireThat(!help, "help", "must be false in the far placement: only KNs have caches", help);
  const isTime = typeof roundTripMicros === "number" && roundTripMicros >= 0 &&
    roundTripMicros <= ROUND_TRIP_MICROS_MAX;
  requireThat(
    isTime,
    "roundTripMicros",
    `must be 0 to ${ROUND_TRIP_MICROS_MAX} microseconds`,
    roundTripMicros,
  );
  const isPolicy = CACHE_POLICIES.includes(cachePolicy);
  requireThat(isPolicy, "cachePolicy", `must be among ${CACHE_POLICIES.join(", ")}`, cachePolicy);
  return {
    roundTripMicros,
    cacheBytes: cache === undefined || cache === 0
      ? cache
      : bytesWithin("cache", cache, 1, CAPACITY_BYTES_MAX),
    cachePolicy,
    backlogBytes: options.backlog === undefined
      ? undefined
      : bytesWithin("backlog", options.backlog, SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX),
  };
}

function inspectOf(
  value: OpenOptions["inspect"],
  hasPath: boolean,
): ResolvedOptions<unknown>["inspect"] {
  if (value === undefined || value === false) return undefined;
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  requireThat(value === true || isObject, "inspect", "must be a boolean or { write }", value);
  const rule = "must be left out without a path, which is where other processes find the store";
  requireThat(hasPath, "inspect", rule, value);
  if (value === true) return { isWritable: false };
  for (const name of Object.keys(value)) {
    requireThat(name === "write", "inspect", 'may have "write" only', name);
  }
  return { isWritable: booleanOf("inspect.write", value.write ?? false) };
}

function nodesOf(value: unknown, autoscale: ResolvedAutoscale | undefined): number {
  if (autoscale === undefined) {
    return value === undefined ? 1 : wholeNumber("nodes", value, 1, NODE_COUNT_MAX);
  }
  const { min, max } = autoscale.settings;
  return value === undefined ? min : wholeNumber("nodes", value, min, max);
}

function inFlightOf(value: unknown): number {
  const count = wholeNumber("inFlight", value, 8, IN_FLIGHT_MAX);
  requireThat(Math.log2(count) % 1 === 0, "inFlight", "must be a power of two", value);
  return count;
}

function prefaultOf(value: unknown): "auto" | boolean {
  return value === "auto" ? value : booleanOf("prefault", value);
}

function spinOf(value: unknown): number {
  if (value === "auto" || value === true) return SPIN_MICROS_DEFAULT;
  if (value === false) return 0;
  const isValid = typeof value === "number" && value >= 0 && value <= SPIN_MICROS_MAX;
  requireThat(
    isValid,
    "spin",
    `must be "auto", a boolean or 0 to ${SPIN_MICROS_MAX} microseconds`,
    value,
  );
  return value as number;
}

function pathOf(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const path = pathFrom(value);
  requireThat(path !== undefined, "path", pathRule(value), value);
  return path;
}

/** Checks an option `cache`; undefined without one. */
export function cacheBytesOf<V>(
  value: Bytes | undefined,
  codec: CodecOption<V>,
): number | undefined {
  if (value === undefined) return undefined;
  const rule = 'must be left out with the codec "binary", whose values cannot be frozen and shared';
  requireThat(codec !== "binary", "cache", rule, value);
  return bytesWithin("cache", value, CLIENT_CACHE_BYTES_MIN, CLIENT_CACHE_BYTES_MAX);
}

/** Checks an option `codec`. */
export function codecOf<V>(value: CodecOption<V> | undefined): CodecOption<V> {
  if (value === undefined) return "msgpack";
  if (value === "msgpack" || value === "json" || value === "binary") return value;
  const isCodec = typeof value === "object" && value !== null &&
    typeof value.encode === "function" && typeof value.decode === "function";
  requireThat(isCodec, "codec", 'must be "msgpack", "json", "binary" or { encode, decode }', value);
  return value;
}

function keysOf(value: KeyTypes | undefined): KeyTypes {
  if (value === undefined) return "string";
  const isKnown = typeof value === "string" && Object.hasOwn(KEY_TYPE_NUMBERS, value);
  requireThat(isKnown, "keys", 'must be "string", "bytes" or "mixed"', value);
  return value;
}

function workersOf(
  value: NonNullable<OpenOptions["workers"]>,
): ResolvedOptions<unknown>["workers"] {
  requireThat(typeof value === "object" && value !== null, "workers", "must be an object", value);
  for (const [name, url] of Object.entries(value)) {
    requireThat(
      Object.hasOwn(OWN_WORKERS, name),
      "workers",
      'may have "node", "dpm", "gateway" and "cluster" only',
      name,
    );
    if (url === undefined) continue;
    const isUrl = url instanceof URL || (typeof url === "string" && URL.canParse(url));
    requireThat(isUrl, `workers.${name}`, "must be an absolute URL", url);
  }
  const given = Object.entries(value).filter(([, url]) => url !== undefined);
  return { ...OWN_WORKERS, ...Object.fromEntries(given) };
}
