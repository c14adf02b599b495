/**
 * Measures some of a client's requests, from their issue until they are settled.
 *
 * @module
 */
import type { DinomoError } from "../core/errors.ts";
import type { KeyEncoder } from "../core/key_encoder.ts";
import type { ClientStatistics } from "../statistics/client_statistics.ts";
import type { HotKeySketch } from "../statistics/hot_key_sketch.ts";
import { SAMPLES_PER_STRIDE, type StrideSampler } from "../statistics/stride_sampler.ts";
import type { Completion } from "./completions.ts";

/**
 * Requests that are timed at one time: what more there is to sample is counted only. As many as are
 * sampled in a row, so that the last ones of a burst, which wait longest, are not left out.
 */
const TIMED_MAX = SAMPLES_PER_STRIDE;

/**
 * Stands in for a request's completion while it is timed. Reused, so that in the long run measuring
 * allocates nothing.
 */
class TimedCompletion implements Completion {
  readonly #statistics: ClientStatistics;
  readonly #now: () => number;
  readonly #free: TimedCompletion[];
  #completion: Completion | undefined;
  #entry = 0;
  #hash = 0;
  #weight = 0;
  #startMs = 0;

  constructor(statistics: ClientStatistics, now: () => number, free: TimedCompletion[]) {
    this.#statistics = statistics;
    this.#now = now;
    this.#free = free;
  }

  begin(completion: Completion, entry: number, hash: number, weight: number): void {
    this.#completion = completion;
    this.#entry = entry;
    this.#hash = hash;
    this.#weight = weight;
    this.#startMs = this.#now();
  }

  settle(
    status: number,
    address: number,
    versionLow: number,
    versionHigh: number,
    ring: Int32Array,
    requestAt: number,
  ): void {
    const nanos = (this.#now() - this.#startMs) * 1e6;
    this.#statistics.recordLatency(nanos, this.#weight);
    this.#statistics.requestedKeys.addLatency(this.#entry, this.#hash, nanos);
    this.#end().settle(status, address, versionLow, versionHigh, ring, requestAt);
  }

  fail(error: DinomoError): void {
    this.#end().fail(error);
  }

  /** Gives the request's completion back, and this one to the next request. */
  #end(): Completion {
    const completion = this.#completion!;
    this.#completion = undefined;
    this.#free.push(this);
    return completion;
  }
}

/** Measures one client's requests. */
export class RequestProbe {
  readonly #requests: StrideSampler;
  readonly #keys: HotKeySketch;
  readonly #statistics: ClientStatistics;
  readonly #now: () => number;
  readonly #free: TimedCompletion[] = [];
  #timedCount = 0;

  /** Measures by a monotonic clock in milliseconds. */
  constructor(statistics: ClientStatistics, now: () => number) {
    this.#statistics = statistics;
    this.#requests = statistics.requests;
    this.#keys = statistics.requestedKeys;
    this.#now = now;
  }

  /** Counts a request that is about to be issued; returns the completion that is to settle it. */
  watch(key: KeyEncoder, isRead: boolean, completion: Completion): Completion {
    const weight = this.#requests.next();
    return weight === 0 ? completion : this.#time(key, isRead, completion, weight);
  }

  /** Whether the next request is one that is measured. */
  get isDue(): boolean {
    return this.#requests.isDue;
  }

  /** Counts a change that is no request, and not measured. */
  skip(): void {
    this.#requests.next();
  }

  /** Counts a change that goes along in a request of the same key. */
  count(key: KeyEncoder): void {
    const weight = this.#requests.next();
    if (weight !== 0) this.#keys.offer(key, weight, weight);
  }

  #time(key: KeyEncoder, isRead: boolean, completion: Completion, weight: number): Completion {
    // The store's own key has no bytes.
    if (key.byteLength === 0) return completion;
    const entry = this.#keys.offer(key, weight, isRead ? 0 : weight);
    const timed = this.#free.pop() ?? this.#makeTimed();
    if (timed === undefined) return completion;
    timed.begin(completion, entry, key.hash, weight);
    return timed;
  }

  #makeTimed(): TimedCompletion | undefined {
    if (this.#timedCount === TIMED_MAX) return undefined;
    this.#timedCount += 1;
    return new TimedCompletion(this.#statistics, this.#now, this.#free);
  }
}
