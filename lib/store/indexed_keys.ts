/**
 * The keys in the index of a pool, some of which may have expired.
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import type { KeyEncoder, StoredKey } from "../core/key_encoder.ts";
import { SLOT_COUNT } from "../core/limits.ts";
import type { OneSidedReader } from "../index/one_sided_reader.ts";
import type { Pool } from "../pool/pool.ts";
import { prefixOf } from "./arguments.ts";
import type { IterationOptions } from "./method_options.ts";
import type { StoreLifetime } from "./lifetime.ts";
import { joinBytes } from "./prefixed_keys.ts";
import { countRecords } from "./stats.ts";

/** Looks at the index as a whole. */
export class IndexedKeys {
  #pool: Pool;
  #reader: OneSidedReader;
  readonly #key: KeyEncoder;
  readonly #lifetime: StoreLifetime;
  readonly #prefix: Uint8Array;
  #flush: () => Promise<void>;

  /**
   * Looks through a reader; `flush` is the store's.
   *
   * @param prefix of the namespace whose keys these are; empty for all keys
   */
  constructor(
    pool: Pool,
    reader: OneSidedReader,
    key: KeyEncoder,
    lifetime: StoreLifetime,
    flush: () => Promise<void>,
    prefix: Uint8Array,
  ) {
    this.#prefix = prefix;
    this.#pool = pool;
    this.#reader = reader;
    this.#key = key;
    this.#lifetime = lifetime;
    this.#flush = flush;
  }

  /** The keys that begin with the prefix of a namespace, whose encoder is given. */
  narrow(key: KeyEncoder, prefix: Uint8Array): IndexedKeys {
    return new IndexedKeys(this.#pool, this.#reader, key, this.#lifetime, this.#flush, prefix);
  }

  /** Number of keys. */
  count(): number {
    this.#lifetime.assertOpen();
    if (this.#prefix.length > 0) return this.#countBehindPrefix();
    // The store's own key, where the codec keeps what it has to, is not the application's.
    this.#key.encodeSystemKey();
    return countRecords(this.#pool) - (this.#reader.read(this.#key, false) ? 1 : 0);
  }

  /** Every key, when all that this thread has issued before has ended. */
  async *scan(options: IterationOptions = {}): AsyncIterableIterator<StoredKey> {
    const prefix = joinBytes(this.#prefix, prefixOf(options));
    this.#lifetime.assertOpen();
    await this.#flush();
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      this.#lifetime.assertOpen();
      yield* this.#collect(slot as Slot, prefix);
    }
  }

  #countBehindPrefix(): number {
    let count = 0;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      count += this.#collect(slot as Slot, this.#prefix).length;
    }
    return count;
  }

  #collect(slot: Slot, prefix: Uint8Array): StoredKey[] {
    const keys = this.#reader.collectKeys(slot, prefix);
    // The prefix alone is a key of the store, and none of the namespace.
    const { length } = this.#prefix;
    return length === 0 ? keys : keys.filter(({ bytes }) => bytes.length > length);
  }

  /** Lets go of everything that leads to the pool. */
  letGo(): void {
    this.#pool = this.#reader = this.#flush = undefined as never;
  }
}
