/**
 * A session store for `express-session` on a store of Dinomo.
 *
 * A session is a key that expires with its cookie, and its value is the session as JSON, which is
 * how express-session's own store keeps it. The package is not imported: the class is made of the
 * `Store` of the module that the application has.
 *
 * @example
 * ```ts
 * import session from "express-session";
 * import { open } from "dinomo";
 * import { sessionStore } from "dinomo/express-session";
 *
 * await using store = await open({ capacity: "64MiB" });
 * const sessions = sessionStore(session, store);
 * await sessions.set("1", { cookie: { expires: new Date(Date.now() + 60_000) } });
 * console.log(await sessions.length()); // 1; app.use(session({ store: sessions, ... }))
 * ```
 *
 * @module
 */
import { describe, InvalidArgumentError } from "../core/errors.ts";
import { epochMs, runNextTurn } from "../platform/runtime.ts";
import { assertOptions } from "../store/arguments/option_names.ts";
import { type Changed, KEEP } from "../store/arguments/update_turn.ts";
import { assertPrefix, assertTtl, sessionEnd } from "./adapter_options.ts";
import { type StoreOrOptions, StoreSource } from "./store_source.ts";

export type { AnyStore, StoreOrOptions } from "./store_source.ts";

/** What the keys of sessions begin with unless it is said. */
const PREFIX = "sess:";
/** How long a session lives whose cookie does not say it: a day. */
const TTL_MS = 24 * 60 * 60 * 1000;

/** Options of a session store. */
export interface SessionStoreOptions {
  /** What the keys of the sessions begin with. @default "sess:" */
  prefix?: string | undefined;
  /** Milliseconds that a session lives whose cookie has no expiry time. @default a day */
  ttlMs?: number | undefined;
}

/** A session, as far as the store looks at it. */
export interface StoredSession {
  /**
   * What the cookie says; without an expiry time, or with false, it lasts as long as the browser.
   */
  cookie?: { expires?: Date | string | false | null | undefined } | undefined;
}

/** Called when an operation has ended: with an error, or null and the result. */
// deno-lint-ignore no-explicit-any
export type SessionCallback = (error: any, result?: any) => void;

/** The operations of a session store. Each also returns a promise of its result. */
export interface SessionOperations {
  /** Reads a session; null if there is none. */
  get(sid: string, callback?: SessionCallback): Promise<unknown>;
  /** Stores a session until its cookie expires. */
  set(sid: string, session: StoredSession, callback?: SessionCallback): Promise<void>;
  /** Gives a session another cookie, and lets it live until that expires. */
  touch(sid: string, session: StoredSession, callback?: SessionCallback): Promise<void>;
  /** Deletes a session. */
  destroy(sid: string, callback?: SessionCallback): Promise<void>;
  /** Reads all sessions: an object that has them by their ids. */
  all(callback?: SessionCallback): Promise<Record<string, unknown>>;
  /** How many sessions there are. */
  length(callback?: SessionCallback): Promise<number>;
  /** Deletes all sessions. */
  clear(callback?: SessionCallback): Promise<void>;
  /** Ends the store: closes what it has opened itself. */
  close(callback?: SessionCallback): Promise<void>;
}

/** The module `express-session`, as far as it is needed. */
export interface SessionModule<Base> {
  /** The class that session stores extend. */
  readonly Store: abstract new () => Base;
}

/**
 * Makes a session store.
 *
 * @param session the module `express-session`
 * @param source a store or a namespace of one, with string keys and of the codec "msgpack" or
 *   "json", which `close` leaves open; or options, for a store that is opened when it is needed,
 *   and closed by `close`
 * @throws {InvalidArgumentError} when an argument or an option is not what it must be
 */
export function sessionStore<Base extends object>(
  session: SessionModule<Base>,
  source: StoreOrOptions,
  options: SessionStoreOptions = {},
): Base & SessionOperations {
  if (typeof session?.Store !== "function") {
    throw new InvalidArgumentError(
      `session must be the module express-session, got ${describe(session)}`,
    );
  }
  assertOptions(options, ["prefix", "ttlMs"]);
  const { prefix = PREFIX, ttlMs = TTL_MS } = options;
  assertPrefix(prefix);
  assertTtl(ttlMs);
  const sessions = new Sessions(new StoreSource<string>("sessionStore", source), prefix, ttlMs);

  class DinomoSessionStore extends (session.Store as unknown as new () => object)
    implements SessionOperations {
    get(sid: string, callback?: SessionCallback): Promise<unknown> {
      return tell(sessions.get(sid), callback);
    }

    set(sid: string, session: StoredSession, callback?: SessionCallback): Promise<void> {
      return tell(sessions.set(sid, session), callback);
    }

    touch(sid: string, session: StoredSession, callback?: SessionCallback): Promise<void> {
      return tell(sessions.touch(sid, session), callback);
    }

    destroy(sid: string, callback?: SessionCallback): Promise<void> {
      return tell(sessions.destroy(sid), callback);
    }

    all(callback?: SessionCallback): Promise<Record<string, unknown>> {
      return tell(sessions.all(), callback);
    }

    length(callback?: SessionCallback): Promise<number> {
      return tell(sessions.count(), callback);
    }

    clear(callback?: SessionCallback): Promise<void> {
      return tell(sessions.clear(), callback);
    }

    close(callback?: SessionCallback): Promise<void> {
      return tell(sessions.close(), callback);
    }
  }
  return new DinomoSessionStore() as unknown as Base & SessionOperations;
}

/**
 * Tells a callback what a promise has come to. What the callback throws is the application's, and
 * reaches it as what is thrown in any callback does: not as a rejection of this promise.
 */
function tell<Result>(
  result: Promise<Result>,
  callback: SessionCallback | undefined,
): Promise<Result> {
  if (callback === undefined) return result;
  result.then(
    (value) => runNextTurn(() => callback(null, value)),
    (error) => runNextTurn(() => callback(error)),
  );
  return result.catch(() => undefined as never);
}

/** The sessions in a store. */
class Sessions {
  readonly #source: StoreSource<string>;
  readonly #prefix: string;
  readonly #ttlMs: number;

  constructor(source: StoreSource<string>, prefix: string, ttlMs: number) {
    this.#source = source;
    this.#prefix = prefix;
    this.#ttlMs = ttlMs;
  }

  async get(sid: string): Promise<unknown> {
    const json = await (await this.#source.open()).get(this.#prefix + sid);
    return json === undefined ? null : JSON.parse(json);
  }

  async set(sid: string, session: StoredSession): Promise<void> {
    const store = await this.#source.open();
    const expiresAt = this.#expiryOf(session);
    if (expiresAt <= epochMs()) await store.delete(this.#prefix + sid);
    else await store.put(this.#prefix + sid, JSON.stringify(session), { expiresAt });
  }

  async touch(sid: string, session: StoredSession): Promise<void> {
    const store = await this.#source.open();
    const expiresAt = this.#expiryOf(session);
    if (expiresAt <= epochMs()) await store.delete(this.#prefix + sid);
    else {
      // The rest of the session is another request's to change.
      const change = (json: string | undefined): Changed<string> =>
        json === undefined ? KEEP : JSON.stringify({ ...JSON.parse(json), cookie: session.cookie });
      await store.update(this.#prefix + sid, change, { expiresAt });
    }
  }

  async destroy(sid: string): Promise<void> {
    await (await this.#source.open()).delete(this.#prefix + sid);
  }

  async all(): Promise<Record<string, unknown>> {
    const store = await this.#source.open();
    const sessions: Record<string, unknown> = Object.create(null);
    for await (const [key, json] of store.entries({ prefix: this.#prefix })) {
      sessions[key.slice(this.#prefix.length)] = JSON.parse(json);
    }
    return sessions;
  }

  async count(): Promise<number> {
    return await (await this.#source.open()).countKeys({ prefix: this.#prefix });
  }

  async clear(): Promise<void> {
    await (await this.#source.open()).clear({ prefix: this.#prefix });
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  #expiryOf({ cookie }: StoredSession): number {
    const expires = cookie?.expires;
    return sessionEnd(expires ? Number(new Date(expires)) : NaN, this.#ttlMs);
  }
}
