/**
 * Runs a cluster under the load of the experiments, and counts between its nodes and the servers
 * what they ask.
 *
 * Each node is an agent with connections of its own, which lead through a counting proxy; each
 * store has as many clients as a KN of the experiments. Slots stay where they are (`balance`), and
 * keys are not lent (`copies`): nothing of that is in the model either.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import type { ClusterNodeStats } from "../../lib/core/cluster_figures.ts";
import { open, type Store } from "../../mod.ts";
import { NatsServers } from "../../test/support/cluster/nats_servers.ts";
import { CLIENTS_PER_NODE, VALUE_BYTES } from "../experiments/plan.ts";
import { Zipf } from "../experiments/workload/zipf.ts";
import { createRandom } from "../workloads/random.ts";
import { EXPONENT, keyOf, MIX, nodeCacheBytes, type RoundTripsPlan } from "./load.ts";
import { CountedWire, type WireCounts, wireSince, wireSum } from "./wire_counts.ts";

/**
 * With what comes before a text of this length, it has as many bytes as the experiments' values.
 */
const VALUE = "v".repeat(VALUE_BYTES - 3);
const NAME = "wire";
const INDEXED_MS_MAX = 120_000;
const JOINED_MS_MAX = 60_000;
const SAID_MS_MAX = 60_000;

/** What came of it, of all nodes together. */
export interface Measured {
  readonly nodeCount: number;
  /** As clients have counted them. */
  readonly reads: number;
  readonly changes: number;
  readonly seconds: number;
  readonly wire: WireCounts;
  /** What was asked while there were no operations, in `idleSeconds`. */
  readonly idle: WireCounts;
  readonly idleSeconds: number;
  readonly served: ClusterNodeStats;
}

/** Starts servers and so many nodes, loads the keys, warms up the caches, and counts. */
export async function measureWire(
  plan: RoundTripsPlan,
  nodeCount: number,
  seed: number,
): Promise<Measured> {
  const servers = await NatsServers.start(plan.serverCount, { isHidden: true });
  const wires: CountedWire[] = [];
  const stores: Store<string>[] = [];
  try {
    for (let node = 0; node < nodeCount; node++) {
      const url = servers.urls[node % servers.urls.length]!;
      const wire = await CountedWire.start(NAME, Number(new URL(url).port));
      wires.push(wire);
      stores.push(
        await open<string>({
          cluster: {
            servers: [wire.url],
            name: NAME,
            node,
            replicas: plan.serverCount,
            leaseMs: plan.leaseMs,
            cache: nodeCacheBytes(plan.keyCount),
            balance: false,
            copies: false,
          },
        }),
      );
    }
    await joined(stores);
    return await measure(plan, stores, wires, seed);
  } finally {
    for (const store of stores) await store.close();
    for (const wire of wires) wire.close();
    await servers.stop();
  }
}

async function measure(
  plan: RoundTripsPlan,
  stores: readonly Store<string>[],
  wires: readonly CountedWire[],
  seed: number,
): Promise<Measured> {
  const load = new Load(stores, plan.keyCount, seed);
  await load.fill();
  if (plan.isIndexed) await indexed(stores, load);
  await load.run(plan.warmUpOperations);
  const look = async () => {
    // Nodes say twice a second what they have done.
    const isSaid = () => countOf(servedBy(stores)) >= load.count;
    await until("nodes have not said what they have done", SAID_MS_MAX, isSaid);
    const wire = wireSum(wires.map(({ counts }) => counts));
    return { atMs: performance.now(), wire, served: servedBy(stores) };
  };
  const rest = await look();
  await delay(plan.restMs);
  const before = await look();
  const { reads, changes } = load;
  await load.run(plan.operations);
  const after = await look();
  return {
    nodeCount: stores.length,
    reads: load.reads - reads,
    changes: load.changes - changes,
    seconds: (after.atMs - before.atMs) / 1000,
    wire: wireSince(after.wire, before.wire),
    idle: wireSince(before.wire, rest.wire),
    idleSeconds: (before.atMs - rest.atMs) / 1000,
    served: combined(after.served, before.served, (a, b) => a - b),
  };
}

/**
 * Clients in a closed loop: each has its next operation executed when it has the answer to the
 * last.
 */
class Load {
  reads = 0;
  changes = 0;
  /** Of all that nodes have answered, the filling among it. */
  count = 0;
  readonly #stores: readonly Store<string>[];
  readonly #keyCount: number;
  readonly #zipf: Zipf;
  readonly #random: () => number;

  constructor(stores: readonly Store<string>[], keyCount: number, seed: number) {
    this.#stores = stores;
    this.#keyCount = keyCount;
    this.#zipf = new Zipf(keyCount, EXPONENT);
    this.#random = createRandom(seed);
  }

  /** Puts each key. */
  async fill(): Promise<void> {
    let next = 0;
    await this.#each(async (store) => {
      while (next < this.#keyCount) {
        await store.put(keyOf(next++), VALUE);
        this.count += 1;
      }
    });
  }

  async run(operations: number): Promise<void> {
    let left = operations;
    await this.#each(async (store) => {
      while (left-- > 0) {
        const isChange = this.#random() < MIX.writeShare;
        const key = keyOf(this.#zipf.draw(this.#random));
        if (isChange) await store.put(key, VALUE);
        else if (await store.get(key) !== VALUE) throw new Error(`${key} has another value`);
        if (isChange) this.changes += 1;
        else this.reads += 1;
        this.count += 1;
      }
    });
  }

  async #each(client: (store: Store<string>) => Promise<void>): Promise<void> {
    const clients = this.#stores.flatMap((store) =>
      Array.from({ length: CLIENTS_PER_NODE }, () => client(store))
    );
    await Promise.all(clients);
  }
}

/** Waits until all nodes have slots, and nobody else has any. */
async function joined(stores: readonly Store<string>[]): Promise<void> {
  await until("not all nodes have slots", JOINED_MS_MAX, () =>
    stores.every((store) => {
      const { nodes, unownedSlots } = store.stats().cluster!;
      const owning = nodes.filter(({ slots, address }) => slots > 0 && address !== undefined);
      return unownedSlots === 0 && owning.length === stores.length;
    }));
}

/** Waits until every node has what it has written in its index. */
async function indexed(stores: readonly Store<string>[], load: Load): Promise<void> {
  await until("not everything is in the index", INDEXED_MS_MAX, () => {
    const served = servedBy(stores);
    return countOf(served) >= load.count && served.unmergedBytes === 0;
  });
}

async function until(what: string, msMax: number, isSo: () => boolean): Promise<void> {
  for (let waitedMs = 0; waitedMs < msMax; waitedMs += 50) {
    if (isSo()) return;
    await delay(50);
  }
  throw new Error(`${what} within ${msMax} ms`);
}

function countOf({ valueHits, shortcutHits, misses, changes }: ClusterNodeStats): number {
  return valueHits + shortcutHits + misses + changes;
}

function servedBy(stores: readonly Store<string>[]): ClusterNodeStats {
  const all = stores.map((store) => store.stats().cluster!.served!);
  return all.reduce((sum, one) => combined(sum, one, (a, b) => a + b));
}

function combined(
  one: ClusterNodeStats,
  other: ClusterNodeStats,
  by: (a: number, b: number) => number,
): ClusterNodeStats {
  const names = Object.keys(one) as (keyof ClusterNodeStats)[];
  const entries = names.map((name) => [name, by(one[name], other[name])]);
  return Object.fromEntries(entries) as Record<keyof ClusterNodeStats, number>;
}
