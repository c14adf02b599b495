/**
 * A reader that counts some of the keys that it reads. A store without statistics has a plain
 * reader, and pays nothing.
 *
 * @module
 */
import type { EncodedKey, KeyEncoder } from "../core/key_encoder.ts";
import { type IndexPlace, OneSidedReader } from "../index/one_sided_reader.ts";
import type { Pool } from "../pool/pool.ts";
import type { ClientStatistics } from "../statistics/client_statistics.ts";
import type { HotKeySketch } from "../statistics/hot_key_sketch.ts";
import type { StrideSampler } from "../statistics/stride_sampler.ts";

/** Reads one record at a time, and counts keys. */
export class SampledReader extends OneSidedReader {
  readonly #reads: StrideSampler;
  readonly #keys: HotKeySketch;

  /** Reads from a pool; `clock` tells the time in milliseconds since the epoch. */
  constructor(pool: Pool, clock: () => number, statistics: ClientStatistics) {
    super(pool, clock);
    this.#reads = statistics.reads;
    this.#keys = statistics.readKeys;
  }

  override read(key: KeyEncoder, withValue: boolean): boolean {
    this.#count(key);
    return super.read(key, withValue);
  }

  override readFound(
    key: KeyEncoder,
    place: IndexPlace,
    withValue: boolean,
  ): boolean | undefined {
    const isThere = super.readFound(key, place, withValue);
    // Otherwise it is read, and counted then.
    if (isThere !== undefined) this.#count(key);
    return isThere;
  }

  override holdsFound(key: EncodedKey, place: IndexPlace): boolean {
    const holds = super.holdsFound(key, place);
    if (holds) this.#count(key);
    return holds;
  }

  #count(key: EncodedKey): void {
    const weight = this.#reads.next();
    // The store's own key has no bytes.
    if (weight !== 0 && key.byteLength !== 0) this.#keys.offer(key, weight);
  }
}
