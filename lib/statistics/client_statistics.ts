/**
 * What one client counts: the latencies and the keys of its requests, and the keys that it reads.
 *
 * Only the client's thread writes here. A word of the histogram is valid at every instant; the
 * sketches have their own protocol (hot_key_sketch.ts).
 *
 * @module
 */
import { HotKeySketch } from "./hot_key_sketch.ts";
import { bucketOf } from "./latency_histogram.ts";
import {
  CLIENT_HISTOGRAM,
  CLIENT_READ_KEYS,
  CLIENT_REQUESTED_KEYS,
  CLIENT_SAMPLES,
  clientOffset,
} from "./statistics_layout.ts";
import type { StatisticsRegion } from "./statistics_region.ts";
import { StrideSampler } from "./stride_sampler.ts";

/** One client's part of the statistics. */
export class ClientStatistics {
  /** Which requests, and which one-sided reads, are measured. */
  readonly requests: StrideSampler;
  readonly reads: StrideSampler;
  readonly requestedKeys: HotKeySketch;
  readonly readKeys: HotKeySketch;
  readonly #words: Int32Array;
  readonly #at: number;

  /** Takes the place of a client. */
  constructor(region: StatisticsRegion, clientId: number) {
    const words = this.#words = new Int32Array(region.buffer);
    const at = this.#at = clientOffset(clientId);
    this.requests = new StrideSampler(words, 2 * clientId);
    this.reads = new StrideSampler(words, 2 * clientId + 1);
    this.requestedKeys = new HotKeySketch(words, at + CLIENT_REQUESTED_KEYS);
    this.readKeys = new HotKeySketch(words, at + CLIENT_READ_KEYS);
  }

  /** Records the latency of a request that stands for `weight` of them. */
  recordLatency(nanos: number, weight: number): void {
    this.#words[this.#at + CLIENT_HISTOGRAM + bucketOf(nanos)] += weight;
    // After the bucket, or the M-node might not look for it. Pairs with its load in
    // mnode/statistics_collector.ts.
    Atomics.add(this.#words, this.#at + CLIENT_SAMPLES, 1);
  }
}
