/**
 * What the KN of a key makes from what it finds: sums, and other expiry times.
 *
 * @module
 */
import type { Key } from "../../core/key_encoder.ts";
import type { Entry } from "../arguments/entry.ts";
import type {
  BoundedIncrementOptions,
  IncrementOptions,
  TouchOptions,
} from "../arguments/method_options.ts";
import type { DerivedWrites } from "../writes/derived_writes.ts";
import type { KeyAccess } from "./key_access.ts";
import { ReadOperations } from "./read_operations.ts";

/** Where the type of the values stands for what only some of them have. */
declare const VALUES: unique symbol;

/**
 * A store whose values may be of a type. (Parameters of methods are compared both ways.)
 *
 * @typeParam V the type
 */
export interface HoldsValues<V> {
  /**
   * Never there.
   *
   * @ignore
   */
  [VALUES]?(value: V): void;
}

/** A store whose values may be numbers. */
export interface HoldsNumbers extends HoldsValues<number> {}

/**
 * The operations of a {@linkcode Store} that change what a key holds without sending a value.
 *
 * @typeParam V the type of the values
 * @typeParam K the type of the keys
 */
export abstract class DerivedOperations<V, K extends Key = string> extends ReadOperations<V, K> {
  /**
   * Never there: see {@linkcode HoldsValues}.
   *
   * @ignore
   */
  [VALUES]?(value: V): void;
  readonly #derived: DerivedWrites;

  /** Used by the store only. */
  constructor(access: KeyAccess<V>) {
    super(access);
    this.#derived = access.derived;
  }

  /**
   * Adds to a number atomically: the KN of the key does, in one request, however many threads add
   * at one time. A key that does not exist counts as 0. Stores with the codecs "msgpack" and "json"
   * have numbers.
   *
   * The key's expiry time stays unless `ttl` or `expiresAt` is given; `ttlIfNew` is that of a key
   * that did not exist, such as the first of a window of a rate limiter.
   *
   * @param by what to add, a finite number; 1 if left out
   * @returns the sum
   * @throws {NotANumberError} when what is stored is no number, or the sum would not be finite
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   *
   * await using store = await open<number>({ capacity: "64MiB" });
   * await store.increment("visits"); // 1
   * await store.increment("visits", 10, { ttl: 60_000 }); // 11
   * await store.put("stock", 1);
   * console.log(await store.increment("stock", -1, { min: 0 })); // 0
   * console.log(await store.increment("stock", -1, { min: 0 })); // undefined: none is left
   * ```
   */
  increment(
    this: HoldsNumbers,
    key: K,
    by?: number,
    options?: IncrementOptions,
  ): Promise<number>;
  /**
   * The same within bounds: where the sum would be less than `min` or greater than `max`, the key
   * stays as it is, its expiry time too.
   *
   * @returns the sum, or undefined if the bounds have not allowed it
   */
  increment(
    this: HoldsNumbers,
    key: K,
    by: number | undefined,
    options: BoundedIncrementOptions,
  ): Promise<number | undefined>;
  increment(
    key: K,
    by?: number,
    options?: BoundedIncrementOptions,
  ): Promise<number | undefined> {
    return this.#derived.increment(key, by, options);
  }

  /** Like {@linkcode increment}, before it returns. */
  incrementSync(
    this: HoldsNumbers,
    key: K,
    by?: number,
    options?: IncrementOptions,
  ): number;
  /** The same within bounds; undefined if they have not allowed it. */
  incrementSync(
    this: HoldsNumbers,
    key: K,
    by: number | undefined,
    options: BoundedIncrementOptions,
  ): number | undefined;
  incrementSync(
    key: K,
    by?: number,
    options?: BoundedIncrementOptions,
  ): number | undefined {
    return this.#derived.incrementSync(key, by, options);
  }

  /**
   * Like {@linkcode increment}, and returns the sum with the version and the expiry time that the
   * key has by it: what a rate limiter needs to know, of one moment.
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   *
   * await using store = await open<number>({ capacity: "64MiB" });
   * const { value, expiresAt } = await store.incrementEntry("hits", 1, { ttlIfNew: 60_000 });
   * console.log(value, expiresAt! > Date.now()); // 1 true
   * ```
   */
  incrementEntry(
    this: HoldsNumbers,
    key: K,
    by?: number,
    options?: IncrementOptions,
  ): Promise<Entry<number>>;
  /** The same within bounds; undefined if they have not allowed it. */
  incrementEntry(
    this: HoldsNumbers,
    key: K,
    by: number | undefined,
    options: BoundedIncrementOptions,
  ): Promise<Entry<number> | undefined>;
  incrementEntry(
    key: K,
    by?: number,
    options?: BoundedIncrementOptions,
  ): Promise<Entry<number> | undefined> {
    return this.#derived.incrementEntry(key, by, options);
  }

  /** Like {@linkcode incrementEntry}, before it returns. */
  incrementEntrySync(
    this: HoldsNumbers,
    key: K,
    by?: number,
    options?: IncrementOptions,
  ): Entry<number>;
  /** The same within bounds; undefined if they have not allowed it. */
  incrementEntrySync(
    this: HoldsNumbers,
    key: K,
    by: number | undefined,
    options: BoundedIncrementOptions,
  ): Entry<number> | undefined;
  incrementEntrySync(
    key: K,
    by?: number,
    options?: BoundedIncrementOptions,
  ): Entry<number> | undefined {
    return this.#derived.incrementEntrySync(key, by, options);
  }

  /**
   * Gives a key another expiry time. The value stays as it is and does not travel: the KN of the
   * key writes it anew in its log, with the next version.
   *
   * @param options `ttl` or `expiresAt`; with Infinity the key does not expire any more
   * @returns the version that the key has by it, or undefined if it does not exist
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   *
   * await using store = await open<{ user: string }>({ capacity: "64MiB" });
   * await store.put("session", { user: "ann" }, { ttl: 60_000 });
   * await store.touch("session", { ttl: 3_600_000 });
   * await store.touch("session", { ttl: Infinity });
   * console.log((await store.getEntry("session"))!.expiresAt); // undefined
   * ```
   */
  touch(key: K, options: TouchOptions): Promise<number | undefined> {
    return this.#derived.touch(key, options);
  }

  /** Like {@linkcode touch}, before it returns. */
  touchSync(key: K, options: TouchOptions): number | undefined {
    return this.#derived.touchSync(key, options);
  }
}
