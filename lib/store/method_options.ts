/**
 * The options of the store's methods, as an application writes them.
 *
 * @module
 */
import type { DecodeError } from "../core/errors.ts";
import type { Key } from "../core/key_encoder.ts";
import type { Durability } from "../pool/durability.ts";
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

/** Options of an iteration. */
export interface IterationOptions extends ReadOptions {
  /** Only keys that start with it. @default all keys */
  prefix?: Key | undefined;
}

/** Options of an iteration that blocks. */
export type IterationSyncOptions = Omit<IterationOptions, "signal">;
