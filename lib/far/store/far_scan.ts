/**
 * Passing through the keys of a far pool: its index has them when the KNs have merged what they
 * have logged.
 *
 * @module
 */
import type { Key, KeyEncoder } from "../../core/key_encoder.ts";
import { loopTurn } from "../../platform/loop_turn.ts";
import type { KeyRange } from "../../store/arguments/key_range.ts";
import type { IterationSyncOptions } from "../../store/arguments/method_options.ts";
import type { StoreLifetime } from "../../store/parts/lifetime.ts";
import type { IndexedKeys } from "../../store/reads/indexed_keys.ts";
import type { LogMerge } from "./log_merge.ts";

/** Passes through keys for one thread. */
export class FarScan {
  readonly #indexed: IndexedKeys;
  readonly #merge: LogMerge;
  readonly #lifetime: StoreLifetime;
  readonly #key: KeyEncoder;

  /** Passes through some keys; `key` is for one of them at a time. */
  constructor(indexed: IndexedKeys, merge: LogMerge, lifetime: StoreLifetime, key: KeyEncoder) {
    this.#indexed = indexed;
    this.#merge = merge;
    this.#lifetime = lifetime;
    this.#key = key;
  }

  /** The keys of a range that are in the index, some of which may be gone. */
  async *keys(range: KeyRange, signal: AbortSignal | undefined): AsyncIterableIterator<Key> {
    await this.#merge.whenMerged();
    const walk = await this.#indexed.walkSettled(range);
    try {
      while (walk.step()) {
        signal?.throwIfAborted();
        if (loopTurn.count(walk.stepBytes)) await loopTurn.next();
        this.#lifetime.assertOpen();
        if (walk.isAtKey) yield walk.take(this.#key);
      }
    } finally {
      walk.end();
    }
  }

  /**
   * Passes through the keys of a range without a turn of the event loop.
   *
   * @param read makes an item of a key; undefined if it does not exist
   */
  *itemsSync<Item>(
    options: IterationSyncOptions | undefined,
    read: (key: Key) => Item | undefined,
  ): IterableIterator<Item> {
    const range = this.#indexed.rangeOf(options, true);
    this.#merge.mergeSync();
    const walk = this.#indexed.walk(range);
    let left = range.limit;
    try {
      while (walk.step()) {
        this.#lifetime.assertOpen();
        const item = walk.isAtKey ? read(walk.take(this.#key)) : undefined;
        if (item === undefined) continue;
        yield item;
        if (--left === 0) return;
      }
    } finally {
      walk.end();
    }
  }
}
