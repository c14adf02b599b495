/**
 * The simulated log engine and JetStream, with one server and with three, do the same: what a cluster needs.
 *
 * @module
 */
import { test } from "uvu";
import { setTimeout } from "node:timers/promises";
import { connectJetStream } from "../../lib/cluster/engine/jetstream.ts";
import type { LogEngine } from "../../lib/cluster/engine/log_engine.ts";
import { defineEngineContract } from "../support/cluster/engine_contract.ts";
import { NatsServers } from "../support/cluster/nats_servers.ts";
import { SimEngine } from "../support/cluster/sim_log_engine.ts";
import { SimProcess, SimTime } from "../support/cluster/sim_processes.ts";
import { Random, SEED } from "../support/random.ts";

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

for (const count of [1, 3] as const) {
  let servers: NatsServers | undefined;
  const engines: LogEngine[] = [];

  test(`nats-server: ${count} can be started`, async () => {
    servers = await NatsServers.start(count);
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

  test(`nats-server: ${count} can be stopped`, async () => {
    for (const engine of engines) await engine.close();
    await servers?.stop();
  });
}

test.run();
