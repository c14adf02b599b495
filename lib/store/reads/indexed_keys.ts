/**
 * The keys in the index of a pool, some of which may have expired.
 *
 * @module
 */
import type { Client } from "../../client/client.ts";
import type { Slot } from "../../core/brands.ts";
import type { KeyEncoder } from "../../core/key_encoder.ts";
import { SLOT_COUNT } from "../../core/limits.ts";
import { keyCount, keysOfSlot } from "../../index/key_count.ts";
import type { OneSidedReader } from "../../index/one_sided_reader.ts";
import { NO_VALUES } from "../../ordered/found_key.ts";
import { isOrdered } from "../../ordered/ordered_index.ts";
import type { Pool } from "../../pool/pool.ts";
import { mayComeBack } from "../../pool/when_full.ts";
import { assertIterationOptions, unordered } from "../arguments/arguments.ts";
import { isEmptyRange, type KeyRange, rangeOf } from "../arguments/key_range.ts";
import { Cursors, type KeyWalk, NO_KEYS, OrderedWalk, SlotWalk } from "./key_walk.ts";
import type { IterationOptions, IterationSyncOptions } from "../arguments/method_options.ts";
import type { StoreLifetime } from "../parts/lifetime.ts";

/** Looks at the index as a whole. */
export class IndexedKeys {
  #pool: Pool;
  #reader: OneSidedReader;
  readonly #key: KeyEncoder;
  readonly #lifetime: StoreLifetime;
  readonly #prefix: Uint8Array;
  #client: Client;
  /** In a pool that is ordered. */
  #cursors: Cursors | undefined;

  /**
   * Looks through a reader.
   *
   * @param prefix of the namespace whose keys these are; empty for all keys
   */
  constructor(
    pool: Pool,
    reader: OneSidedReader,
    key: KeyEncoder,
    lifetime: StoreLifetime,
    client: Client,
    prefix: Uint8Array,
    cursors: Cursors | undefined = isOrdered(pool) ? new Cursors(pool) : undefined,
  ) {
    this.#prefix = prefix;
    this.#pool = pool;
    this.#cursors = cursors;
    this.#reader = reader;
    this.#key = key;
    this.#lifetime = lifetime;
    this.#client = client;
  }

  /** The keys that begin with the prefix of a namespace, whose encoder is given. */
  narrow(key: KeyEncoder, prefix: Uint8Array): IndexedKeys {
    return new IndexedKeys(
      this.#pool,
      this.#reader,
      key,
      this.#lifetime,
      this.#client,
      prefix,
      this.#cursors,
    );
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
    return rangeOf(options ?? {}, this.#prefix, this.#cursors !== undefined);
  }

  /**
   * Refuses a method that needs an order.
   *
   * @throws {InvalidArgumentError} unless the store knows the order of its keys
   */
  assertOrdered(method: string): void {
    this.#lifetime.assertOpen();
    if (this.#cursors !== undefined) return;
    throw unordered(method);
  }

  /** A way through a range, when all that this thread has issued before has ended. */
  async walkSettled(range: KeyRange, valueBytesMax: number = NO_VALUES): Promise<KeyWalk> {
    await this.#client.whenIssuedEnded();
    this.#lifetime.assertOpen();
    return this.walk(range, valueBytesMax);
  }

  /**
   * A way through a range; the caller has waited for what was issued.
   *
   * @param valueBytesMax values up to so many bytes are copied with their keys, if the store is
   *   ordered; `NO_VALUES` for none
   */
  walk(range: KeyRange, valueBytesMax: number = NO_VALUES): KeyWalk {
    if (isEmptyRange(range)) return NO_KEYS;
    return this.#cursors === undefined
      ? new SlotWalk(this.#pool, this.#reader, range)
      : new OrderedWalk(this.#cursors, range, valueBytesMax);
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
    const walk = this.walk(this.rangeOf(undefined, true));
    let count = 0;
    while (walk.step()) if (walk.isAtKey) count += 1;
    walk.end();
    return count;
  }

  /** Lets go of everything that leads to the pool. */
  letGo(): void {
    this.#pool =
      this.#reader =
      this.#client =
      this.#cursors =
        undefined as never;
  }
}
