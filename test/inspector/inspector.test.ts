/**
 * `dinomo/inspector`: who is answered, and with what.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { request } from "node:http";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { InvalidArgumentError, InvalidOptionError, open } from "dinomo";
import { type Inspector, type InspectorOptions, serveInspector } from "dinomo/inspector";
import { SLOT_COUNT } from "../../lib/core/limits.ts";
import { temporaryPath } from "../support/temporary.ts";

const TOKEN = "a-token_of-16-letters";

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  text: string;
  // deno-lint-ignore no-explicit-any
  body: any;
}

/** Asks as a browser would that has the inspector's address, unless told otherwise. */
function ask(
  { url }: Pick<Inspector, "url">,
  path: string,
  { method = "GET", headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { hostname, port, hash } = new URL(url);
  const sent = { authorization: `Bearer ${hash.slice(1)}`, ...headers };
  return new Promise((resolve, reject) => {
    const asking = request({ hostname, port, path, method, headers: sent, agent: false }, (got) => {
      let text = "";
      got.setEncoding("utf8").on("data", (part: string) => text += part);
      got.on("end", () => {
        const body = got.headers["content-type"]?.includes("json") ? JSON.parse(text) : undefined;
        resolve({ status: got.statusCode!, headers: got.headers, text, body });
      });
    });
    asking.on("error", reject).end();
  });
}

/** What a promise is rejected with; undefined if it is not. */
const rejection = (promise: Promise<unknown>) => promise.then(() => undefined, (error) => error);

const bytesOf = (text: string) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

test("a store whose pool another process has shows what that one would", async () => {
  const options = { path: temporaryPath(), processes: true, capacity: "4MiB" } as const;
  const host = await open<number>({ ...options, nodes: 3 });
  await using remote = await open<number>(options);
  for (let i = 0; i < 20; i++) await remote.put(`key ${i}`, i);
  await using inspector = await serveInspector(remote, { writable: true });
  await using own = await serveInspector(host);
  const [far, near] = [await ask(inspector, "/sample"), await ask(own, "/sample")];
  assert.equal([far.status, far.body.keys], [200, 20]);
  for (const name of ["owners", "states", "used", "live", "liveBytes", "writes", "nodes"]) {
    assert.equal(far.body[name], near.body[name], name);
  }
  assert.is((await ask(inspector, "/keys?prefix=key%201")).body.keys.length, 11);
  assert.is((await ask(inspector, "/value?key=key%207")).body.text, "7");
  assert.equal((await ask(inspector, "/scale?nodes=2", { method: "POST" })).body, { nodes: 2 });
  assert.is(host.nodes, 2);
  await host.close();
  const { status, body } = await ask(inspector, "/sample");
  assert.equal([status, body.keys], [200, 20], "this one has the pool by now");
});

test("the page needs no token, loads nothing, and may do nothing else", async () => {
  await using store = await open({ capacity: "1MiB" });
  await using inspector = await serveInspector(store);
  const { status, text, headers } = await ask(inspector, "/", { headers: { authorization: "" } });
  assert.is(status, 200);
  assert.not.match(text, /\b(?:src|href)=/);
  assert.not.match(text, /\sstyle="|\son[a-z]+="/);
  const policy = String(headers["content-security-policy"]);
  assert.match(policy, /^default-src 'none'; /);
  for (const [, kind, inside] of text.matchAll(/<(script|style)>([\s\S]*?)<\/\1>/g)) {
    const hash = createHash("sha256").update(inside!).digest("base64");
    assert.ok(policy.includes(`${kind}-src 'sha256-${hash}'`), `the policy allows the ${kind}`);
  }
  assert.not.match(text, TOKEN);
});

test("figures are those of the store", async () => {
  await using store = await open<number>({ capacity: "1MiB", nodes: 3, ordered: true });
  for (let i = 0; i < 50; i++) await store.put(`key ${i}`, i);
  await store.get("key 1");
  await store.get("nothing");
  await using inspector = await serveInspector(store);
  const { status, body } = await ask(inspector, "/sample");
  assert.is(status, 200);
  const stats = store.stats();
  assert.is(body.keys, 50);
  assert.is(body.writes, 50);
  assert.is(body.hits, 1);
  assert.is(body.misses, 1);
  assert.is(body.liveBytes, stats.liveBytes);
  assert.is(body.writable, false);
  assert.is(body.nodesMax, 12);
  const owners = bytesOf(body.owners);
  assert.is(owners.length, SLOT_COUNT);
  for (const { id, slots } of stats.nodes) {
    assert.is(owners.filter((owner) => owner === id).length, slots, `slots of KN ${id}`);
    assert.is(body.nodes.find((node: { id: number }) => node.id === id).slots, slots);
  }
  const states = bytesOf(body.states);
  const { free, open: opened, sealed, cleaning } = stats.segments;
  assert.is(states.length, free + opened + sealed + cleaning);
  assert.is(states.filter((state) => state === 1).length, opened);
  const [used, live] = [bytesOf(body.used), bytesOf(body.live)];
  assert.ok(used.some((share) => share > 0));
  for (const [i, share] of live.entries()) assert.ok(share <= used[i]! + 1, `segment ${i}`);
});

test("keys are found by what they begin with, and values are shown", async () => {
  await using store = await open<unknown>({ capacity: "1MiB", ordered: true });
  for (let i = 0; i < 30; i++) await store.put(`user:${i}`, { name: `user ${i}` });
  await store.put("0xff", "a key that looks like bytes", { ttl: 60_000 });
  await using inspector = await serveInspector(store);
  const found = await ask(inspector, "/keys?prefix=user:1&limit=5");
  assert.equal(found.body, {
    keys: ["user:1", "user:10", "user:11", "user:12", "user:13"],
    isMore: true,
  });
  assert.equal((await ask(inspector, "/keys?prefix=user:29")).body.isMore, false);
  const value = await ask(inspector, "/value?key=user:7");
  assert.is(value.body.text, "{ name: 'user 7' }");
  assert.is(value.body.version, (await store.getEntry("user:7"))!.version);
  const expiring = await ask(inspector, "/value?key=0xff");
  assert.is(expiring.body.expiresAt, (await store.getEntry("0xff"))!.expiresAt);
  assert.is((await ask(inspector, "/value?key=nobody")).status, 404);
  assert.is((await ask(inspector, "/value?key=")).status, 400);
  assert.is((await ask(inspector, "/elsewhere")).status, 404);
});

test("keys that are bytes are shown in hexadecimal", async () => {
  await using store = await open<string>({ capacity: "1MiB", keys: "bytes" });
  await store.put(Uint8Array.of(1, 0xfe), "here");
  await using inspector = await serveInspector(store);
  assert.equal((await ask(inspector, "/keys?prefix=0x01")).body.keys, ["0x01fe"]);
  assert.is((await ask(inspector, "/value?key=0x01fe")).body.text, "'here'");
});

test("a string that looks like bytes is told from them in a store of both", async () => {
  await using store = await open<string>({ capacity: "1MiB", keys: "mixed" });
  await store.put(Uint8Array.of(0xab), "bytes");
  await store.put("0xab", "a string");
  await using inspector = await serveInspector(store);
  const { keys } = (await ask(inspector, "/keys")).body;
  assert.equal([...keys].sort(), ["0xab", "string:0xab"]);
  assert.is((await ask(inspector, "/value?key=0xab")).body.text, "'bytes'");
  assert.is((await ask(inspector, "/value?key=string:0xab")).body.text, "'a string'");
});

test("a request without the token, or by another name, gets nothing", async () => {
  await using store = await open({ capacity: "1MiB" });
  await store.put("secret", 1);
  await using inspector = await serveInspector(store, { writable: true });
  const paths = [["GET", "/sample"], ["GET", "/keys"], ["GET", "/value?key=secret"]] as const;
  for (const [method, path] of [...paths, ["POST", "/scale?nodes=2"]] as const) {
    for (const authorization of ["", "Bearer ", `Bearer ${TOKEN}`, inspector.url.slice(-24)]) {
      const { status, body } = await ask(inspector, path, { method, headers: { authorization } });
      assert.is(status, 401, `${path} with ${authorization}`);
      assert.equal(Object.keys(body), ["error"]);
    }
    const rebound = await ask(inspector, path, { method, headers: { host: "evil.example" } });
    assert.is(rebound.status, 403);
  }
  assert.is(store.nodes, 1);
  assert.match(inspector.url, /^http:\/\/127\.0\.0\.1:\d+\/#[\w-]{24}$/);
});

test("what is no path is answered, and ends nobody", async () => {
  await using store = await open({ capacity: "1MiB" });
  await using inspector = await serveInspector(store);
  const statuses: number[] = [];
  for (const path of ["//", "//?", "/%", "http://[", "*", "/\\"]) {
    const { status } = await ask(inspector, path, { headers: { authorization: "" } });
    statuses.push(status);
  }
  // 400: of the server of the runtime.
  assert.ok(statuses.every((status) => [400, 401, 404].includes(status)), statuses.join());
  assert.is((await ask(inspector, "/sample")).status, 200, "it goes on");
});

test("the store is scaled if that is allowed, and only then", async () => {
  await using store = await open({ capacity: "1MiB" });
  await using reading = await serveInspector(store);
  const refused = await ask(reading, "/scale?nodes=2", { method: "POST" });
  assert.is(refused.status, 403);
  await using writing = await serveInspector(store, { writable: true, token: TOKEN });
  assert.ok(writing.url.endsWith(`#${TOKEN}`));
  assert.equal((await ask(writing, "/scale?nodes=2", { method: "POST" })).body, { nodes: 2 });
  assert.is(store.nodes, 2);
  assert.is((await ask(writing, "/scale?nodes=2")).status, 404, "GET changes nothing");
  for (const nodes of ["0", "x", "65"]) {
    assert.is((await ask(writing, `/scale?nodes=${nodes}`, { method: "POST" })).status, 400, nodes);
  }
  assert.is(store.nodes, 2);
});

test("a store that is closed is said to be, and the inspector ends by itself", async () => {
  const store = await open({ capacity: "1MiB" });
  const inspector = await serveInspector(store);
  await store.close();
  assert.is((await ask(inspector, "/sample")).status, 410);
  await inspector.close();
  await inspector.close();
  assert.ok(await rejection(ask(inspector, "/")) instanceof Error);
});

test("what is no store is refused", async () => {
  await using store = await open({ capacity: "1MiB" });
  for (const other of [undefined, null, {}, "store", store.namespace("a:")]) {
    const error = await rejection(serveInspector(other as never));
    assert.instance(error, InvalidArgumentError);
    assert.match(error.message, /^store must be what open has returned, got /);
  }
});

test("a port that is taken is refused, and so are options that mean nothing", async () => {
  await using store = await open({ capacity: "1MiB" });
  await using inspector = await serveInspector(store);
  const port = Number(new URL(inspector.url).port);
  const error = await rejection(serveInspector(store, { port })) as { code?: string };
  assert.is(error.code, "EADDRINUSE");
  const wrong: unknown[] = [
    { port: -1 },
    { port: 65536 },
    { port: "80" },
    { token: "short" },
    { token: "a".repeat(20) + " " },
    { writable: 1 },
    { host: "0.0.0.0" },
    null,
    5,
  ];
  for (const options of wrong) {
    const refused = await rejection(serveInspector(store, options as InspectorOptions));
    assert.instance(refused, InvalidOptionError);
    assert.not.match((refused as Error).message, "short");
  }
});

test.run();
