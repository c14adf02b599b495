/**
 * Evaluates what clients and KNs have counted, a window at a time.
 *
 * Counters and histograms only grow, so a window is the difference to what was seen at its
 * beginning: nothing is lost between two windows, and nothing is counted in both. Sketches are of
 * one window each: the collector copies them and opens the next window, and what a client offers in
 * between, for a microsecond or so, is in neither.
 *
 * @module
 */
import type { Key } from "../core/key_encoder.ts";
import { AgentCounter, AgentCounters } from "../pool/agent_counters.ts";
import type { Pool } from "../pool/pool.ts";
import { activeNodes } from "../routing/node_directory.ts";
import {
  copySketch,
  type KeyCount,
  type KeyCounts,
  mergeSketches,
} from "../statistics/hot_key_sketch.ts";
import { LatencyHistogram } from "../statistics/latency_histogram.ts";
import {
  BUCKET_COUNT,
  CLIENT_HISTOGRAM,
  CLIENT_READ_KEYS,
  CLIENT_REQUESTED_KEYS,
  CLIENT_SAMPLES,
  clientOffset,
  STATISTICS_WINDOW,
} from "../statistics/statistics_layout.ts";
import type { StatisticsRegion } from "../statistics/statistics_region.ts";

/** How occupied a KN was in a window. */
export interface NodeOccupancy {
  /** Identity of the KN. */
  readonly node: number;
  /**
   * Share of the window in which it was executing requests, from 0 to 1; undefined if it was
   * started within the window.
   */
  readonly occupancy: number | undefined;
}

/** A key that was used much in a window. */
export interface HotKey {
  /** The key; of one that is longer than 128 bytes the first 128. */
  readonly key: Key;
  /** The 32-bit hash by which the store finds the key. */
  readonly hash: number;
  /** Length of the whole key in bytes. */
  readonly keyBytes: number;
  /**
   * Operations on it in the window, an estimate; as far as counting is concerned never too low, and
   * too high by `error` at most.
   */
  readonly count: number;
  /** See {@linkcode count}. */
  readonly error: number;
  /**
   * How many of them may have changed it: of `count - error`, which are certainly its own, an
   * estimate.
   */
  readonly writeCount: number;
  /**
   * Mean latency in microseconds of those of its operations that were timed; undefined if none was.
   */
  readonly meanMicros: number | undefined;
}

/** The keys that were used most in a window. */
export interface HotKeys {
  /** Operations in the window on any key, an estimate. */
  readonly total: number;
  /**
   * At most 64 keys, the most used first. Every key with more than a 64th of the total is among
   * them.
   */
  readonly keys: readonly HotKey[];
}

/** What was measured in a stretch of time. */
export interface StatisticsWindow {
  /** Counts the windows of a store, from 0. */
  readonly number: number;
  /**
   * How long it lasted, and when it ended, in milliseconds; the latter by `performance.now()` of
   * the thread that opened the store.
   */
  readonly durationMs: number;
  /** See {@linkcode durationMs}. */
  readonly endMs: number;
  /** Requests whose latency was measured, from their issue to their acknowledgement. */
  readonly sampledCount: number;
  /** Mean latency of requests in microseconds; undefined if none was measured. */
  readonly meanMicros: number | undefined;
  /**
   * Latency that 99 of 100 requests did not exceed, in microseconds; undefined if none was
   * measured.
   */
  readonly p99Micros: number | undefined;
  /** How occupied each KN was. */
  readonly nodes: readonly NodeOccupancy[];
  /** Keys of requests that KNs, or clients in their place, have executed: puts and deletes. */
  readonly requestedKeys: HotKeys;
  /**
   * Keys that clients have read themselves, one-sidedly; counted only with the option `statistics`.
   */
  readonly readKeys: HotKeys;
}

/** What is needed to evaluate the statistics. */
export interface CollectorOptions {
  readonly pool: Pool;
  readonly statistics: StatisticsRegion;
  /** A monotonic clock in milliseconds. */
  readonly now: () => number;
}

const P99 = 0.99;

/** Evaluates one store's statistics; its host has the only one. */
export class StatisticsCollector {
  readonly #options: CollectorOptions;
  readonly #words: Int32Array;
  /** What each client's histogram said when it was read last. */
  readonly #seenHistograms: Int32Array[];
  readonly #seenSamples: Int32Array;
  /** Busy time of each KN when the window began. */
  #seenBusyMicros = new Map<number, number>();
  #startMs: number;
  #number = 0;

  /** Opens the first window. */
  constructor(options: CollectorOptions) {
    this.#options = options;
    const { buffer, clientCount } = options.statistics;
    this.#words = new Int32Array(buffer);
    this.#seenSamples = new Int32Array(clientCount);
    this.#seenHistograms = Array.from(this.#seenSamples, () => new Int32Array(0));
    this.#startMs = options.now();
    this.#readNodes(0);
  }

  /** Ends the window, and opens the next one. */
  closeWindow(): StatisticsWindow {
    const endMs = this.#options.now();
    const durationMs = endMs - this.#startMs;
    this.#startMs = endMs;
    const { histogram, sampledCount } = this.#readLatencies();
    const mean = histogram.mean();
    const p99 = histogram.quantile(P99);
    const requestedKeys = this.#readKeys(CLIENT_REQUESTED_KEYS);
    const readKeys = this.#readKeys(CLIENT_READ_KEYS);
    Atomics.add(this.#words, STATISTICS_WINDOW, 1);
    return {
      number: this.#number++,
      durationMs,
      endMs,
      sampledCount,
      meanMicros: mean === undefined ? undefined : mean / 1000,
      p99Micros: p99 === undefined ? undefined : p99 / 1000,
      nodes: this.#readNodes(durationMs),
      requestedKeys: hotKeysOf(requestedKeys),
      readKeys: hotKeysOf(readKeys),
    };
  }

  /** The latencies recorded since the last call. */
  #readLatencies(): { histogram: LatencyHistogram; sampledCount: number } {
    const histogram = new LatencyHistogram();
    let sampledCount = 0;
    for (let client = 0; client < this.#seenSamples.length; client++) {
      const at = clientOffset(client);
      const samples = Atomics.load(this.#words, at + CLIENT_SAMPLES);
      // Most places have never had a client.
      if (samples === this.#seenSamples[client]) continue;
      sampledCount += (samples - this.#seenSamples[client]) >>> 0;
      this.#seenSamples[client] = samples;
      const start = at + CLIENT_HISTOGRAM;
      const counts = this.#words.slice(start, start + BUCKET_COUNT);
      const seen = this.#seenHistograms[client];
      for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
        const count = (counts[bucket] - (seen[bucket] ?? 0)) >>> 0;
        if (count > 0) histogram.add(bucket, count);
      }
      this.#seenHistograms[client] = counts;
    }
    return { histogram, sampledCount };
  }

  #readKeys(sketch: number): KeyCounts {
    const window = Atomics.load(this.#words, STATISTICS_WINDOW);
    const sketches: KeyCounts[] = [];
    for (let client = 0; client < this.#seenSamples.length; client++) {
      const copy = copySketch(this.#words, clientOffset(client) + sketch, window);
      if (copy !== undefined && copy.counts.length > 0) sketches.push(copy);
    }
    return mergeSketches(sketches);
  }

  #readNodes(durationMs: number): NodeOccupancy[] {
    const { pool } = this.#options;
    const before = this.#seenBusyMicros;
    const now = new Map<number, number>();
    for (const { nodeId, agent } of activeNodes(pool)) {
      now.set(nodeId, new AgentCounters(pool, agent).get(AgentCounter.BUSY_MICROS));
    }
    this.#seenBusyMicros = now;
    return [...now].map(([node, busyMicros]) => {
      const seenMicros = before.get(node);
      if (seenMicros === undefined || durationMs <= 0) return { node, occupancy: undefined };
      const share = (busyMicros - seenMicros) / (durationMs * 1000);
      // An estimate from samples may be more than everything.
      return { node, occupancy: Math.min(1, Math.max(0, share)) };
    });
  }
}

function hotKeysOf({ total, counts }: KeyCounts): HotKeys {
  return { total, keys: counts.map(hotKeyOf) };
}

const textDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

function hotKeyOf(counted: KeyCount): HotKey {
  const { bytes, hash, keyBytes, count, error, writes, timedCount, nanos } = counted;
  return {
    key: counted.isBinary ? bytes : textDecoder.decode(bytes),
    hash,
    keyBytes,
    count,
    error,
    writeCount: writes,
    meanMicros: timedCount === 0 ? undefined : nanos / timedCount / 1000,
  };
}
