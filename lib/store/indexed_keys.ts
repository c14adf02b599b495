/**
 * The keys in the index of a pool, some of which may have expired.
 *
 * @module
 */
import type { Client } from "../client/client.ts";
import type { Slot } from "../core/brands.ts";
import { InvalidArgumentError } from "../core/errors.ts";
import type { Key, KeyEncoder, StoredKey } from "../core/key_encoder.ts";
import { SLOT_COUNT } from "../core/limits.ts";
import { loopTurn } from "../core/loop_turn.ts";
import { keyCount, keysOfSlot } from "../index/key_count.ts";
import type { OneSidedReader } from "../index/one_sided_reader.ts";
import type { Pool } from "../pool/pool.ts";
import { mayComeBack } from "../pool/when_full.ts";
import { assertIterationOptions } from "./arguments.ts";
import { isEmptyRange, type KeyRange, rangeOf } from "./key_range.ts";
import type { IterationOptions, IterationSyncOptions } from "./method_options.ts";
import type { StoreLifetime } from "./lifetime.ts";

/** A key that is collected costs as much as so many bytes that are copied. */
const COLLECTED_BYTES = 512;

/** Looks at the index as a whole. */
export class IndexedKeys {
  #pool: Pool;
  #reader: OneSidedReader;
  readonly #key: KeyEncoder;
  readonly #lifetime: StoreLifetime;
  readonly #prefix: Uint8Array;
  #flush: () => Promise<void>;
  /** Keys that were looked at for the batch that has been taken last. */
  #lookedAt = 0;

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
    return keyCount(this.#pool) - (this.#reader.read(this.#key, false) ? 1 : 0);
  }

  /**
   * The range that the options of an iteration ask for.
   *
   * @throws {InvalidArgumentError} naming the option, its rule and what was received
   */
  rangeOf(options: IterationOptions | IterationSyncOptions | undefined, isSync: boolean): KeyRange {
    this.#lifetime.assertOpen();
    assertIterationOptions(options, isSync);
    return rangeOf(options ?? {}, this.#prefix, false);
  }

  /**
   * Refuses a method that needs an order.
   *
   * @throws {InvalidArgumentError} unless the store knows the order of its keys
   */
  assertOrdered(method: string): void {
    this.#lifetime.assertOpen();
    throw new InvalidArgumentError(
      `${method} must be called on a store that is opened with ordered: true, got one without`,
    );
  }

  /** The keys of a range, some at a time, when all that this thread has issued before has ended. */
  async *batches(range: KeyRange, signal?: AbortSignal): AsyncIterableIterator<StoredKey[]> {
    await this.#flush();
    for (const keys of this.#batches(range)) {
      signal?.throwIfAborted();
      yield keys;
      if (loopTurn.count(this.#lookedAt * COLLECTED_BYTES)) await loopTurn.next();
    }
  }

  *#batches(range: KeyRange): IterableIterator<StoredKey[]> {
    if (isEmptyRange(range)) return;
    for (let i = 0; i < SLOT_COUNT; i++) {
      const slot = i as Slot;
      this.#lifetime.assertOpen();
      const count = keysOfSlot(this.#pool, slot);
      if (count === 0) continue;
      const keys = this.#collect(slot, range.prefix);
      this.#lookedAt = count;
      yield keys;
    }
  }

  /**
   * Passes through the keys of a range.
   *
   * @param settle waits for all that this thread has issued before
   * @param read makes an item of a key; undefined if it does not exist
   */
  *scanSync<Item>(
    options: IterationSyncOptions | undefined,
    settle: () => void,
    read: (key: Key) => Item | undefined,
  ): IterableIterator<Item> {
    const range = this.rangeOf(options, true);
    let left = range.limit;
    settle();
    for (const keys of this.#batches(range)) {
      for (const stored of keys) {
        const item = read(this.#key.keyOf(stored));
        if (item === undefined) continue;
        yield item;
        if (--left === 0) return;
      }
    }
  }

  /**
   * The slots in which there may be keys that were put before, if everything that was acknowledged
   * is in the index: those that have keys, or pending operations of this thread.
   */
  usedSlots(client: Client): Slot[] {
    const slots: Slot[] = [];
    const areAllUsed = mayComeBack(this.#pool);
    for (let i = 0; i < SLOT_COUNT; i++) {
      const slot = i as Slot;
      const isUsed = keysOfSlot(this.#pool, slot) > 0 || client.isSlotPending(slot);
      if (isUsed || areAllUsed) slots.push(slot);
    }
    return slots;
  }

  #countBehindPrefix(): number {
    let count = 0;
    for (let i = 0; i < SLOT_COUNT; i++) {
      const slot = i as Slot;
      if (keysOfSlot(this.#pool, slot) > 0) count += this.#collect(slot, this.#prefix).length;
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
