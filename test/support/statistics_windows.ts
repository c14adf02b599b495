/**
 * Windows of statistics as tests of the M-node's policy need them.
 *
 * @module
 */
import type { PolicySettings, PolicyWindow } from "../../lib/mnode/autoscale_policy.ts";
import type { HotKey } from "../../lib/mnode/statistics_collector.ts";

/** Length of the windows that {@linkcode windowOf} makes. */
export const WINDOW_MS = 1000;

/**
 * The defaults of the option `autoscale`, from 1 to 4 KNs; a mean of 100 us and a 99th percentile
 * of 1000 us.
 */
export const SETTINGS: PolicySettings = {
  min: 1,
  max: 4,
  meanMicrosMax: 100,
  p99MicrosMax: 1000,
  occupancyLower: 0.15,
  occupancyUpper: 0.2,
  hotKeySds: 3,
  coldKeySds: 1,
  samplesMin: 32,
  confirmations: 2,
  graceMs: 5000,
};

/** What a test says about a window. */
export interface WindowParts {
  /** Counts windows: the n-th ends after n + 1 lengths. @default 0 */
  readonly number?: number;
  /** @default 0.18: neither too much nor too little, of one KN */
  readonly occupancies?: readonly (number | undefined)[];
  /** @default 50 */
  readonly meanMicros?: number | undefined;
  /** @default 500 */
  readonly p99Micros?: number | undefined;
  /** @default 1000 */
  readonly sampledCount?: number;
  /** How often each key was used; the i-th has hash i. @default none */
  readonly keys?: readonly (number | Partial<HotKey>)[];
  /** Keys with several owners: hash and number. @default none */
  readonly replicated?: readonly (readonly [hash: number, owners: number])[];
}

/** Makes a window. */
export function windowOf(parts: WindowParts = {}): PolicyWindow {
  const { number = 0, occupancies = [0.18], sampledCount = 1000, keys = [], replicated = [] } =
    parts;
  const hotKeys = keys.map((key, hash): HotKey => ({
    key: `key ${hash}`,
    hash,
    keyBytes: 5,
    count: 0,
    error: 0,
    writeCount: 0,
    meanMicros: undefined,
    ...(typeof key === "number" ? { count: key } : key),
  })).sort((a, b) => b.count - a.count);
  return {
    number,
    durationMs: WINDOW_MS,
    endMs: (number + 1) * WINDOW_MS,
    sampledCount,
    meanMicros: "meanMicros" in parts ? parts.meanMicros : 50,
    p99Micros: "p99Micros" in parts ? parts.p99Micros : 500,
    nodes: occupancies.map((occupancy, node) => ({ node, occupancy })),
    requestedKeys: { total: hotKeys.reduce((sum, { count }) => sum + count, 0), keys: hotKeys },
    readKeys: { total: 0, keys: [] },
    replicatedKeys: replicated.map(([hash, owners]) => ({ key: `key ${hash}`, hash, owners })),
  };
}
