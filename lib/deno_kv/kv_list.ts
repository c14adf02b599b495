/**
 * Lists of Deno KV: entries in the order of their keys, from a cursor on.
 *
 * @module
 */
import { describe } from "../core/errors.ts";
import { entryOf, type KvEntry } from "./kv_entry.ts";
import {
  boundsOf,
  cursorBehind,
  type KvBounds,
  type KvListSelector,
  type KvRange,
  rangeBehind,
  rangeOf,
} from "./kv_range.ts";
import type { StoredValue } from "./kv_values.ts";
import { decodeKey } from "./tuple_key.ts";

/** How consistent a read is to be; here all reads are strong. */
export type KvConsistencyLevel = "strong" | "eventual";

/** Options of a list. */
export interface KvListOptions {
  /** How many entries at most. @default all */
  limit?: number | undefined;
  /** Where to go on: the `cursor` of a list before. @default from the beginning */
  cursor?: string | undefined;
  /** Whether to begin with the last entry. @default false */
  reverse?: boolean | undefined;
  /** Has no effect: all reads are strong. */
  consistency?: KvConsistencyLevel | undefined;
  /** Has no effect: entries come one by one. */
  batchSize?: number | undefined;
}

/** What a list reads from. */
export interface ListedStore {
  entries(
    options: KvBounds & { reverse: boolean; limit?: number },
  ): AsyncIterableIterator<[Uint8Array, StoredValue]>;
}

/** Iterates over the entries of a list. */
export class KvListIterator<T> implements AsyncIterableIterator<KvEntry<T>> {
  readonly #entries: AsyncIterableIterator<[Uint8Array, StoredValue]>;
  readonly #range: KvRange;
  readonly #reverse: boolean;
  readonly #limit: number;
  #count = 0;
  /** The key of the entry that was returned last. */
  #last: Uint8Array | undefined;

  /**
   * Used by `Kv.list` only.
   *
   * @throws {TypeError} when the selector or an option is not what it must be
   */
  constructor(store: ListedStore, selector: KvListSelector, options: KvListOptions = {}) {
    const { limit, cursor, reverse = false } = options;
    if (limit !== undefined && !(Number.isInteger(limit) && limit > 0)) {
      throw new TypeError(`limit must be a positive whole number, got ${describe(limit)}`);
    }
    const whole = rangeOf(selector);
    const range = cursor === undefined || cursor === ""
      ? whole
      : rangeBehind(whole, cursor, reverse);
    this.#range = whole;
    this.#reverse = reverse;
    const bounds = { ...boundsOf(range), reverse };
    this.#limit = limit ?? Infinity;
    this.#entries = store.entries(limit === undefined ? bounds : { ...bounds, limit });
  }

  /**
   * Where a list with the same selector goes on behind the entry that was returned last; empty
   * before the first one, and when it has come to the end, not to its limit. So a list that reaches
   * its limit with the last entry may have a cursor to an empty one, as with Deno's own.
   */
  get cursor(): string {
    return this.#last === undefined ? "" : cursorBehind(this.#range, this.#last, this.#reverse);
  }

  /** The next entry. */
  async next(): Promise<IteratorResult<KvEntry<T>, undefined>> {
    const next = await this.#entries.next();
    if (next.done === true) {
      // One that has come to its limit can go on; one that has come to the end cannot.
      if (this.#count < this.#limit) this.#last = undefined;
      return { done: true, value: undefined };
    }
    const [bytes, stored] = next.value;
    this.#count += 1;
    this.#last = bytes;
    return { done: false, value: entryOf<T>(decodeKey(bytes), stored) };
  }

  /** Ends the list early. */
  async return(): Promise<IteratorResult<KvEntry<T>, undefined>> {
    await this.#entries.return?.();
    return { done: true, value: undefined };
  }

  /** The list itself. */
  [Symbol.asyncIterator](): this {
    return this;
  }
}
