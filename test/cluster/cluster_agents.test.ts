/**
 * Threads of a cluster's agents that fail, over a real server: others are started in their places,
 * and everything is done once; not for ever, and then the store says why it has failed. A process
 * that has lost its number to another one goes on as another node.
 *
 * @module
 */
import { BroadcastChannel } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connectEngine } from "../../lib/cluster/agent/agent_places.ts";
import { CONTROL_STREAM } from "../../lib/cluster/control/control_log.ts";
import { NodeFailedError, open, type Store, UnavailableError } from "../../mod.ts";
import { NatsServers } from "../support/cluster/nats_servers.ts";
import { until } from "../support/cluster/cluster_user.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";

/** Less often than a thread is started again. */
const FAILURES = 2;
const agent = workerOf("failing_agent");

function workerOf(name: string): URL {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`../support/children/${name}.${extension}`, import.meta.url);
}

test("a thread that fails is replaced, and what was on its way is done once", async () => {
  const servers = await NatsServers.start(1);
  // Nobody is there: its own process reaches the node by memory, or not at all.
  const advertise = "127.0.0.1:1";
  const cluster = { servers: servers.urls, name: "failing", leaseMs: 500, advertise };
  const store = await open<number>({ cluster, workers: { cluster: agent } });
  const channel = new BroadcastChannel("agents of failing");
  try {
    const told: string[] = [];
    store.addEventListener("nodefailed", ({ detail }) => told.push(`${detail.node}`));
    let sum = 0;
    for (let i = 0; i < FAILURES; i++) {
      const sums = Array.from({ length: 40 }, () => store.increment("sum"));
      await sums[0];
      channel.postMessage("fail");
      assert.equal(await Promise.all(sums), sums.map((_, i) => sum + i + 1));
      sum += sums.length;
      await until("another one has its slots", () => told.length === i + 1);
      assert.is(await store.get("sum"), sum);
    }
    const failures: unknown[] = [];
    await until("the store is given up", () => {
      channel.postMessage("fail");
      void store.get("sum").catch((error) => failures.push(error));
      return failures.at(-1) instanceof NodeFailedError;
    });
    assert.match((failures.at(-1) as Error).message, "the cluster's thread");
  } finally {
    channel.close();
    await store.close();
    await servers.stop();
  }
});

test("a cluster whose streams have something in them that cannot be says so", async () => {
  const servers = await NatsServers.start(1);
  const cluster = { servers: servers.urls, name: "damaged", leaseMs: 500 };
  const store = await open<number>({ cluster });
  const engine = await connectEngine({ ...cluster, replicas: 1 });
  try {
    await store.put("a", 1);
    const rubbish = new TextEncoder().encode("rubbish");
    await new Promise<void>((resolve) => {
      engine.append(CONTROL_STREAM, "renew", rubbish, undefined, () => resolve());
    });
    const failures: unknown[] = [];
    await until("the store is given up", () => {
      void store.get("a").catch((error) => failures.push(error));
      return failures.at(-1) instanceof NodeFailedError;
    });
    assert.match((failures.at(-1) as Error).message, "FrameError");
  } finally {
    await engine.close();
    await store.close();
    await servers.stop();
  }
});

test("a process whose number was taken while it was away becomes another node", async () => {
  const servers = await NatsServers.start(1);
  const proxy = await TcpProxy.start(Number(new URL(servers.urls[0]!).port));
  const common = { name: "numbers", leaseMs: 500 };
  const near = { ...common, servers: servers.urls };
  const stores = [
    await open<number>({ cluster: { ...common, servers: [`127.0.0.1:${proxy.port}`] } }),
    await open<number>({ cluster: near }),
  ];
  const [away, present] = stores as [Store<number>, Store<number>];
  const numbers = () => present.stats().cluster!.nodes.map(({ node }) => node);
  try {
    await away.put("a", 1);
    await until("both are nodes", () => numbers().join() === "0,1");
    proxy.hold();
    await until("the lease of the one that is away is over", () => numbers().join() === "1");
    stores.push(await open<number>({ cluster: near }));
    await until("the one that came has its number", () => numbers().join() === "0,1");
    const read = away.get("a");
    proxy.release();
    await until("all are nodes, and own slots", () => {
      const { nodes, unownedSlots } = present.stats().cluster!;
      return nodes.length === 3 && unownedSlots === 0 && nodes.every(({ slots }) => slots > 0);
    });
    assert.equal(numbers(), [0, 1, 2]);
    assert.is(await read, 1);
    assert.is(await away.increment("a"), 2);
  } finally {
    for (const store of stores) await store.close();
    proxy.close();
    await servers.stop();
  }
});

test("who wants the number of a node that is there waits for its lease, and is told so", async () => {
  const servers = await NatsServers.start(1);
  const cluster = { servers: servers.urls, name: "wanted", leaseMs: 700, node: 7 };
  const store = await open<number>({ cluster });
  try {
    const refused = await open<number>({
      cluster,
      workers: { cluster: workerOf("hurried_agent") },
    }).catch((error: Error) => error);
    assert.instance(refused, UnavailableError);
    const reason = "within 1000 ms: another process has the lease of node 7";
    assert.match((refused as Error).message, reason);
  } finally {
    await store.close();
    await servers.stop();
  }
});

test.run();
