/**
 * Stores for middleware of Hono on a store of Dinomo: sessions for `hono-sessions`, counters for
 * `hono-rate-limiter`.
 *
 * @example
 * ```ts
 * import { Hono } from "hono";
 * import { rateLimiter } from "hono-rate-limiter";
 * import { sessionMiddleware } from "hono-sessions";
 * import { open } from "dinomo";
 * import { HonoRateLimitStore, HonoSessionStore } from "dinomo/hono";
 *
 * await using store = await open({ capacity: "64MiB" });
 * const app = new Hono();
 * app.use(sessionMiddleware({ store: new HonoSessionStore(store), expireAfterSeconds: 900 }));
 * app.use(rateLimiter({
 *   store: new HonoRateLimitStore(store),
 *   windowMs: 60_000,
 *   limit: 100,
 *   keyGenerator: (c) => c.req.header("x-forwarded-for") ?? "",
 * }));
 * ```
 *
 * @module
 */
import { epochMs } from "../platform/runtime.ts";
import { assertOptions } from "../store/arguments/option_names.ts";
import { type Changed, KEEP } from "../store/arguments/update_turn.ts";
import { assertPrefix, assertTtl, sessionEnd } from "./adapter_options.ts";
import { type StoreOrOptions, StoreSource } from "./store_source.ts";

export type { AnyStore, StoreOrOptions } from "./store_source.ts";

/** How long a session lives that does not say it: a day. */
const SESSION_TTL_MS = 24 * 60 * 60 * 1000;

/** Options of a session store. */
export interface HonoSessionStoreOptions {
  /** What the keys of the sessions begin with. @default "sess:" */
  prefix?: string | undefined;
  /** Milliseconds that a session lives that has no expiry time. @default a day */
  ttlMs?: number | undefined;
}

/** A session of `hono-sessions`. */
export interface HonoSession {
  /** Its id. */
  _id?: string;
  /** What the application has put into it. */
  // deno-lint-ignore no-explicit-any
  _data: Record<string, any>;
  /** When it ends, as an ISO date; null if it does not say. */
  _expire: string | null;
  /** Whether it is to be deleted. */
  _delete: boolean;
  /** When it was used, as an ISO date. */
  _accessed: string | null;
}

/**
 * A store for `hono-sessions`.
 *
 * A session that was deleted by one thread is not brought back by a request that another one still
 * works on.
 */
export class HonoSessionStore {
  readonly #source: StoreSource<HonoSession>;
  readonly #prefix: string;
  readonly #ttlMs: number;

  /**
   * Makes a store.
   *
   * @param source a store or a namespace of one, with string keys and of the codec "msgpack" or
   *   "json", which `close` leaves open; or options, for a store that is opened when it is needed,
   *   and closed by `close`
   * @throws {InvalidArgumentError} when the source or an option is not what it must be
   */
  constructor(source: StoreOrOptions, options: HonoSessionStoreOptions = {}) {
    assertOptions(options, ["prefix", "ttlMs"]);
    const { prefix = "sess:", ttlMs = SESSION_TTL_MS } = options;
    assertPrefix(prefix);
    assertTtl(ttlMs);
    this.#source = new StoreSource("HonoSessionStore", source);
    this.#prefix = prefix;
    this.#ttlMs = ttlMs;
  }

  /** Reads a session; null if there is none. */
  async getSessionById(sessionId?: string): Promise<HonoSession | null> {
    if (sessionId === undefined || sessionId === "") return null;
    const session = await (await this.#source.open()).get(this.#prefix + sessionId);
    if (session === undefined) return null;
    // The middleware changes what it is given; what a store with a cache returns is shared.
    return Object.isFrozen(session) ? structuredClone(session) : session;
  }

  /** Stores a session that is new. */
  async createSession(sessionId: string, session: HonoSession): Promise<void> {
    const store = await this.#source.open();
    await store.put(this.#prefix + sessionId, session, { expiresAt: this.#expiryOf(session) });
  }

  /** Stores a session that exists; one that does not is left as it is. */
  async persistSessionData(sessionId: string, session: HonoSession): Promise<void> {
    const store = await this.#source.open();
    const change = (old: HonoSession | undefined): Changed<HonoSession> =>
      old === undefined ? KEEP : session;
    await store.update(this.#prefix + sessionId, change, { expiresAt: this.#expiryOf(session) });
  }

  /** Deletes a session. */
  async deleteSession(sessionId: string): Promise<void> {
    await (await this.#source.open()).delete(this.#prefix + sessionId);
  }

  /** Ends the store: closes what it has opened itself. */
  async close(): Promise<void> {
    await this.#source.close();
  }

  #expiryOf({ _expire }: HonoSession): number {
    return Math.max(1, sessionEnd(_expire === null ? NaN : Date.parse(_expire), this.#ttlMs));
  }
}

/** Options of a store of counters. */
export interface HonoRateLimitStoreOptions {
  /** What the keys of the counters begin with. @default "rate:" */
  prefix?: string | undefined;
}

/** What a client has used up. */
export interface HonoRateLimitInfo {
  /** How many requests it has made in its window. */
  totalHits: number;
  /** When the window ends. */
  resetTime: Date;
}

/** A store for `hono-rate-limiter`: a client's window begins with its first request. */
export class HonoRateLimitStore {
  /** What the keys of the counters begin with. */
  readonly prefix: string;
  readonly #source: StoreSource<number>;
  #windowMs = 60_000;

  /**
   * Makes a store.
   *
   * @param source a store or a namespace of one, with string keys and of the codec "msgpack" or
   *   "json", which `shutdown` leaves open; or options, for a store that is opened when it is
   *   needed, and closed by `shutdown`
   * @throws {InvalidArgumentError} when the source or an option is not what it must be
   */
  constructor(source: StoreOrOptions, options: HonoRateLimitStoreOptions = {}) {
    assertOptions(options, ["prefix"]);
    const { prefix = "rate:" } = options;
    assertPrefix(prefix);
    this.prefix = prefix;
    this.#source = new StoreSource("HonoRateLimitStore", source);
  }

  /** Takes the middleware's options, of which it needs the length of a window. */
  init({ windowMs }: { windowMs: number }): void {
    this.#windowMs = windowMs;
  }

  /** What a client has used up; undefined if it has no window. */
  async get(key: string): Promise<HonoRateLimitInfo | undefined> {
    const entry = await (await this.#source.open()).getEntry(this.prefix + key);
    return entry && this.#infoOf(entry);
  }

  /** Counts a request of a client. */
  async increment(key: string): Promise<HonoRateLimitInfo> {
    const store = await this.#source.open();
    return this.#infoOf(
      await store.incrementEntry(this.prefix + key, 1, { ttlIfNew: this.#windowMs }),
    );
  }

  /** Takes a request back. */
  async decrement(key: string): Promise<void> {
    await (await this.#source.open()).increment(this.prefix + key, -1, { min: 0 });
  }

  /** Gives a client a new window. */
  async resetKey(key: string): Promise<void> {
    await (await this.#source.open()).delete(this.prefix + key);
  }

  /** Gives all clients a new window. */
  async resetAll(): Promise<void> {
    const { prefix } = this;
    await (await this.#source.open()).clear(prefix === "" ? {} : { prefix });
  }

  /** Ends the store: closes what it has opened itself. */
  async shutdown(): Promise<void> {
    await this.#source.close();
  }

  #infoOf(entry: { value: number; expiresAt?: number }): HonoRateLimitInfo {
    const resetTime = new Date(entry.expiresAt ?? epochMs() + this.#windowMs);
    return { totalHits: entry.value, resetTime };
  }
}
