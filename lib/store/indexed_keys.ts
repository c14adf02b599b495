/**
 * The keys in the index of a pool, some of which may have expired.
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import type { KeyEncoder } from "../core/key_encoder.ts";
import { SLOT_COUNT } from "../core/limits.ts";
import type { OneSidedReader, StoredKey } from "../index/one_sided_reader.ts";
import type { Pool } from "../pool/pool.ts";
import { prefixOf } from "./arguments.ts";
import type { IterationOptions } from "./method_options.ts";
import type { StoreLifetime } from "./lifetime.ts";
import { countRecords } from "./stats.ts";

/** Looks at the index as a whole. */
export class IndexedKeys {
  #pool: Pool;
  #reader: OneSidedReader;
  readonly #key: KeyEncoder;
  readonly #lifetime: StoreLifetime;
  #flush: () => Promise<void>;

  /** Looks through a reader; `flush` is the store's. */
  constructor(
    pool: Pool,
    reader: OneSidedReader,
    key: KeyEncoder,
    lifetime: StoreLifetime,
    flush: () => Promise<void>,
  ) {
    this.#pool = pool;
    this.#reader = reader;
    this.#key = key;
    this.#lifetime = lifetime;
    this.#flush = flush;
  }

  /** Number of keys. */
  count(): number {
    this.#lifetime.assertOpen();
    // The store's own key, where the codec keeps what it has to, is not the application's.
    this.#key.encodeSystemKey();
    return countRecords(this.#pool) - (this.#reader.read(this.#key, false) ? 1 : 0);
  }

  /** Every key, when all that this thread has issued before has ended. */
  async *scan(options: IterationOptions = {}): AsyncIterableIterator<StoredKey> {
    const prefix = prefixOf(options);
    this.#lifetime.assertOpen();
    await this.#flush();
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      this.#lifetime.assertOpen();
      yield* this.#reader.collectKeys(slot as Slot, prefix);
    }
  }

  /** Lets go of everything that leads to the pool. */
  letGo(): void {
    this.#pool = this.#reader = this.#flush = undefined as never;
  }
}
