/**
 * Sockets by which processes of one machine and user reach a node: what is there besides is not
 * believed, and keeps nobody from the node.
 *
 * @module
 */
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ClusterAgent } from "../../lib/cluster/agent/cluster_agent.ts";
import { clusterOf } from "../../lib/store/options/cluster_options.ts";
import { PLAIN_MESSAGE_BYTES_MAX } from "../../lib/cluster/messages/message_limits.ts";
import type { ByteStream } from "../../lib/cluster/network/byte_stream.ts";
import { NearConnector } from "../../lib/cluster/network/near_connector.ts";
import { isNear, type NearPlace, nearPlaceOf } from "../../lib/cluster/network/near_place.ts";
import { parseAddress } from "../../lib/cluster/network/node_address.ts";
import { NodeLink } from "../../lib/cluster/network/node_link.ts";
import { addressOf, listenTcp, NodeServer } from "../../lib/cluster/network/node_server.ts";
import { TurningStream } from "../../lib/cluster/network/turning_stream.ts";
import { type ClusterOptions, open } from "../../mod.ts";
import { Child } from "../support/child.ts";
import { ClusterUser, until } from "../support/cluster/cluster_user.ts";
import { NatsServers } from "../support/cluster/nats_servers.ts";
import { temporaryPath } from "../support/temporary.ts";

const HASH_KEY = [1, 2] as const;
const NODE = 3;
/** Where nobody is. */
const NOWHERE = "127.0.0.1:1";

/** A node that executes nothing. */
interface Listening {
  readonly address: string;
  readonly place: NearPlace;
  readonly server: NodeServer;
  readonly refused: string[];
}

async function listening(
  folder: string,
  { node = NODE, secret, isNear = true }: {
    node?: number;
    secret?: string | undefined;
    isNear?: boolean;
  } = {},
): Promise<Listening> {
  const listener = await listenTcp("127.0.0.1", 0, undefined);
  const refused: string[] = [];
  const server = NodeServer.serve(listener, {
    node,
    tls: undefined,
    secret,
    executor: { isCrowded: false, clockMs: () => 0, execute() {} },
    rules: { hashKey: HASH_KEY, keyTypes: 1 },
    messageBytes: PLAIN_MESSAGE_BYTES_MAX,
    answer: () => {
      throw new Error("nobody calls");
    },
    onDistrust: (from, reason) => refused.push(`${from}: ${reason}`),
  });
  const address = addressOf(listener, undefined, false);
  const place = nearPlaceOf(HASH_KEY, parseAddress(address), folder)!;
  if (isNear) await server.serveNear(place);
  return { address, place, server, refused };
}

/** How a connection was made, and what came of it: undefined if the node takes requests. */
interface Linked {
  readonly isNear: boolean;
  readonly reason: string | undefined;
}

function linked(near: NearConnector, address: string, secret?: string): Promise<Linked> {
  let stream: ByteStream;
  return new Promise((resolve) => {
    const end = (reason: string | undefined) => {
      resolve({ isNear: stream instanceof TurningStream, reason });
      link.close();
    };
    const link = new NodeLink({
      connect: (host, port, tls) => stream = near.connect(host, port, tls),
      address,
      node: NODE,
      session: 1,
      number: 1,
      secret,
      tls: undefined,
      messageBytes: PLAIN_MESSAGE_BYTES_MAX,
      ends: {
        onOpen: () => end(undefined),
        onAnswers() {},
        onCall() {},
        onEnd: (failure) => end(failure?.reason ?? "it has ended"),
      },
    });
  });
}

/** Somebody at the name of a node. */
async function stranger(place: NearPlace, onSocket: (socket: Socket) => void): Promise<Server> {
  mkdirSync(place.folder, { mode: 0o700, recursive: true });
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    onSocket(socket);
  });
  server.listen(place.path);
  await once(server, "listening");
  return server;
}

test("a node is reached by its socket, which only its user may use, and which goes with it", async () => {
  for (const secret of [undefined, "what nobody else knows"]) {
    const folder = temporaryPath("near");
    const node = await listening(folder, { secret });
    const near = new NearConnector(HASH_KEY, folder);
    assert.equal(await linked(near, node.address, secret), { isNear: true, reason: undefined });
    assert.is(statSync(folder).mode & 0o777, 0o700);
    assert.is(statSync(node.place.path).mode & 0o777, 0o600);
    const other = await linked(
      new NearConnector(HASH_KEY, folder),
      node.address,
      "another one, long",
    );
    assert.match(other.reason ?? "", /cluster\.secret/);
    assert.ok(other.isNear);
    await node.server.close();
    assert.equal(readdirSync(folder), []);
  }
});

test("nodes of other clusters and at other addresses have other names", () => {
  const names = [[1, 2], [2, 1]].flatMap((hashKey) =>
    ["127.0.0.1:7000", "127.0.0.1:7001", "a.example:7000"].map((address) =>
      nearPlaceOf(hashKey, parseAddress(address), "/tmp/x")!.path
    )
  );
  assert.is(new Set(names).size, names.length);
  // Systems take no longer ones.
  for (const name of names) assert.ok(name.length < 100);
});

test("a name that a killed process has left costs an attempt, and goes when a node starts", async () => {
  const folder = temporaryPath("near");
  const node = await listening(folder, { isNear: false });
  mkdirSync(folder, { mode: 0o700 });
  // By name, this one is looked at last.
  const left = [node.place.path, join(folder, "left")];
  const child = new Child("near_listener", { paths: left });
  await child.message(0);
  child.kill();
  await child.ended();
  for (const path of left) assert.ok(existsSync(path), "it is left behind");
  const near = new NearConnector(HASH_KEY, folder);
  const first = await linked(near, node.address);
  assert.ok(first.isNear && first.reason !== undefined);
  assert.equal(await linked(near, node.address), { isNear: false, reason: undefined });
  const server = await stranger({ folder, path: join(folder, "busy") }, () => {});
  await node.server.serveNear(node.place);
  await until("what is left is removed", () => !existsSync(left[1]!));
  assert.ok(existsSync(join(folder, "busy")), "somebody listens there");
  assert.equal(await linked(near, node.address), { isNear: true, reason: undefined });
  server.close();
  await node.server.close();
});

test("who is not the node is not believed, and the node is reached by TCP", async () => {
  const folder = temporaryPath("near");
  const secret = "what nobody else knows";
  const node = await listening(folder, { secret, isNear: false });
  const otherNode = await listening(temporaryPath("near"), {
    node: NODE + 1,
    secret,
    isNear: false,
  });
  const knowsNoSecret = await listening(temporaryPath("near"), { isNear: false });
  const pretenders: Record<string, (socket: Socket) => void> = {
    "one that ends connections": (socket) => void socket.destroy(),
    "one that speaks another language": (socket) =>
      void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
    "another node": (socket) => otherNode.server.take(socket),
    "one that does not know the secret": (socket) => knowsNoSecret.server.take(socket),
    "one that says nothing": (socket) => void socket.resume(),
  };
  for (const [name, pretend] of Object.entries(pretenders)) {
    const server = await stranger(node.place, pretend);
    const near = new NearConnector(HASH_KEY, folder);
    const first = await linked(near, node.address, secret);
    assert.ok(first.isNear && first.reason !== undefined, name);
    // Bytes to a process of this machine are not lost: it is not waited for as by TCP.
    if (name === "one that says nothing") assert.match(first.reason!, /within 1000 ms/);
    assert.equal(
      await linked(near, node.address, secret),
      { isNear: false, reason: undefined },
      name,
    );
    server.close();
    rmSync(node.place.path, { force: true });
  }
  for (const { server } of [node, otherNode, knowsNoSecret]) await server.close();
});

test("a directory that is not its user's alone is used by nobody", async () => {
  const folder = temporaryPath("near");
  const apart = temporaryPath("near");
  const node = await listening(folder);
  const byTcp = { isNear: false, reason: undefined };
  for (const mode of [0o770, 0o707, 0o701]) {
    chmodSync(folder, mode);
    assert.equal(await linked(new NearConnector(HASH_KEY, folder), node.address), byTcp);
    const other = await listening(folder);
    assert.not.ok(existsSync(other.place.path));
    await other.server.close();
  }
  chmodSync(folder, 0o700);
  renameSync(folder, apart);
  symlinkSync(apart, folder);
  assert.equal(await linked(new NearConnector(HASH_KEY, folder), node.address), byTcp);
  await node.server.close();
});

test("a node that cannot have a socket is reached by TCP", async () => {
  const file = temporaryPath("near");
  writeFileSync(file, "");
  const missing = join(file, "folder");
  const node = await listening(missing);
  const byTcp = { isNear: false, reason: undefined };
  assert.equal(await linked(new NearConnector(HASH_KEY, missing), node.address), byTcp);
  await node.server.close();
});

test("certificates are not shown there, so tls without a secret does without it", () => {
  const nearOf = (cluster: Partial<ClusterOptions>) =>
    clusterOf({ cluster: { servers: ["a"], name: "a", ...cluster } })!.near;
  const tls = { cert: "c", key: "k", ca: "a" };
  assert.ok(nearOf({}));
  assert.not(nearOf({ near: false }));
  assert.not(nearOf({ tls }));
  assert.ok(nearOf({ tls, secret: "sixteen characters" }));
  assert.not(nearOf({ tls, secret: "sixteen characters", near: false }));
});

test("an agent has such a socket unless it is not to have one", async () => {
  const servers = await NatsServers.start(1);
  try {
    for (const near of [true, false]) {
      const given = { servers: servers.urls, name: `near-${near}`, leaseMs: 1000, near };
      const options = { ...clusterOf({ cluster: given })!, keys: "string", codec: "json" } as const;
      const ears = { onView() {}, onFigures() {}, onFailure() {} };
      const { agent, facts } = await ClusterAgent.start(options, ears);
      const place = nearPlaceOf(facts.settings.hashKey, parseAddress(facts.address!))!;
      assert.is(isNear(place), near);
      await agent.close();
      assert.not(isNear(place));
    }
  } finally {
    await servers.stop();
  }
});

test("two processes that no port connects use one store", async () => {
  const servers = await NatsServers.start(1);
  const cluster = { servers: servers.urls, name: "near", leaseMs: 1000, advertise: NOWHERE };
  const owner = await ClusterUser.start(cluster);
  const store = await open<number>({ cluster: { ...cluster, node: false } });
  try {
    assert.equal(await owner.add("a", 3), [1, 2, 3]);
    assert.is(await store.get("a"), 3);
    const sums = Array.from({ length: 200 }, () => store.increment("a"));
    assert.equal(await Promise.all(sums), sums.map((_, i) => i + 4));
    assert.is((await owner.read("a", 1)).last, 203);
  } finally {
    await store.close();
    await owner.close();
    await servers.stop();
  }
});

test.run();
