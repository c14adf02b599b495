/**
 * The options of `open`, and their validation: every unknown, malformed or contradictory option is refused before
 * anything is allocated.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import type { CachePolicy } from "../cache/cache.ts";
import type { CodecOption } from "../codec/codec.ts";
import { describe, InvalidOptionError } from "../core/errors.ts";
import {
  CAPACITY_BYTES_MAX,
  CAPACITY_BYTES_MIN,
  CHECKPOINT_BYTES_MAX,
  CLIENT_CACHE_BYTES_MAX,
  CLIENT_CACHE_BYTES_MIN,
  CLIENT_COUNT_MAX,
  NODE_COUNT_MAX,
  PUT_SEGMENT_RESERVE,
  RING_BYTES_DEFAULT,
  RING_BYTES_MAX,
  RING_BYTES_MIN,
  SEGMENT_BYTES_DEFAULT,
  SEGMENT_BYTES_MAX,
  SEGMENT_BYTES_MIN,
  SEGMENT_COUNT_MAX,
  SEGMENT_COUNT_MIN,
} from "../core/limits.ts";
import { type Bytes, formatBytes, parseBytes } from "../core/units.ts";
import { type Durability, DURABILITY_LEVELS } from "../pool/durability.ts";
import { defaultWorkerUrls, type WorkerUrls } from "../core/worker_loader.ts";
import { pathFrom, pathRule } from "./path_argument.ts";
import {
  type AutoscaleOptions,
  resolveAutoscale,
  type ResolvedAutoscale,
} from "./autoscale_options.ts";

/** What `open` takes. Every option has a default. */
export interface OpenOptions<V = unknown> {
  /** Directory of the pool's files, or its `file:` URL; it is created if it does not exist. @default none: memory only */
  path?: string | URL;
  /** KNs to start with, 1 to 64; with `autoscale` from its `min` to its `max`. @default 1, or the `min` of `autoscale` */
  nodes?: number;
  /** Changes the number of KNs by the latency and the occupancy that are measured. @default none: only `scale` does */
  autoscale?: AutoscaleOptions;
  /**
   * Whether latencies, occupancy and hot keys are measured, for `stats()`. With `autoscale` they are, whatever this says, except for the
   * keys of reads, which no decision depends on. @default false
   */
  statistics?: boolean;
  /** Threads that may use the store at one time, 1 to 64, the one that opens it included. @default 64 */
  clients?: number;
  /**
   * Bytes of the log, which holds keys, values and 28 bytes per record. Pages are committed on first use.
   * @default "1GiB", or the capacity of the pool at `path`
   */
  capacity?: Bytes;
  /**
   * Bytes of one segment of the log, a power of two from 4 KiB to 1 GiB; the largest value must fit into one.
   * @default "8MiB", less for capacities below 128 MiB
   */
  segmentBytes?: Bytes;
  /** How values become bytes. @default "msgpack" */
  codec?: CodecOption<V>;
  /**
   * What a change has survived when it is acknowledged. `"memory"`: the crash of a KN, and of the process as far as the last
   * snapshot. `"os"`: the crash of the process; power loss up to a second before. `"disk"`: power loss.
   * @default "os" with a path, "memory" without
   */
  durability?: Durability;
  /**
   * Bytes logged after which a checkpoint is written, 64 KiB to 16 GiB; earlier when segments are needed that only a checkpoint can
   * free. @default a quarter of the capacity, at most "256MiB"
   */
  checkpointBytes?: Bytes;
  /** Whether damage in the files is dropped and reported, in `Store.recovery`, instead of being an error. @default false */
  repair?: boolean;
  /** Called while a pool is restored, with the share that is done, from 0 to 1. @default none */
  onProgress?: (share: number) => void;
  /**
   * How long a thread that runs dry spins before it sleeps: `"auto"` spins for 100 microseconds while processors are free,
   * `false` never, a number for that many microseconds. @default "auto"
   */
  spin?: "auto" | boolean | number;
  /**
   * Whether a thread that could only wait for the end of a few operations executes them itself, in place of the KN: sooner, and
   * on this thread. `false` leaves all of them to the KNs' threads. @default true
   */
  help?: boolean;
  /**
   * Bytes of the request ring of each (client, KN), a power of two from 8 KiB to 64 MiB; of a thread that has attached, 64 KiB at most.
   * @default "512KiB"
   */
  ringBytes?: Bytes;
  /** Requests in flight per (client, KN), a power of two from 8 to 65536; of a thread that has attached, 1024 at most. @default 4096 */
  inFlight?: number;
  /** Most threads of DPM processors, 1 to 8; they start when there is work and end when there is none. @default 1 */
  dpmThreads?: number;
  /** Whether DPM processors commit memory ahead of its use. @default "auto": when a processor is free */
  prefault?: "auto" | boolean;
  /**
   * Bytes of decoded values that this thread keeps, so that reading one again costs neither a copy nor decoding, 4 KiB to 16 GiB. Values
   * are always up to date, and deeply frozen, since they are shared; those that cannot be frozen are not kept. Not for the codec
   * `"binary"`. Threads that attach have caches of their own. In the far placement: bytes of each KN's cache, 0 to 32 GiB.
   * @default none; in the far placement 1 % of the capacity
   */
  cache?: Bytes;
  /** Whether the open store keeps the process alive while it is idle. @default false */
  keepAlive?: boolean;
  /** Worker modules, for bundles. @default the modules beside the library */
  workers?: Partial<WorkerUrls>;
  /**
   * Where the pool is thought to be. `"near"`: in this memory; every thread reads it directly. `"far"`: behind a network, as in the paper;
   * KNs read and cache for the clients, acknowledge changes when they are logged, and count every access. For experiments.
   * @default "near"
   */
  placement?: Placement;
  /** Far placement: how long a round trip to the pool lasts, in microseconds, 0 to 1000000. @default 0: as long as it takes */
  roundTripMicros?: number;
  /** Far placement: what a KN's cache keeps. @default "marginal" */
  cachePolicy?: CachePolicy;
  /** Far placement: bytes that each KN may have logged and not merged, 4 KiB to 1 GiB. @default 1/64 of the capacity, at most "8MiB" */
  backlog?: Bytes;
}

/** Where a pool is thought to be. */
export type Placement = "near" | "far";

/** The options after validation. */
export interface ResolvedOptions<V> {
  readonly path: string | undefined;
  readonly nodes: number;
  readonly autoscale: ResolvedAutoscale | undefined;
  readonly statistics: boolean;
  readonly clients: number;
  /** Undefined unless given: a pool at `path` has a capacity of its own. */
  readonly capacityBytes: number | undefined;
  readonly segmentBytes: number | undefined;
  readonly codec: CodecOption<V>;
  readonly durability: Durability;
  /** Undefined unless given. */
  readonly checkpointBytes: number | undefined;
  readonly repair: boolean;
  readonly onProgress: ((share: number) => void) | undefined;
  readonly spinMicros: number;
  readonly help: boolean;
  /** Whether the KNs' threads wait for the first requests; a worker module of the application's own is tried at once. */
  readonly startsLazily: boolean;
  readonly ringBytes: number;
  readonly inFlight: number;
  readonly dpmThreads: number;
  readonly prefault: "auto" | boolean;
  /** Budget of the client cache; undefined for none. */
  readonly cacheBytes: number | undefined;
  readonly keepAlive: boolean;
  readonly workers: WorkerUrls;
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

const CAPACITY_BYTES_DEFAULT = 2 ** 30;
const CHECKPOINT_BYTES_MIN = 64 * 1024;
const SPIN_MICROS_DEFAULT = 100;
const SPIN_MICROS_MAX = 1_000_000;
const IN_FLIGHT_DEFAULT = 4096;
const IN_FLIGHT_MAX = 65_536;
const DPM_THREADS_MAX = 8;
/** Segments that a default segment size aims at, for small capacities. */
const SEGMENT_COUNT_AIM = 16;

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
    "segmentBytes",
    "codec",
    "durability",
    "checkpointBytes",
    "repair",
    "onProgress",
    "spin",
    "help",
    "ringBytes",
    "inFlight",
    "dpmThreads",
    "prefault",
    "cache",
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
export function resolveOptions<V>(options: OpenOptions<V> = {}): ResolvedOptions<V> {
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
  const {
    durability = options.path === undefined ? "memory" : "os",
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
    segmentBytes,
    codec,
    durability,
    checkpointBytes: options.checkpointBytes === undefined ? undefined : bytesWithin(
      "checkpointBytes",
      options.checkpointBytes,
      CHECKPOINT_BYTES_MIN,
      CHECKPOINT_BYTES_MAX,
    ),
    repair: booleanOf("repair", repair),
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
    keepAlive: booleanOf("keepAlive", keepAlive),
    workers: workersOf(workers),
    processorCount: availableParallelism(),
    far: farOf(options, help),
  };
}

function farOf<V>(options: OpenOptions<V>, help: boolean): FarOptions | undefined {
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
  requireThat(!help, "help", "must be false in the far placement: clients have no cache", help);
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

/**
 * The sizes of a new pool.
 *
 * @throws {InvalidOptionError} when they contradict each other or the number of KNs
 */
export function sizesOf(
  options: Pick<ResolvedOptions<unknown>, "capacityBytes" | "segmentBytes">,
): { capacityBytes: number; segmentBytes: number } {
  const capacityBytes = options.capacityBytes ?? CAPACITY_BYTES_DEFAULT;
  const segmentBytes = options.segmentBytes ?? defaultSegmentBytes(capacityBytes);
  const count = Math.floor(capacityBytes / segmentBytes);
  if (count < SEGMENT_COUNT_MIN || count > SEGMENT_COUNT_MAX) {
    throw new InvalidOptionError(
      `capacity must be ${SEGMENT_COUNT_MIN} to ${SEGMENT_COUNT_MAX} times segmentBytes, ` +
        `got ${formatBytes(capacityBytes)} and ${formatBytes(segmentBytes)}`,
    );
  }
  return { capacityBytes, segmentBytes };
}

/** Most KNs that a pool of so many segments can serve: each holds one open, and the reserve stays free. */
export function nodeCountMax(segmentCount: number): number {
  return Math.min(NODE_COUNT_MAX, segmentCount - PUT_SEGMENT_RESERVE - 2);
}

function defaultSegmentBytes(capacityBytes: number): number {
  const aim = 2 ** Math.floor(Math.log2(capacityBytes / SEGMENT_COUNT_AIM));
  return Math.min(SEGMENT_BYTES_DEFAULT, Math.max(SEGMENT_BYTES_MIN, aim));
}

function requireThat(condition: boolean, option: string, rule: string, value: unknown): void {
  if (!condition) throw new InvalidOptionError(`${option} ${rule}, got ${describe(value)}`);
}

function wholeNumber(option: string, value: unknown, min: number, max: number): number {
  const isValid = typeof value === "number" && Number.isInteger(value) && value >= min &&
    value <= max;
  requireThat(isValid, option, `must be a whole number from ${min} to ${max}`, value);
  return value as number;
}

function bytesWithin(option: string, value: Bytes, min: number, max: number): number {
  const bytes = parseBytes(option, value);
  const rule = `must be from ${formatBytes(min)} to ${formatBytes(max)}`;
  requireThat(bytes >= min && bytes <= max, option, rule, value);
  return bytes;
}

function powerOfTwo(option: string, value: Bytes, min: number, max: number): number {
  const bytes = bytesWithin(option, value, min, max);
  requireThat(Math.log2(bytes) % 1 === 0, option, "must be a power of two", value);
  return bytes;
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

function booleanOf(option: string, value: unknown): boolean {
  requireThat(typeof value === "boolean", option, "must be a boolean", value);
  return value as boolean;
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

function workersOf(value: Partial<WorkerUrls>): WorkerUrls {
  requireThat(typeof value === "object" && value !== null, "workers", "must be an object", value);
  for (const [name, url] of Object.entries(value)) {
    requireThat(
      name === "node" || name === "dpm",
      "workers",
      'may have "node" and "dpm" only',
      name,
    );
    const isUrl = url instanceof URL || (typeof url === "string" && URL.canParse(url));
    requireThat(isUrl, `workers.${name}`, "must be an absolute URL", url);
  }
  return { ...defaultWorkerUrls(), ...value };
}
