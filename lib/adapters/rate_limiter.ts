/**
 * A limiter of the family `rate-limiter-flexible` on a store of Dinomo: all threads count together.
 *
 * A key's points are a number that expires; consuming is one increment at the key, which sets the
 * expiry time if the key is new, so that no request is lost or counted in another window.
 *
 * The package `rate-limiter-flexible` has to be installed beside this one.
 *
 * @example
 * ```ts
 * import { open } from "dinomo";
 * import { RateLimiterDinomo } from "dinomo/rate-limiter";
 *
 * await using store = await open({ capacity: "64MiB" });
 * const limiter = new RateLimiterDinomo({ storeClient: store, points: 2, duration: 60 });
 * console.log((await limiter.consume("ada")).remainingPoints); // 1
 * ```
 *
 * @module
 */
import {
  RateLimiterRedis,
  RateLimiterRes,
  type RateLimiterStoreAbstract,
} from "rate-limiter-flexible";
import { epochMs } from "../platform/runtime.ts";
import type { Entry } from "../store/arguments/entry.ts";
import { type StoreOrOptions, StoreSource } from "./store_source.ts";

export type { AnyStore, StoreOrOptions } from "./store_source.ts";

/** Options of a limiter: these, and those that `rate-limiter-flexible` has for all stores. */
export interface RateLimiterDinomoOptions {
  /**
   * A store or a namespace of one, with string keys and of the codec "msgpack" or "json", which
   * `close` leaves open; or options, for a store that is opened when it is needed, and closed by
   * `close`.
   */
  storeClient: StoreOrOptions;
  /** How many points a key has. */
  points: number;
  /** Seconds after which a key has them again; 0 for never. */
  duration: number;
  /** What the keys begin with, before a colon. @default "rlflx" */
  keyPrefix?: string | undefined;
  /** The other ones: see `rate-limiter-flexible`. */
  // deno-lint-ignore no-explicit-any
  [name: string]: any;
}

/** What limiters with a store extend: `rate-limiter-flexible` exports only those that do. */
export const LimiterBase: typeof RateLimiterStoreAbstract = Object.getPrototypeOf(RateLimiterRedis);

/** A limiter whose points are in a store of Dinomo. */
export class RateLimiterDinomo extends LimiterBase {
  readonly #source: StoreSource<number>;

  /**
   * Makes a limiter.
   *
   * @throws {InvalidArgumentError} when `storeClient` is not what it must be
   */
  constructor(options: RateLimiterDinomoOptions) {
    super(options as never);
    this.#source = new StoreSource("RateLimiterDinomo", options?.storeClient);
  }

  /** Ends the limiter: closes the store if the limiter has opened it. */
  async close(): Promise<void> {
    await this.#source.close();
  }

  /** The key of the store. A number that no prefix makes a string is the key of its digits. */
  override getKey(key: string | number): string {
    return String(super.getKey(key));
  }

  /** Used by `rate-limiter-flexible`. */
  protected async _upsert(
    key: string,
    points: number,
    durationMs: number,
    replaces = false,
  ): Promise<Entry<number>> {
    const store = this.#source.current ?? await this.#source.open();
    const lasts = durationMs > 0;
    if (replaces) {
      const version = await store.put(key, points, lasts ? { ttl: durationMs } : undefined);
      const entry = { value: points, version };
      return lasts ? { ...entry, expiresAt: epochMs() + durationMs } : entry;
    }
    return await store.incrementEntry(key, points, lasts ? { ttlIfNew: durationMs } : undefined);
  }

  /** Used by `rate-limiter-flexible`. */
  protected async _get(key: string): Promise<Entry<number> | null> {
    const store = this.#source.current ?? await this.#source.open();
    return await store.getEntry(key) ?? null;
  }

  /** Used by `rate-limiter-flexible`. */
  protected async _delete(key: string): Promise<boolean> {
    const store = this.#source.current ?? await this.#source.open();
    return await store.delete(key);
  }

  /** Used by `rate-limiter-flexible`. */
  protected _getRateLimiterRes(
    _key: string,
    changedPoints: number,
    { value, expiresAt }: Entry<number>,
  ): RateLimiterRes {
    const { points } = this as unknown as { points: number };
    const msBeforeNext = expiresAt === undefined ? -1 : Math.max(expiresAt - epochMs(), 0);
    return new RateLimiterRes(
      Math.max(points - value, 0),
      msBeforeNext,
      value,
      value === changedPoints,
    );
  }
}
