/**
 * The figures of a store, named and with units, for systems that watch over servers.
 *
 * Names are those of OpenTelemetry: dots between words, and units of UCUM. What a figure belongs
 * to, such as one KN, is said by attributes.
 *
 * @module
 */
import { assertStore, STORE_WITH_FIGURES } from "../store/store_nature.ts";
import type { StoreStats } from "../store/figures/stats.ts";

/** A store, in whichever thread. */
export interface MeasuredStore {
  /** See `Store.stats`. */
  stats(): StoreStats;
}

/** What is measured. */
export interface MetricDefinition {
  /** For instance `dinomo.live`. */
  readonly name: string;
  /** What it means, in one line. */
  readonly description: string;
  /** A unit of UCUM: `By` for bytes, `us` for microseconds, `{key}` for keys. */
  readonly unit: string;
  /** Whether it only grows while the store is open, or goes up and down. */
  readonly kind: "counter" | "gauge";
}

/** One value of a metric. */
export interface MetricPoint {
  /** What it belongs to, such as `{ node: "3" }`; empty for the store as a whole. */
  readonly attributes: Readonly<Record<string, string>>;
  /** The value, in the metric's unit. */
  readonly value: number;
}

/** A figure, or one figure of several parts. */
export interface Metric extends MetricDefinition {
  /** The values; at least one. */
  readonly points: readonly MetricPoint[];
}

/** A figure of the store, or what {@linkcode parts} and {@linkcode each} make; or none. */
type Measured = number | undefined | readonly MetricPoint[];

type Row = readonly [
  kind: "counter" | "gauge",
  name: string,
  unit: string,
  description: string,
  measure: (stats: StoreStats) => Measured,
];

const ROWS: readonly Row[] = [
  // Space.
  ["gauge", "keys", "{key}", "keys in the index", (s) => s.count],
  ["gauge", "capacity", "By", "bytes of the log in all segments", (s) => s.capacityBytes],
  ["gauge", "live", "By", "bytes of records that can be read", (s) => s.liveBytes],
  ["gauge", "live.max", "By", "live bytes beyond which the store is full", (s) => s.liveBytesMax],
  ["gauge", "used", "By", "bytes appended to segments that are not free", (s) => s.usedBytes],
  ["gauge", "index", "By", "bytes handed out to the index", (s) => s.indexBytes],
  ["gauge", "order", "By", "bytes handed out to the order of the keys", (s) => s.orderBytes],
  ["gauge", "segments", "{segment}", "segments by state", (s) => parts("state", s.segments)],
  // Of threads that run now: these fall when one of them is retired, so they are no counters.
  ["gauge", "cleaned", "{segment}", "segments running threads cleaned", (s) => s.segmentsCleaned],
  ["gauge", "moved", "By", "bytes running threads moved to clean", (s) => s.cleaningBytesMoved],
  ["gauge", "evicted", "{record}", "records running threads evicted", (s) => s.evicted],

  // What threads do.
  ["counter", "operations", "{operation}", "operations of all threads", ({ operations: o }) => {
    return parts("kind", {
      hit: o.hits,
      miss: o.misses,
      put: o.puts,
      delete: o.deletes,
      update: o.updates,
    });
  }],
  ["counter", "io", "By", "encoded bytes of values", ({ operations: o }) => {
    return parts("direction", { read: o.bytesRead, write: o.bytesWritten });
  }],
  ["gauge", "clients", "{thread}", "threads that use the store", (s) => s.threads.length],
  ["gauge", "pending", "{operation}", "this thread's operations in progress", (s) => s.pending],
  ["counter", "read.retries", "{read}", "this thread's reads that raced", (s) => s.readRetries],
  ["counter", "cache.reads", "{read}", "reads by this thread's cache", ({ cache }) => {
    return cache && parts("kind", { hit: cache.hits, miss: cache.misses });
  }],
  ["gauge", "cache", "By", "charge of the values in this thread's cache", (s) => s.cache?.bytes],

  // Durability.
  ["gauge", "durable", "1", "1, or 0 after a file operation has failed", (s) => {
    return s.durability.failure === undefined ? 1 : 0;
  }],
  [
    "gauge",
    "unsynced",
    "By",
    "bytes that power loss could take",
    (s) => s.durability.unsyncedBytes,
  ],
  ["counter", "syncs", "{sync}", "syncs of the image", (s) => s.durability.syncs.count],
  ["counter", "sync.time", "ms", "time that syncs took", (s) => s.durability.syncs.totalMs],
  ["counter", "checkpoints", "{checkpoint}", "number of the newest checkpoint", (s) => {
    return s.durability.checkpoint;
  }],
  ["gauge", "replayable", "By", "bytes logged since the newest checkpoint", (s) => {
    return s.durability.bytesSinceCheckpoint;
  }],

  // KNs.
  ["gauge", "nodes", "{thread}", "KNs", (s) => s.nodes.length],
  [
    "counter",
    "nodes.failed",
    "{thread}",
    "KNs that failed and were replaced",
    (s) => s.nodesFailed,
  ],
  ["gauge", "zombies", "{thread}", "KNs that failed and hold something yet", (s) => s.zombies],
  ["gauge", "node.slots", "{slot}", "slots that a KN owns", (s) => each(s, (n) => n.slots)],
  ["counter", "node.requests", "{request}", "requests executed", (s) => each(s, (n) => n.requests)],
  ["counter", "node.helped", "{request}", "those that clients executed in its place", (s) => {
    return each(s, (n) => n.helped);
  }],
  ["counter", "node.stalls", "{put}", "puts that waited for cleaning", (s) => {
    return each(s, (n) => n.cleaningStalls);
  }],
  ["counter", "node.expired", "{record}", "expired records removed", (s) => {
    return each(s, (n) => n.expired);
  }],

  // With the option `statistics`, of the last window.
  ["gauge", "node.occupancy", "1", "share of a window in which a KN worked", ({ window }) => {
    const known = window?.nodes.filter(({ occupancy }) => occupancy !== undefined);
    return known?.map(({ node, occupancy }) => point("node", String(node), occupancy!));
  }],
  [
    "gauge",
    "latency.mean",
    "us",
    "mean latency of writes in a window",
    (s) => s.window?.meanMicros,
  ],
  ["gauge", "latency.p99", "us", "latency that 99 % of them kept to", (s) => s.window?.p99Micros],
];

/** All that may be measured. What a store does not have it has no metric of. */
export const METRIC_DEFINITIONS: readonly MetricDefinition[] = ROWS.map(definitionOf);

/**
 * The figures of a store at this moment. They are those of `store.stats()`, which takes some tens
 * of microseconds. What only the thread that has opened the store knows is missing in the others.
 *
 * @throws {InvalidArgumentError} when it is no store
 *
 * @example
 * ```ts
 * import { open } from "dinomo";
 * import { metrics } from "dinomo/metrics";
 *
 * await using store = await open({ capacity: "64MiB" });
 * await store.put("a", 1);
 * const keys = metrics(store).find(({ name }) => name === "dinomo.keys");
 * console.log(keys?.unit, keys?.points[0]?.value); // {key} 1
 * ```
 */
export function metrics(store: MeasuredStore): Metric[] {
  assertStore(store, STORE_WITH_FIGURES);
  const stats = store.stats();
  const measured: Metric[] = [];
  for (const row of ROWS) {
    const value = row[4](stats);
    const points = typeof value === "number" ? [{ attributes: {}, value }] : value ?? [];
    if (points.length > 0) measured.push({ ...definitionOf(row), points });
  }
  return measured;
}

function definitionOf([kind, name, unit, description]: Row): MetricDefinition {
  return { kind, name: `dinomo.${name}`, unit, description };
}

function point(attribute: string, part: string, value: number): MetricPoint {
  return { attributes: { [attribute]: part }, value };
}

/** One figure by its parts. */
function parts(attribute: string, values: Readonly<Record<string, number>>): MetricPoint[] {
  return Object.entries(values).map(([part, value]) => point(attribute, part, value));
}

/** One figure of each KN. */
function each(
  { nodes }: StoreStats,
  valueOf: (node: StoreStats["nodes"][number]) => number,
): MetricPoint[] {
  return nodes.map((node) => point("node", String(node.id), valueOf(node)));
}
