/**
 * `dinomo/express-session`: it answers as express-session's own store does, and keeps sessions by
 * their cookies.
 *
 * @module
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createRequire } from "node:module";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type SessionModule,
  type SessionOperations,
  sessionStore,
} from "../../lib/adapters/express_session.ts";
import { InvalidArgumentError, open, StoreClosedError } from "../../mod.ts";
import { AttachedThread } from "../support/attached_thread.ts";
import { assertRejects, assertThrows } from "../support/errors.ts";
import { temporaryPath } from "../support/temporary.ts";

interface Cookie {
  expires?: Date;
  maxAge?: number;
  originalMaxAge?: number;
  toJSON(): unknown;
}
interface Session {
  visits?: number;
  cookie: Cookie;
  destroy(callback: () => void): void;
}
interface Base {
  createSession(request: object, session: object): Session;
  on(event: string, listener: () => void): unknown;
}
type Middleware = (request: object, response: object, next: (error?: unknown) => void) => void;
interface ExpressSession extends SessionModule<Base> {
  (options: object): Middleware;
  MemoryStore: new () => Operations;
  Cookie: new (options?: object) => Cookie;
}
/** The operations of a store, with callbacks alone. */
type Operations = Record<"get" | "set" | "touch" | "destroy" | "all" | "length" | "clear", Method>;
// deno-lint-ignore no-explicit-any
type Method = (...args: any[]) => unknown;

const session = createRequire(import.meta.url)("express-session") as ExpressSession;
const INVALID = { type: InvalidArgumentError, code: "DINOMO_INVALID_ARGUMENT" } as const;

/** What a store answers to a program of operations, and how often it calls back for each. */
async function answersOf(store: Operations): Promise<unknown[]> {
  const answers: unknown[] = [];
  const call = async (name: keyof Operations, ...args: unknown[]) => {
    const answer = await new Promise((resolve, reject) => {
      store[name](
        ...args,
        (error: unknown, result: unknown) => error ? reject(error) : resolve(result),
      );
    });
    const sorted = name === "all" ? Object.entries(answer as object).sort() : answer ?? null;
    const plain = JSON.stringify(sorted, (key, value) => key === "expires" ? "set" : value);
    answers.push(`${name}: ${plain}`);
  };
  const lasting = (maxAge?: number) => {
    const cookie = new session.Cookie();
    if (maxAge === undefined) return cookie;
    cookie.maxAge = maxAge;
    // The cookie's own is what is left when it is read, which may be a millisecond less.
    cookie.originalMaxAge = maxAge;
    return cookie;
  };
  await call("get", "none");
  await call("set", "a", { visits: 1, deep: { list: [1, "x", null] }, cookie: lasting(60_000) });
  await call("set", "b", { visits: 2, cookie: lasting() });
  await call("get", "a");
  await call("all");
  await call("length");
  await call("touch", "a", { visits: 9, cookie: lasting(90_000) });
  // An application that lets a session last longer changes its cookie alone.
  await call("get", "a");
  await call("all");
  await call("touch", "none", { cookie: lasting() });
  await call("get", "none");
  await call("get", "b");
  await call("set", "c", { cookie: lasting(-1) });
  await call("get", "c");
  // A cookie of a session, as many applications write it.
  await call("set", "d", { cookie: { expires: false } });
  await call("touch", "d", { cookie: { expires: false } });
  await call("get", "d");
  await call("destroy", "b");
  await call("destroy", "none");
  await call("length");
  await call("clear");
  await call("length");
  await call("all");
  return answers;
}

for (const options of [{}, { placement: "far" }, { codec: "json" }] as const) {
  test(`${JSON.stringify(options)}: it answers what express-session's own store does`, async () => {
    await using store = await open<unknown>({ capacity: "8MiB", ...options } as object);
    await store.put("other", "1");
    const ours = sessionStore(session, store);
    const answers = await answersOf(ours as unknown as Operations);
    const expected = await answersOf(new session.MemoryStore());
    assert.is(answers.length, 23);
    assert.equal(answers, expected);
    assert.ok(ours instanceof session.Store);
    assert.is(await store.countKeys(), 1);
  });
}

test("a server counts visits in it, until the session is destroyed", async () => {
  await using store = await open({ capacity: "8MiB" });
  const use = session({
    store: sessionStore(session, store),
    secret: "s",
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: 60_000 },
  });
  const server = createServer((request, response) => {
    use(request, response, (error) => {
      if (error) return response.end(String(error));
      const { session } = request as unknown as { session: Session };
      if (request.url === "/end") return session.destroy(() => response.end("ended"));
      session.visits = (session.visits ?? 0) + 1;
      response.end(`${session.visits}`);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let cookie = "";
  const visit = async (path = "") => {
    const response = await fetch(url + path, { headers: { cookie, connection: "close" } });
    cookie = response.headers.get("set-cookie")?.split(";")[0] ?? cookie;
    return await response.text();
  };
  assert.is(await visit(), "1");
  assert.is(await visit(), "2");
  assert.is(await store.countKeys({ prefix: "sess:" }), 1);
  assert.is(await visit("/end"), "ended");
  assert.is(await store.countKeys({ prefix: "sess:" }), 0);
  assert.is(await visit(), "1");
  server.close();
  await once(server, "close");
});

test("a session expires with its cookie, to the millisecond, or after ttlMs", async () => {
  await using store = await open({ capacity: "8MiB" });
  const sessions = sessionStore(session, store, { prefix: "s:", ttlMs: 5_000 });
  const expires = new Date(Date.now() + 60_000);
  await sessions.set("a", { cookie: { expires } });
  assert.is((await store.getEntry("s:a"))!.expiresAt, expires.getTime());
  const later = new Date(Date.now() + 90_000);
  await sessions.touch("a", { cookie: { expires: later.toISOString() } });
  assert.is((await store.getEntry("s:a"))!.expiresAt, later.getTime());
  assert.equal(await sessions.get("a"), { cookie: { expires: later.toISOString() } });
  const before = Date.now();
  await sessions.set("b", { cookie: { expires: null } });
  const { expiresAt } = (await store.getEntry("s:b"))!;
  assert.ok(expiresAt! >= before + 5_000 && expiresAt! <= Date.now() + 5_000);
  await sessions.set("c", { cookie: { expires } });
  assert.is(await sessions.length(), 3);
  await sessions.set("c", { cookie: { expires: new Date(Date.now() + 200) } });
  await setTimeout(220);
  assert.is(await sessions.get("c"), null);
  await sessions.touch("a", { cookie: { expires: new Date(1) } });
  assert.is(await sessions.length(), 1);
  // The last moment that a date can be, by which applications say "never".
  await sessions.set("d", { cookie: { expires: new Date(8.64e15) } });
  await sessions.touch("b", { cookie: { expires: new Date(8.64e15) } });
  for (const key of ["s:d", "s:b"]) assert.is((await store.getEntry(key))!.expiresAt, undefined);
});

test("another thread has the session, and ends it", async () => {
  await using store = await open({ capacity: "8MiB" });
  const sessions = sessionStore(session, store);
  await sessions.set("a", { cookie: {} });
  const thread = await AttachedThread.start(store.share());
  assert.is(await thread.call("get", "sess:a"), '{"cookie":{}}');
  await thread.call("delete", "sess:a");
  assert.is(await sessions.get("a"), null);
  await thread.call("close");
  await thread.leave("exit", 0);
});

test("sessions in a directory are there again; what is closed or wrong is refused", async () => {
  const path = temporaryPath();
  const first: SessionOperations = sessionStore(session, { path, capacity: "8MiB" });
  await first.set("a", { cookie: {} });
  await first.close();
  const closed = { type: StoreClosedError, code: "DINOMO_CLOSED", says: /sessionStore must not/ };
  await assertRejects(() => first.get("a"), closed);
  const told = await new Promise((resolve) => first.get("a", (error) => resolve(error)));
  assert.instance(told, StoreClosedError);
  const second = sessionStore(session, { path });
  assert.equal(await second.get("a"), { cookie: {} });
  await second.close();

  const refused = (call: () => unknown, says: RegExp) => assertThrows(call, { ...INVALID, says });
  refused(() => sessionStore({} as never, {}), /session must be the module express-session/);
  refused(() => sessionStore(session, null as never), /sessionStore must be given/);
  refused(() => sessionStore(session, {}, { ttlMs: 0 }), /ttlMs/);
  refused(() => sessionStore(session, {}, { prefix: 1 } as never), /prefix/);
  refused(() => sessionStore(session, {}, { ttl: 1 } as never), /"ttl"/);
});

test.run();
