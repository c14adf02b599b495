/**
 * Three processes that are nodes, on a real server: what is asked of one of them only is shared by
 * all, and nothing is lost by it.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ControlLog } from "../../lib/cluster/control/control_log.ts";
import { connectJetStream } from "../../lib/cluster/engine/jetstream.ts";
import { RUNTIME_CLOCK } from "../../lib/cluster/node/cluster_clock.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../lib/core/limits.ts";
import { open, type ScaleReport, type Store } from "../../mod.ts";
import { RUNTIMES } from "../../scripts/runtimes.ts";
import { ClusterUser, until } from "../support/cluster/cluster_user.ts";
import { NatsServers } from "../support/cluster/nats_servers.ts";

const HOT_COUNT = 400;
const BATCHES = 4;
/**
 * A node gives nothing before it has seen 1,000 requests within a lease, about (load_plan.ts): with
 * this one they may be as few as 200 in a second, so a machine may be very busy with something
 * else.
 */
const times = { leaseMs: 6000, marginMs: 600 };

/** Keys of one node, when the nodes own so many slots. */
async function keysOf(
  servers: readonly string[],
  slots: readonly number[],
  node: number,
): Promise<string[]> {
  const engine = await connectJetStream({ servers, name: "shop", replicas: 1 });
  const { state, ...control } = follow(engine);
  const owned = (one: number) => state.owners.filter((owner) => owner === one).length;
  await until(
    "the control stream is read",
    () => slots.every((count, one) => count === owned(one)),
  );
  const { hashKey } = state.settings!;
  const encoder = new KeyEncoder(...hashKey);
  const keys: string[] = [];
  for (let i = 0; keys.length < HOT_COUNT; i++) {
    const slot = encoder.encode(`key ${i}`) >>> SLOT_SHIFT;
    if (state.owners[slot] === node) keys.push(`key ${i}`);
  }
  control.stop();
  await engine.close();
  return keys;
}

function follow(engine: Awaited<ReturnType<typeof connectJetStream>>) {
  const control = new ControlLog({
    engine,
    clock: RUNTIME_CLOCK,
    times,
    node: -1,
    nameLife: () => "",
    changed: () => {},
    lost: () => {},
    loaded: () => {},
    failed: (error) => assert.unreachable(String(error)),
  });
  return { state: control.state, stop: () => control.stop() };
}

/** What each node is asked for, as a share of the mean. */
function sharesOf(store: Store<number>): number[] {
  const loads = store.stats().cluster!.nodes.map(({ requestsPerSecond = 0 }) => requestsPerSecond);
  const sum = loads.reduce((total, load) => total + load, 0);
  return loads.map((load) => sum === 0 ? 0 : load * loads.length / sum);
}

test("what one process has to do is shared by all, and nothing is lost", async () => {
  const servers = await NatsServers.start(1);
  const common = { servers: servers.urls, name: "shop", leaseMs: times.leaseMs };
  const users: ClusterUser[] = [];
  let store: Store<number> | undefined;
  try {
    for (const [node, runtime] of RUNTIMES.entries()) {
      users.push(await ClusterUser.start({ ...common, node }, runtime));
    }
    const asked = store = await open<number>({ cluster: { ...common, node: false } });
    await until("all nodes have their shares", () => {
      const { nodes, unownedSlots } = asked.stats().cluster!;
      return nodes.length === 3 && nodes.every(({ slots }) => slots > 1000) && unownedSlots === 0;
    });
    const slots = store.stats().cluster!.nodes.map(({ slots }) => slots);
    const keys = await keysOf(servers.urls, slots, 0);
    await store.putMany(keys.map((key, i) => [key, i]));
    const reports: ScaleReport[] = [];
    store.addEventListener("slotsmoved", ({ detail }) => reports.push(detail));
    let isOver = false;
    const load = async () => {
      while (!isOver) {
        const found = await asked.getMany(keys);
        assert.ok(found.every((value, i) => value === i));
      }
    };
    const running = Promise.all(Array.from({ length: BATCHES }, load));
    const isShared = () => reports.length > 0 && sharesOf(asked).every((share) => share > 0.5);
    const seen = () => JSON.stringify([asked.stats().cluster!.nodes, reports]);
    const shared = until(() => `all nodes have about as much to do: ${seen()}`, isShared);
    await Promise.race([running, shared]);
    isOver = true;
    await running;
    assert.ok(reports.every(({ slotsMoved, bytesMoved }) => slotsMoved > 0 && bytesMoved === 0));
    for (const user of users) await user.close();
  } finally {
    await store?.close();
    for (const user of users) await user.kill();
    await servers.stop();
  }
});

test.run();
