/**
 * A reader that counts some of the keys that it reads. A store without statistics has a plain reader, and pays nothing.
 *
 * @module
 */
import type { KeyEncoder } from "../core/key_encoder.ts";
import { OneSidedReader } from "../index/one_sided_reader.ts";
import type { Pool } from "../pool/pool.ts";
import type { ClientStatistics } from "../statistics/client_statistics.ts";

/** Reads one record at a time, and counts keys. */
export class SampledReader extends OneSidedReader {
  readonly #statistics: ClientStatistics;

  /** Reads from a pool; `clock` tells the time in milliseconds since the epoch. */
  constructor(pool: Pool, clock: () => number, statistics: ClientStatistics) {
    super(pool, clock);
    this.#statistics = statistics;
  }

  override read(key: KeyEncoder, withValue: boolean): boolean {
    const weight = this.#statistics.reads.next();
    // The store's own key has no bytes.
    if (weight !== 0 && key.byteLength !== 0) this.#statistics.readKeys.offer(key, weight);
    return super.read(key, withValue);
  }
}
