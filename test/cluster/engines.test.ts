/**
 * The simulated log engine and JetStream, with one server and with three, do the same: what a
 * cluster needs.
 *
 * @module
 */
import process from "node:process";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { setTimeout } from "node:timers/promises";
import { connectJetStream } from "../../lib/cluster/engine/jetstream.ts";
import type { AppendOutcome, Leading, LogEngine } from "../../lib/cluster/engine/log_engine.ts";
import { defineEngineContract } from "../support/cluster/engine_contract.ts";
import { runtimeShare } from "../support/campaign.ts";
import { NatsServers } from "../support/cluster/nats_servers.ts";
import { SimEngine } from "../support/cluster/sim_log_engine.ts";
import { SimProcess, SimTime } from "../support/cluster/sim_processes.ts";
import { Random, SEED } from "../support/random.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";

defineEngineContract(test, "simulated", () => {
  const time = new SimTime();
  const engine = new SimEngine(time, new Random(SEED));
  const settle = async <T>(answer: Promise<T>): Promise<T> => {
    let isSettled = false;
    const settled = answer.finally(() => isSettled = true);
    while (!isSettled && time.step()) await Promise.resolve();
    return await settled;
  };
  const connect = () => engine.connect(new SimProcess(time));
  return { engine: connect(), other: connect(), settle };
});

const STREAM_MS_MAX = 30_000;
/** Far longer than the others need to notice, and to agree on who leads. */
const STILL_MS_MAX = 60_000;

/** The server that keeps the consumer of a follower is one of them. */
async function tryServersThatStandStill(
  servers: NatsServers,
  [engine, other]: readonly LogEngine[],
): Promise<void> {
  await new Promise((resolve) => engine!.createStream("still", resolve));
  let read = 0;
  const following = other!.follow("still", 1, ({ sequence }) => read = sequence);
  for (const { pid } of servers.servers) {
    process.kill(pid, "SIGSTOP");
    try {
      const stored = await appendOne(engine!, "still");
      for (let waitedMs = 0; read < stored; waitedMs += 50) {
        if (waitedMs > STILL_MS_MAX) throw new Error(`${read} of ${stored} messages have come`);
        await setTimeout(50);
      }
    } finally {
      process.kill(pid, "SIGCONT");
    }
  }
  following.stop();
}

/**
 * Each of three writers gets the stream to its server, and the last one again when that was gone.
 */
async function tryWriters(servers: NatsServers): Promise<void> {
  const watcher = await connect({ servers: servers.urls[0]! });
  const engines: LogEngine[] = [];
  try {
    for (const [i, url] of servers.urls.entries()) {
      const engine = await connectJetStream({ servers: [url], name: "led", replicas: 3 });
      engines.push(engine);
      await new Promise((resolve) => engine.createStream("log", resolve));
      await new Promise<void>((resolve) => engine.lead("log", resolve));
      await waitForLeader(watcher, `server-${i}`);
    }
    servers.kill(2);
    await waitForLeader(watcher, "server-0", "server-1");
    await servers.restart(2);
    await waitForLeader(watcher, "server-2");
    await appendOne(engines[2]!, "log");
  } finally {
    for (const engine of engines) await engine.close();
    await watcher.close();
  }
}

/**
 * Who leads is asked for again when the connection was gone, of one stream, and not of the other.
 */
async function tryLeading(url: string): Promise<void> {
  let sent = "";
  const listen = () => (bytes: Uint8Array, isAnswer: boolean) => {
    if (!isAnswer) sent += new TextDecoder("latin1").decode(bytes);
  };
  const proxy = await TcpProxy.start(Number(new URL(url).port), { listen });
  const servers = [`127.0.0.1:${proxy.port}`];
  const engine = await connectJetStream({ servers, name: "led", replicas: 1 });
  try {
    const begun = ["kept", "left"].map((stream) =>
      new Promise<Leading>((resolve) => {
        const leading = engine.lead(stream, () => resolve(leading));
      })
    );
    const [, left] = await Promise.all(begun);
    left!.stop();
    sent = "";
    proxy.cut();
    const isAsked = (stream: string) => sent.includes(`STREAM.INFO.led-${stream} `);
    for (let waitedMs = 0; !isAsked("kept") && waitedMs < STREAM_MS_MAX; waitedMs += 20) {
      await setTimeout(20);
    }
    await setTimeout(100);
    assert.equal(["kept", "left"].map(isAsked), [true, false]);
  } finally {
    await engine.close();
    proxy.close();
  }
}

async function waitForLeader(watcher: NatsConnection, ...names: string[]): Promise<void> {
  let leader: string | undefined;
  for (let waitedMs = 0; waitedMs < STREAM_MS_MAX; waitedMs += 50) {
    const answer = await watcher.request("$JS.API.STREAM.INFO.led-log", "", { timeout: 1000 })
      .catch(() => undefined);
    leader = answer?.json<{ cluster?: { leader?: string } }>().cluster?.leader;
    if (names.includes(leader ?? "")) return;
    await setTimeout(50);
  }
  assert.unreachable(`${names.join(" or ")} should lead the stream, got ${leader}`);
}

/** Appends until it is known to be stored; returns the sequence. */
async function appendOne(engine: LogEngine, stream: string): Promise<number> {
  for (;;) {
    const outcome = await new Promise<AppendOutcome>((resolve) => {
      engine.append(stream, "some", new Uint8Array(1), undefined, resolve);
    });
    if (outcome.status === "stored") return outcome.sequence;
    await setTimeout(100);
  }
}

for (const count of [1, 3] as const) {
  let servers: NatsServers | undefined;
  const engines: LogEngine[] = [];

  test(`nats-server: ${count} can be started`, async () => {
    servers = await NatsServers.start(count, { isHidden: true });
    for (let i = 0; i < 2; i++) {
      engines.push(
        await connectJetStream({ servers: servers.urls, name: "contract", replicas: count }),
      );
    }
    // Servers of a cluster have to find each other before they can replicate.
    for (let waitedMs = 0; waitedMs < STREAM_MS_MAX; waitedMs += 100) {
      const isThere = await new Promise((resolve) => engines[0]!.createStream("first", resolve));
      if (isThere) return;
      await setTimeout(100);
    }
    throw new Error(`no stream with ${count} replicas could be made`);
  });

  defineEngineContract(test, `JetStream, ${count}`, () => {
    if (engines.length < 2) throw new Error("no nats-server was started");
    return { engine: engines[0]!, other: engines[1]!, settle: (answer) => answer };
  });

  if (count === 1) {
    test("a server that answers late is connected to, later than one attempt takes", async () => {
      const proxy = await TcpProxy.start(Number(new URL(servers!.urls[0]!).port));
      proxy.hold();
      const connecting = connectJetStream({
        servers: [`127.0.0.1:${proxy.port}`],
        name: "late",
        replicas: 1,
        timeoutMs: 100,
      });
      try {
        await setTimeout(250);
        proxy.release();
        await (await connecting).close();
      } finally {
        proxy.close();
      }
    });

    test("a stream is led again after a lost connection for as long as that is wanted", async () => {
      await tryLeading(servers!.urls[0]!);
    });
  }

  if (count === 3 && runtimeShare(["any"], 1).length > 0) {
    test("a stream is led by the server that its writer is connected to", async () => {
      await tryWriters(servers!);
    });
  }

  // It takes some seconds, in which the servers agree on who leads: one runtime tries it.
  if (count === 3 && runtimeShare(["any"], 1).length > 0) {
    test("what is stored is passed on, whichever of three servers stands still", async () => {
      await tryServersThatStandStill(servers!, engines);
    });
  }

  test(`nats-server: ${count} can be stopped`, async () => {
    for (const engine of engines) await engine.close();
    await servers?.stop();
  });
}

test.run();
