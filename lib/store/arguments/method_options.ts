/**
 * The options of the store's methods, as an application writes them.
 *
 * @module
 */
import type { DecodeError } from "../../core/errors.ts";
import type { Key } from "../../core/key_encoder.ts";
import type { Durability } from "../../pool/durability.ts";
import type { AbortOptions } from "./abort.ts";

/** Options of a put. */
export interface PutOptions {
  /** Milliseconds after which the key is gone; Infinity for never. @default never */
  ttl?: number | undefined;
  /**
   * Instead of `ttl`, when the key is gone, in milliseconds since the epoch; Infinity for never.
   *
   * @default never
   */
  expiresAt?: number | undefined;
  /**
   * What it survives when it is acknowledged, if that is more than the store's durability.
   * @default the store's
   */
  durability?: Durability | undefined;
}

/** Options of an increment. */
export interface IncrementOptions extends PutOptions {
  /** Like `ttl`, but only if the key does not exist; otherwise its expiry time stays. */
  ttlIfNew?: number | undefined;
}

/** Options of an increment that may be refused. */
export interface BoundedIncrementOptions extends IncrementOptions {
  /** The least that the sum may be. @default none */
  min?: number | undefined;
  /** The most that the sum may be. @default none */
  max?: number | undefined;
}

/** Options of a touch, which has one of the two times. */
export interface TouchOptions extends PutOptions {}

/**
 * An entry of `putMany`: a key and its value, and options for it alone, which are taken instead of
 * those for all.
 */
export type PutEntry<V, K extends Key = Key> =
  | readonly [key: K, value: V]
  | readonly [key: K, value: V, options: PutOptions | undefined];

/** Options of a put of many entries. */
export interface PutManyOptions extends PutOptions, AbortOptions {}

/** Options of a read of many values. */
export interface ReadOptions extends AbortOptions {
  /**
   * Called for each value that cannot be decoded, with an error that has its `key`. The read goes
   * on behind it, unless this throws. @default the read ends with the error
   */
  onDecodeError?: ((error: DecodeError) => void) | undefined;
}

/** Options of a read of the values of some keys. */
export interface ReadManyOptions extends ReadOptions {
  /**
   * Whether all values are those of one moment, at which each of them was current; for 4,096 keys
   * at most. @default false: each is current when it is read
   */
  consistent?: boolean | undefined;
}

/** Options of a read of the values of some keys that ends before it returns. */
export type ReadManySyncOptions = Omit<ReadManyOptions, "signal">;

/**
 * Which keys are meant: those for which all holds that is given. Keys are in the order of their
 * bytes, which for strings are UTF-8: the order of their code points. A bound need not be a key
 * that exists. In a namespace all is relative to its prefix.
 *
 * The order is known to a store that was opened with `ordered: true`; without it only `prefix` and
 * `limit` are taken.
 */
export interface RangeOptions {
  /** Only keys that start with it. @default all keys */
  prefix?: Key | undefined;
  /** Only keys that come after it. @default no bound */
  gt?: Key | undefined;
  /** Only this key and those that come after it. @default no bound */
  gte?: Key | undefined;
  /** Only keys that come before it. @default no bound */
  lt?: Key | undefined;
  /** Only this key and those that come before it. @default no bound */
  lte?: Key | undefined;
  /** Whether to begin with the last one. @default false */
  reverse?: boolean | undefined;
  /** How many keys at most. @default Infinity */
  limit?: number | undefined;
}

/** Options of an iteration. */
export interface IterationOptions extends ReadOptions, RangeOptions {}

/** Options of an iteration that blocks. */
export type IterationSyncOptions = Omit<IterationOptions, "signal">;

/** Options of a look at the first or the last key of a range. */
export type EndOptions = Omit<IterationOptions, "reverse" | "limit">;

/** Options of a look at the first or the last key of a range that returns it at once. */
export type EndSyncOptions = Omit<EndOptions, "signal">;

/** Options of what is done with all keys of a range. */
export interface KeysOptions extends RangeOptions, AbortOptions {}
