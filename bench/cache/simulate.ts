/**
 * Runs a trace through a cache, as a KN in the far placement would, and counts the round trips of
 * the reads.
 *
 * @module
 */
import {
  type Cache,
  CacheKind,
  type CachePolicy,
  shortcutBytes,
  valueEntryBytes,
} from "../../lib/cache/cache.ts";
import { createCache } from "../../lib/cache/create_cache.ts";
import { halfSipHash13 } from "../../lib/core/half_sip_hash.ts";
import { createRandom } from "../workloads/random.ts";
import type { Trace } from "./trace.ts";

/** A policy with its settings. */
export interface PolicyChoice {
  readonly name: string;
  readonly policy: CachePolicy;
  readonly valueShare?: number;
  /** Whether it decides nothing by what it sees: a baseline. */
  readonly isStatic: boolean;
}

export const POLICY_CHOICES: readonly PolicyChoice[] = [
  { name: "marginal", policy: "marginal", isStatic: false },
  { name: "dac", policy: "dac", isStatic: false },
  { name: "values", policy: "values", isStatic: true },
  { name: "split 75 %", policy: "split", valueShare: 0.75, isStatic: true },
  { name: "split 50 %", policy: "split", valueShare: 0.5, isStatic: true },
  { name: "split 25 %", policy: "split", valueShare: 0.25, isStatic: true },
  { name: "shortcuts", policy: "shortcuts", isStatic: true },
  { name: "s3fifo", policy: "s3fifo", isStatic: false },
  { name: "wtinylfu", policy: "wtinylfu", isStatic: false },
];

/** The data that is cached. */
export interface DataShape {
  readonly keyCount: number;
  readonly keyBytes: number;
  /** Length of each key's value. */
  readonly valueBytes: Int32Array;
  /** Hash of each key. */
  readonly hashes: Int32Array;
}

/** What came out. */
export interface CacheFigures {
  /** Round trips per read. */
  readonly rtsPerRead: number;
  /** Shares of the reads. */
  readonly valueHitRatio: number;
  readonly shortcutHitRatio: number;
  /** Share of the budget's bytes that values take in the end. */
  readonly valueByteShare: number;
}

/**
 * Lengths of values: all alike, or from 64 B to 4 KiB with a uniform logarithm, about 1 KiB on
 * average.
 */
export type ValueSizes = "1 KiB" | "mixed";

const KEY_BYTES = 8;
/** A bucket, the record, and another bucket for as many lookups as this. */
const MISS_RTS_MIN = 2;
const OVERFLOW_SHARE = 0.25;

/** Makes the data. */
export function makeData(keyCount: number, sizes: ValueSizes, seed: number): DataShape {
  const random = createRandom(seed);
  const words = new Int32Array(KEY_BYTES / 4);
  const hashes = new Int32Array(keyCount);
  const valueBytes = new Int32Array(keyCount);
  for (let key = 0; key < keyCount; key++) {
    words[0] = key;
    hashes[key] = halfSipHash13(seed, ~seed, words, 0, KEY_BYTES);
    valueBytes[key] = sizes === "mixed" ? Math.floor(2 ** (6 + 6 * random())) : 1024;
  }
  return { keyCount, keyBytes: KEY_BYTES, valueBytes, hashes };
}

/** Bytes that all of the data would take as value entries. */
export function dataBytes(data: DataShape): number {
  let bytes = 0;
  for (const length of data.valueBytes) bytes += valueEntryBytes(data.keyBytes, length);
  return bytes;
}

/** Runs a trace; what happens in its first half only warms the cache. */
export function simulate(
  choice: PolicyChoice,
  budgetBytes: number,
  data: DataShape,
  trace: Trace,
): CacheFigures {
  const { policy, valueShare } = choice;
  const cache = createCache<undefined>(policy, {
    budgetBytes,
    ...(valueShare === undefined ? {} : { valueShare }),
  });
  const key = { hash: 0, words: new Int32Array(KEY_BYTES / 4), start: 0, byteLength: KEY_BYTES };
  const { keys, writes } = trace;
  const measuredFrom = keys.length >>> 1;
  const hits = [0, 0, 0];
  let rts = 0;
  for (let i = 0; i < keys.length; i++) {
    const number = keys[i];
    key.words[0] = number;
    key.hash = data.hashes[number];
    const valueBytes = data.valueBytes[number];
    if (writes[i] === 1) {
      cache.write(key, number, 0, valueBytes, undefined);
      continue;
    }
    const kind = cache.lookup(key);
    let cost = 0;
    if (kind === CacheKind.SHORTCUT) {
      cost = 1;
      cache.promote(key, number, 0, valueBytes, undefined);
    } else if (kind === CacheKind.MISS) {
      // Keys whose pair is in an overflow bucket take one RT more, always the same keys.
      cost = MISS_RTS_MIN + ((key.hash & 0xff) < OVERFLOW_SHARE * 256 ? 1 : 0);
      cache.admit(key, number, 0, valueBytes, undefined, cost);
    }
    if (i < measuredFrom) continue;
    hits[kind] += 1;
    rts += cost;
  }
  return figuresOf(cache, data, hits, rts);
}

function figuresOf(
  cache: Cache<undefined>,
  data: DataShape,
  hits: readonly number[],
  rts: number,
): CacheFigures {
  const readCount = hits[0] + hits[1] + hits[2];
  const shortcuts = cache.shortcutCount * shortcutBytes(data.keyBytes);
  return {
    rtsPerRead: rts / readCount,
    valueHitRatio: hits[CacheKind.VALUE] / readCount,
    shortcutHitRatio: hits[CacheKind.SHORTCUT] / readCount,
    valueByteShare: (cache.usedBytes - shortcuts) / cache.budgetBytes,
  };
}
