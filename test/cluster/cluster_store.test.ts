/**
 * A store of a cluster as an application sees it, over a real server: options, operations, what is
 * refused, and what comes by a connection to its node.
 *
 * @module
 */
import { once } from "node:events";
import { connect } from "node:net";
import { setImmediate } from "node:timers";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { encodeMessage } from "../../lib/gateway/json_frames.ts";
import { RequestFrame } from "../../lib/gateway/request_frames.ts";
import {
  CLUSTER_FORMAT,
  ClusterFrame,
  encodeClusterHello,
  makeNonce,
} from "../../lib/cluster/network/cluster_handshake.ts";
import { encode, type Settings } from "../../lib/cluster/control/command.ts";
import { CONTROL_STREAM } from "../../lib/cluster/control/control_log.ts";
import { connectJetStream } from "../../lib/cluster/engine/jetstream.ts";
import { serveInspector } from "../../lib/inspector/mod.ts";
import { encodeFrame, FrameReader } from "../../lib/wire/frame.ts";
import {
  type ClusterOptions,
  InvalidOptionError,
  NotInClusterError,
  open,
  type OpenOptions,
  type Store,
  UnavailableError,
} from "../../mod.ts";
import { until } from "../support/cluster/cluster_user.ts";
import { NatsServers } from "../support/cluster/nats_servers.ts";

const SECRET = "what nobody else knows";

let servers: NatsServers;
let cluster: ClusterOptions;
let store: Store<unknown>;

test.before(async () => {
  servers = await NatsServers.start(1);
  cluster = { servers: servers.urls, name: "shop", secret: SECRET, leaseMs: 2000 };
  store = await open({ cluster });
});

test.after(async () => {
  await store.close();
  await servers.stop();
});

/** Opens, which has to be refused; returns what is said. */
async function refused(options: OpenOptions): Promise<string> {
  try {
    await (await open(options)).close();
  } catch (error) {
    assert.instance(error, InvalidOptionError);
    return (error as Error).message;
  }
  throw new Error("the options must be refused");
}

test("options are checked before anything is done", async () => {
  const given = { servers: ["nats://127.0.0.1:1"], name: "shop" };
  const of = (wrong: object) => refused({ cluster: { ...given, ...wrong } as ClusterOptions });
  for (const servers of [[], [""], ["a b"], ["one:4222,two:4222"], ["nats://ann:pw1@one"]]) {
    const said = await of({ servers });
    assert.match(said, "cluster.servers must be a list of addresses");
    assert.not.match(said, "pw1");
  }
  assert.match(await of({ name: "a.b" }), "cluster.name must be 1 to 64 letters");
  assert.match(await of({ node: -1 }), "cluster.node must be");
  assert.match(await of({ replicas: 2 }), "cluster.replicas must be 1, 3 or 5");
  assert.match(await of({ leaseMs: 1 }), "cluster.leaseMs must be");
  assert.match(await of({ balance: 0.2 }), "cluster.balance must be a boolean");
  assert.match(await of({ copies: 1 }), "cluster.copies must be a boolean");
  assert.match(await of({ port: 70_000 }), "cluster.port must be");
  assert.match(await of({ members: 3 }), "cluster must have options among servers, name, node");
  assert.match(await of({ host: "10.0.0.1" }), "cluster.tls and cluster.secret must both be given");
  for (const cache of [-1, 1.5, "much", "33GiB", null, Infinity]) {
    assert.match(await of({ cache }), "cluster.cache must be", String(cache));
  }
  const short = await of({ secret: "0123" });
  assert.match(short, /cluster\.secret must have at least 16 characters, got 4$/);
  assert.match(await of({ secret: 123_456 }), /characters, got what is no string$/);
  for (const beside of [{ path: "./data" }, { nodes: 2 }, { cache: "1MiB" }, { ordered: true }]) {
    const [name] = Object.keys(beside);
    const said = await refused({ cluster: given, ...beside } as OpenOptions);
    assert.match(said, `${name} must be left out with cluster`);
  }
});

test("servers that cannot be reached are told", async () => {
  try {
    await open({ cluster: { servers: ["127.0.0.1:1"], name: "shop" } });
    assert.unreachable();
  } catch (error) {
    assert.instance(error, UnavailableError);
    assert.match((error as Error).message, "cluster.servers must name a server of NATS");
  }
});

test("an address that is none is an option that is wrong", async () => {
  for (const server of ["nats://", "ws://127.0.0.1:1", "127.0.0.1:99999"]) {
    assert.match(
      await refused({ cluster: { servers: [server], name: "shop" } }),
      "cluster.servers",
    );
  }
});

test("all openers of a cluster must want the same", async () => {
  const of = (other: OpenOptions, changed: object = {}) =>
    refused({ ...other, cluster: { ...cluster, ...changed } });
  assert.match(
    await of({ codec: "json" }),
    'codec must be what the cluster was made with, "msgpack"',
  );
  assert.match(await of({ keys: "mixed" } as object), "keys must be what the cluster");
  assert.match(await of({}, { leaseMs: 3000 }), "cluster.leaseMs must be what the cluster");
  assert.match(await of({}, { replicas: 3 }), "cluster.replicas must be what the cluster");
  const other = await of({}, { secret: "something else, quite long" });
  assert.match(other, "cluster.secret must be the one that the cluster was made with");
  assert.match(await of({}, { secret: undefined }), "cluster.secret must be the one");
});

test("a cluster that another release has made is refused", async () => {
  const name = "older";
  const engine = await connectJetStream({ servers: servers.urls, name, replicas: 1 });
  await new Promise<void>((resolve) => engine.createStream(CONTROL_STREAM, () => resolve()));
  const settings: Settings = {
    kind: "settings",
    hashKey: [1, 2],
    keys: "string",
    codec: "msgpack",
    replicas: 1,
    leaseMs: 2000,
    proof: "",
  };
  await new Promise<void>((resolve) => {
    const body = encode(settings);
    engine.append(CONTROL_STREAM, "settings", body, undefined, () => resolve());
  });
  await engine.close();
  const said = await refused({ cluster: { servers: servers.urls, name } });
  assert.match(said, "cluster.name must be of a cluster whose streams have format 4");
  assert.match(said, "got one of format 1");
});

test("operations of keys do what they do on one machine", async () => {
  await store.put("user", { name: "Ada", tags: [1, 2] });
  const { version } = (await store.getEntry("user"))!;
  assert.equal(await store.get("user"), { name: "Ada", tags: [1, 2] });
  assert.is(await store.compareAndSet("user", version + 1, "no"), undefined);
  assert.ok((await store.compareAndSet("user", version, "yes"))! > version);
  assert.is(await store.compareAndSet("user", null, "no"), undefined);
  assert.is(await store.increment("count", 2), 2);
  assert.is(await store.increment("count", 5, { max: 6 }), undefined);
  assert.is(await store.increment("count", 4, { max: 6 }), 6);
  assert.is(await store.update("count", (n) => (n as number) * 7), 42);
  assert.is(await store.getAndDelete("count"), 42);
  assert.is(await store.has("count"), false);
  assert.is(await store.delete("count"), false);
  await store.putMany(Array.from({ length: 300 }, (_, i) => [`many ${i}`, i]));
  const names = Array.from({ length: 301 }, (_, i) => `many ${i}`);
  assert.equal(await store.getMany(names), [
    ...Array.from({ length: 300 }, (_, i) => i),
    undefined,
  ]);
  assert.equal(await store.deleteMany(names), names.map((_, i) => i < 300));
  await store.put("soon", 1, { expiresAt: Date.now() - 1 });
  assert.is(await store.get("soon"), undefined);
  await store.put("later", 1, { ttl: 60_000 });
  assert.ok((await store.getEntry("later"))!.expiresAt! > Date.now());
  const large = "x".repeat(400_000);
  await store.put("large", large);
  assert.is(await store.get("large"), large);
  const space = store.namespace<number>("space:");
  await space.put("a", 1);
  assert.is(await store.get("space:a"), 1);
});

test("what is issued for a key is done in its order, awaited or not", async () => {
  const sums = await Promise.all(Array.from({ length: 200 }, () => store.increment("ordered")));
  assert.equal(sums, Array.from({ length: 200 }, (_, i) => i + 1));
  for (let i = 0; i < 20; i++) {
    void store.put("last", 2 * i);
    void store.delete("last");
    void store.put("last", 2 * i + 1);
    assert.is(await store.get("last"), 2 * i + 1);
  }
});

test("keys are listed, each once, with what is stored", async () => {
  const space = store.namespace<number>("listed:");
  const entries = Array.from({ length: 400 }, (_, i): [string, number] => [`key ${i}`, i]);
  await space.putMany(entries);
  await space.put("large", 1);
  const found: [string, number][] = [];
  for await (const entry of space.entries()) found.push(entry);
  assert.equal(found.sort(([, a], [, b]) => a - b).filter(([key]) => key !== "large"), entries);
  void space.delete("large");
  const names: string[] = [];
  for await (const key of store.keys({ prefix: "listed:key 1" })) names.push(key);
  assert.equal(new Set(names).size, names.length);
  assert.is(names.length, 111);
  assert.is(await space.countKeys(), 400);
  await space.clear();
  assert.is(await space.countKeys(), 0);
});

test("all keys are deleted, or those with a prefix, and what was just put with them", async () => {
  await store.putMany(Array.from({ length: 300 }, (_, i) => [`old:${i}`, i]));
  await store.put("left", 1);
  void store.put("old:late", 1);
  await store.clear({ prefix: "old:" });
  assert.is(await store.countKeys({ prefix: "old:" }), 0);
  assert.is(await store.get("left"), 1);
  void store.put("old:late", 1);
  await store.clear();
  assert.is(await store.countKeys(), 0);
  assert.equal(await store.getMany(["left", "old:late", "user"]), [
    undefined,
    undefined,
    undefined,
  ]);
});

test("who watches keys gets their last states: put, deleted or expired by whomever", async () => {
  const asking = await open<number>({ cluster: { ...cluster, node: false } });
  const watch = asking.watch(["watched a", "watched b"], { keepAlive: true });
  const next = async () => {
    const { value } = await watch.next();
    return (value as ({ value: number } | undefined)[]).map((entry) => entry?.value);
  };
  assert.equal(await next(), [undefined, undefined]);
  await store.put("watched a", 1);
  assert.equal(await next(), [1, undefined]);
  for (let i = 2; i < 200; i++) void store.put("watched a", i);
  while ((await next())[0] !== 199);
  await store.put("watched b", 1, { ttl: 1500 });
  assert.equal(await next(), [199, 1]);
  assert.equal(await next(), [199, undefined]);
  await store.delete("watched a");
  assert.equal(await next(), [undefined, undefined]);
  await asking.close();
  assert.match(String(await watch.next().catch(String)), "has been closed");
});

test("who watches a prefix is told of its changes, and when some are missing", async () => {
  const watch = store.watch({ prefix: "job:" }, { keepAlive: true });
  const next = async () => (await watch.next()).value as { kind: string; key?: string };
  assert.equal(await next(), { kind: "resync" });
  const asking = await open<number>({ cluster: { ...cluster, node: false } });
  await asking.put("other", 1);
  await asking.put("job:1", 1);
  const { version } = (await asking.getEntry("job:1"))!;
  assert.equal(await next(), { kind: "put", key: "job:1", version });
  await asking.delete("job:1");
  const { kind, key } = await next();
  assert.equal([kind, key], ["delete", "job:1"]);
  // More than may wait, here and at the node.
  const long = "x".repeat(400);
  for (let i = 0; i < 5; i++) {
    await asking.putMany(Array.from({ length: 1000 }, (_, j) => [`job:${long}:${i}:${j}`, i]));
  }
  while ((await next()).kind !== "resync");
  await asking.put("job:last", 1);
  while ((await next()).key !== "job:last");
  await asking.close();
  const end = new AbortController();
  const ending = store.watch({ prefix: "" }, { signal: end.signal });
  await ending.next();
  const waiting = ending.next().catch(() => "aborted");
  end.abort();
  assert.is(await waiting, "aborted");
  assert.equal(await watch.return!(), { done: true, value: undefined });
});

test("the inspector is told of all nodes, whoever serves it", async () => {
  const asking = await open<unknown>({ cluster: { ...cluster, node: false } });
  try {
    await asking.putMany(Array.from({ length: 40 }, (_, i) => [`inspected ${i}`, i]));
    await asking.get("inspected 1");
    for (const [one, own] of [[store, 0], [asking, undefined]] as const) {
      await using inspector = await serveInspector(one, { writable: true });
      const { origin, hash } = new URL(inspector.url);
      const headers = { authorization: `Bearer ${hash.slice(1)}` };
      // deno-lint-ignore no-explicit-any
      const ask = async (path: string): Promise<any> =>
        await (await fetch(`${origin}/${path}`, { headers })).json();
      const sample = await ask("sample");
      assert.equal([sample.cluster.name, sample.cluster.own], ["shop", own]);
      assert.not.ok(sample.writable, "a cluster is not scaled");
      const [node, ...others] = sample.nodes;
      assert.equal(others, []);
      assert.equal([node.id, node.slots, node.answers], [0, 4096, true]);
      assert.ok(node.keys >= 40 && node.writes >= 40 && node.reads >= 1);
      assert.ok(node.valueHits <= node.reads);
      assert.ok(node.leaseLeftMs > 0 && node.leaseLeftMs <= 2000);
      const owners = Uint8Array.from(atob(sample.owners), (letter) => letter.charCodeAt(0));
      assert.is(owners.length, 2 * 4096);
      assert.ok(owners.every((byte) => byte === 0));
      assert.is((await ask("keys?prefix=inspected%203")).keys.length, 11);
      const scaled = await fetch(`${origin}/scale?nodes=2`, { method: "POST", headers });
      assert.is(scaled.status, 400);
    }
  } finally {
    await asking.close();
  }
});

test("what a cluster does not have is refused", async () => {
  const blocking = [
    () => store.getSync("a"),
    () => store.putSync("a", 1),
    () => store.deleteSync("a"),
    () => store.hasSync("a"),
    () => store.getManySync(["a"]),
    () => store.incrementSync("a"),
    () => store.updateSync("a", () => 1),
    () => [...store.keysSync()],
    () => [...store.entriesSync()],
    () => store.count,
    () => store.share(),
  ];
  for (const method of blocking) assert.throws(method, isRefusal, String(method));
  const others = [
    () => store.scale(2),
    () => store.replicate("a", 2),
    () => store.snapshot(),
    () => store.compact(),
    () => store.grow("1GiB"),
    () => store.atomic().put("a", 1).commit(),
    () => store.transaction((tx) => tx.get("a")),
    () => store.getMany(["a"], { consistent: true }),
    () => store.first(),
    ...[{ gt: "a" }, { gte: "a" }, { lt: "a" }, { lte: "a" }, { reverse: true }].map(
      (range) => () => store.keys(range).next(),
    ),
    () => store.namespace("a").countKeys({ lt: "a" } as object),
  ];
  for (const method of others) {
    try {
      await method();
    } catch (error) {
      assert.ok(isRefusal(error as Error), `${method}: ${error}`);
      continue;
    }
    assert.unreachable(String(method));
  }
});

function isRefusal(error: Error): boolean {
  return error instanceof NotInClusterError &&
    /^[\w ]+ must be called on a store of one/.test(error.message);
}

test("a thread reads keys of its own node at once, when it has read them before", async () => {
  await store.put("read here", { of: "a node" });
  await store.get("read here");
  let hasTurned = false;
  setImmediate(() => hasTurned = true);
  // Nothing is sent: that would take a turn of the event loop.
  for (let i = 0; i < 3; i++) {
    assert.equal(await store.get("read here"), { of: "a node" });
    assert.equal((await store.getMany(["read here"]))[0], { of: "a node" });
    assert.ok(await store.has("read here"));
  }
  assert.not(hasTurned);
  // What is on its way is waited for.
  void store.put("read here", 1);
  assert.is(await store.get("read here"), 1);
  void store.increment("read here", 4);
  assert.is(await store.get("read here"), 5);
  const { version } = (await store.getEntry("read here"))!;
  await store.delete("read here");
  assert.is(await store.get("read here"), undefined);
  await store.put("read here", 6);
  assert.ok((await store.getEntry("read here"))!.version > version);
});

test("its figures say who owns what", async () => {
  await store.get("a");
  const { cluster: told, pending, operations } = store.stats();
  const { nodes, node, connected, unownedSlots, name } = told!;
  assert.equal([name, node, connected, unownedSlots, pending], ["shop", 0, [0], 0, 0]);
  assert.is(nodes.length, 1);
  assert.is(nodes[0]!.slots, 4096);
  assert.ok(operations.reads > 0);
  assert.is(store.nodes, 1);
  const { served, ...others } = told!;
  const { served: now, ...same } = (await store.readStats()).cluster!;
  assert.equal(same, others);
  assert.ok(served !== undefined && now !== undefined);
  const before = now.valueHits;
  await store.put("read often", 1);
  for (let i = 0; i < 10; i++) await store.get("read often");
  const figures = () => store.stats().cluster!.served!;
  await until("reads are counted", () => figures().valueHits >= before + 10);
  const { changes, changeRoundTrips, cacheBytes } = figures();
  assert.ok(changes > 300 && changeRoundTrips > 0 && changeRoundTrips < changes);
  assert.ok(cacheBytes > 0);
});

/**
 * Says something to the node, by a connection of its own; resolves to the kinds of frames that come
 * until it ends.
 */
async function say(...frames: readonly Uint8Array[]): Promise<number[]> {
  const [, port] = store.stats().cluster!.nodes[0]!.address!.split(":");
  const socket = connect(Number(port), "127.0.0.1");
  const reader = new FrameReader(1 << 20);
  const kinds: number[] = [];
  socket.on("error", () => {});
  socket.on("data", (bytes) => kinds.push(...reader.read(bytes).map(({ kind }) => kind)));
  for (const frame of frames) socket.write(frame);
  await once(socket, "close");
  return kinds;
}

test("who says rubbish, or does not know the secret, is cut off, and nobody is disturbed", async () => {
  const hello = { format: CLUSTER_FORMAT, session: 5, number: 1, node: 0, nonce: makeNonce() };
  assert.equal(await say(new Uint8Array(64).fill(7)), []);
  assert.equal(await say(encodeFrame(RequestFrame.REQUESTS, new Uint8Array(8))), []);
  assert.equal(await say(encodeClusterHello({ ...hello, node: 9 })), []);
  assert.equal(await say(encodeClusterHello({ ...hello, format: 99 })), []);
  assert.equal(await say(encodeClusterHello({ ...hello, session: 0 })), []);
  assert.equal(await say(encodeClusterHello({ ...hello, number: 0.5 })), []);
  const proofs = ["", "é".repeat(43), "x".repeat(43)];
  for (const proof of proofs) {
    const kinds = await say(
      encodeClusterHello(hello),
      encodeMessage(ClusterFrame.PROOF, { proof }),
    );
    assert.equal(kinds, [ClusterFrame.CHALLENGE, ClusterFrame.DISTRUST]);
  }
  const early = await say(
    encodeClusterHello(hello),
    encodeFrame(RequestFrame.REQUESTS, new Uint8Array(8)),
  );
  assert.equal(early, [ClusterFrame.CHALLENGE]);
  assert.is(await store.increment("undisturbed"), 1);
});

test("a thread that only asks has a store of its own, and both see the same", async () => {
  const asking = await open<number>({ cluster: { ...cluster, node: false } });
  await Promise.all([
    ...Array.from({ length: 50 }, () => asking.increment("both")),
    ...Array.from({ length: 50 }, () => store.increment("both")),
  ]);
  assert.is(await asking.get("both"), 100);
  assert.is(asking.stats().cluster!.node, undefined);
  await asking.close();
  assert.is(await store.get("both"), 100);
  await assertClosed(() => asking.get("both"));
});

test("a node that closes gives its keys away first, and no change fails or is made twice", async () => {
  const leaving = await open({ cluster });
  const { node } = leaving.stats().cluster!;
  const slots = () => store.stats().cluster!.nodes.find((one) => one.node === node)?.slots ?? 0;
  await until("a node that joins gets slots", () => slots() > 1000);
  const failed: number[] = [];
  const onFailed = ({ detail }: { detail: { node: number } }) => void failed.push(detail.node);
  store.addEventListener("nodefailed", onFailed);
  const sums = new Map(Array.from({ length: 32 }, (_, i) => [`changed ${i}`, 0]));
  let isOver = false;
  let longestMs = 0;
  const running = Promise.all([...sums.keys()].map(async (key) => {
    while (!isOver) {
      const beganMs = performance.now();
      const sum = await store.increment(key);
      longestMs = Math.max(longestMs, performance.now() - beganMs);
      assert.is(sum, sums.get(key)! + 1);
      sums.set(key, sum as number);
    }
  }));
  await until("keys of both are changed", () => [...sums.values()].every((sum) => sum > 5));
  await leaving.close();
  const before = new Map(sums);
  await until("the others go on", () => [...sums].every(([key, sum]) => sum > before.get(key)!));
  isOver = true;
  await running;
  store.removeEventListener("nodefailed", onFailed);
  assert.is(slots(), 0);
  assert.equal(failed, [], "nodes that had slots when their leases ended");
  assert.ok(longestMs < 10_000, `a change has waited for ${longestMs} ms`);
});

async function assertClosed(ask: () => Promise<unknown>): Promise<void> {
  const error = await ask().then(() => undefined, (error) => error as Error);
  assert.match(String(error), "the store must be open, and has been closed");
}

test.run();
