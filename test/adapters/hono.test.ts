/**
 * `dinomo/hono`: sessions and limits of requests, as Hono's middleware uses them.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { Hono } from "hono";
import { rateLimiter } from "hono-rate-limiter";
import { type Session, sessionMiddleware } from "hono-sessions";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HonoRateLimitStore, type HonoSession, HonoSessionStore } from "../../lib/adapters/hono.ts";
import { InvalidArgumentError, open, StoreClosedError } from "../../mod.ts";
import { AttachedThread } from "../support/attached_thread.ts";
import { assertRejects, assertThrows } from "../support/errors.ts";
import { temporaryPath } from "../support/temporary.ts";

const INVALID = { type: InvalidArgumentError, code: "DINOMO_INVALID_ARGUMENT" } as const;
const session = (expire: string | null = null): HonoSession => ({
  _data: { n: { value: 1, flash: false } },
  _expire: expire,
  _delete: false,
  _accessed: null,
});

/** An application that counts visits in a session. */
function counting(store: HonoSessionStore): (path?: string) => Promise<string> {
  const app = new Hono<{ Variables: { session: Session } }>();
  app.use(sessionMiddleware({ store, expireAfterSeconds: 60 }) as never);
  app.get("/", (c) => {
    const session = c.get("session");
    const visits = Number(session.get("visits") ?? 0) + 1;
    session.set("visits", visits);
    return c.text(`${visits}`);
  });
  app.get("/end", (c) => {
    c.get("session").deleteSession();
    return c.text("ended");
  });
  let cookie = "";
  return async (path = "/") => {
    const response = await app.request(path, { headers: { cookie } });
    cookie = response.headers.get("set-cookie")?.split(";")[0] ?? cookie;
    return await response.text();
  };
}

for (
  const options of [{}, { cache: "1MiB" }, { placement: "far" }, { codec: "json" }] as const
) {
  test(`${JSON.stringify(options)}: visits are counted in a session, and requests`, async () => {
    await using store = await open<unknown>({ capacity: "8MiB", ...options });
    const limits = new HonoRateLimitStore(store);
    for (const hits of [1, 2]) assert.is((await limits.increment("ada")).totalHits, hits);
    const visit = counting(new HonoSessionStore(store));
    for (const count of ["1", "2", "3"]) assert.is(await visit(), count);
    assert.is(await store.countKeys({ prefix: "sess:" }), 1);
    assert.is(await visit("/end"), "ended");
    assert.is(await store.countKeys({ prefix: "sess:" }), 0);
    assert.is(await visit(), "1");
  });
}

test("a session expires when it says, to the millisecond, or after ttlMs", async () => {
  await using store = await open({ capacity: "8MiB" });
  const sessions = new HonoSessionStore(store, { prefix: "s:", ttlMs: 5_000 });
  const expires = new Date(Date.now() + 60_000);
  await sessions.createSession("a", session(expires.toISOString()));
  assert.is((await store.getEntry("s:a"))!.expiresAt, expires.getTime());
  const before = Date.now();
  await sessions.persistSessionData("a", session());
  const { expiresAt } = (await store.getEntry("s:a"))!;
  assert.ok(expiresAt! >= before + 5_000 && expiresAt! <= Date.now() + 5_000);
  await sessions.createSession("never", session(new Date(8.64e15).toISOString()));
  assert.is((await store.getEntry("s:never"))!.expiresAt, undefined, "the last date there is");
  await sessions.persistSessionData("a", session(new Date(Date.now() + 200).toISOString()));
  await setTimeout(220);
  assert.is(await sessions.getSessionById("a"), null);
  assert.is(await sessions.getSessionById(), null);
});

test("a session that another thread has ended is not brought back", async () => {
  await using store = await open({ capacity: "8MiB" });
  const sessions = new HonoSessionStore(store);
  await sessions.createSession("a", session());
  const thread = await AttachedThread.start(store.share());
  assert.equal(await thread.call("get", "sess:a"), session());
  await thread.call("delete", "sess:a");
  await sessions.persistSessionData("a", session());
  assert.is(await sessions.getSessionById("a"), null);
  await thread.call("close");
  await thread.leave("exit", 0);
});

test("requests are limited, also those that come at once", async () => {
  await using store = await open({ capacity: "8MiB" });
  /** What an app answers to those who ask it. */
  const appOf = (prefix: string, windowMs: number, limit: number) => {
    const app = new Hono();
    app.use(rateLimiter({
      store: new HonoRateLimitStore(store, { prefix }) as never,
      windowMs,
      limit,
      keyGenerator: (c) => c.req.header("client") ?? "",
    }));
    app.get("/", (c) => c.text("ok"));
    return async (client: string) => (await app.request("/", { headers: { client } })).status;
  };
  const ask = appOf("long:", 60_000, 10);
  const answers = await Promise.all(Array.from({ length: 30 }, () => ask("ada")));
  assert.is(answers.filter((status) => status === 200).length, 10);
  assert.is(answers.filter((status) => status === 429).length, 20);
  assert.is(await ask("bob"), 200);
  const askSoon = appOf("short:", 50, 1);
  assert.is(await askSoon("ada"), 200);
  await setTimeout(70);
  assert.is(await askSoon("ada"), 200, "a window has ended");
});

test("a window begins with its first request and is counted in all threads", async () => {
  await using store = await open({ capacity: "8MiB" });
  const limits = new HonoRateLimitStore(store, { prefix: "r:" });
  limits.init({ windowMs: 60_000 });
  assert.is(await limits.get("a"), undefined);
  const before = Date.now();
  const first = await limits.increment("a");
  assert.is(first.totalHits, 1);
  assert.ok(first.resetTime.getTime() >= before + 60_000);
  assert.ok(first.resetTime.getTime() <= Date.now() + 60_000);
  const thread = await AttachedThread.start(store.share());
  await thread.call("increment", "r:a");
  assert.equal(await limits.increment("a"), { totalHits: 3, resetTime: first.resetTime });
  await limits.decrement("a");
  assert.equal(await limits.get("a"), { totalHits: 2, resetTime: first.resetTime });
  await limits.resetKey("a");
  await limits.decrement("a");
  assert.is(await limits.get("a"), undefined);
  await limits.increment("b");
  await store.put("other", 1);
  await limits.resetAll();
  assert.is(await store.countKeys(), 1);
  await thread.call("close");
  await thread.leave("exit", 0);
});

test("what is in a directory is there again; what is closed or wrong is refused", async () => {
  const path = temporaryPath();
  const first = new HonoSessionStore({ path, capacity: "8MiB" });
  await first.createSession("a", session());
  await first.close();
  const closed = { type: StoreClosedError, code: "DINOMO_CLOSED" } as const;
  await assertRejects(() => first.getSessionById("a"), {
    ...closed,
    says: /HonoSessionStore must/,
  });
  const second = new HonoSessionStore({ path });
  assert.equal(await second.getSessionById("a"), session());
  await second.close();
  const limits = new HonoRateLimitStore({ capacity: "8MiB" });
  await limits.increment("a");
  await limits.shutdown();
  await assertRejects(() => limits.get("a"), { ...closed, says: /HonoRateLimitStore must/ });

  const refused = (call: () => unknown, says: RegExp) => assertThrows(call, { ...INVALID, says });
  refused(() => new HonoSessionStore(5 as never), /HonoSessionStore must be given/);
  refused(() => new HonoSessionStore({}, { ttlMs: NaN }), /ttlMs/);
  refused(() => new HonoRateLimitStore(null as never), /HonoRateLimitStore must be given/);
  refused(() => new HonoRateLimitStore({}, { prefix: 1 } as never), /prefix/);
  refused(() => new HonoRateLimitStore({}, { ttlMs: 1 } as never), /"ttlMs"/);
});

test.run();
