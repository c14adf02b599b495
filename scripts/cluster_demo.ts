/**
 * A cluster on real data: three servers of NATS, and three processes on three runtimes, keep every
 * city of the world. Under load an owner is killed, another process joins, and an engine server is
 * killed; then every field of every city is checked.
 *
 * ```sh
 * npm run demo:cluster                  # also: bun scripts/cluster_demo.ts, deno run -A scripts/cluster_demo.ts
 * npm run demo:cluster -- --cities 5000
 * npm run demo:cluster -- --seed 7      # which cities are popular
 * npm run demo:cluster -- --inspect     # with a page that shows it, until Ctrl-C
 * ```
 *
 * Exits with 1 as soon as anything is not what it must be.
 *
 * @module
 */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { loadCities, type StoredCity } from "../examples/cities/cities.ts";
import { CityLoad } from "../examples/cities/city_load.ts";
import { CityModel } from "../examples/cities/city_model.ts";
import { formatCount, formatTable, Latencies } from "../examples/cities/latencies.ts";
import { Progress } from "../examples/cities/progress.ts";
import { type Inspector, serveInspector } from "../lib/inspector/mod.ts";
import { type ClusterOptions, open, type Store } from "../mod.ts";
import { NatsServers } from "../test/support/cluster/nats_servers.ts";
import { ClusterProcess } from "./cluster_process.ts";
import { type Runtime, RUNTIMES } from "./runtimes.ts";

/** Clients that read and update at once. */
const CLIENT_COUNT = 32;
const BATCH_CITIES = 500;
/** Batches on their way at a time. */
const BATCHES = 4;
const LEASE_MS = 1500;
const WAIT_MS_MAX = 60_000;

/** What is stored to see whether anything is. */
const PROBE: StoredCity = { ...loadCities(1)[0]!, revision: 0 };

/** The processes that there are, by the numbers of their nodes. */
const members = new Map<number, ClusterProcess>();

const { values } = parseArgs({
  options: {
    cities: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" },
    stage: { type: "string", default: "3000" },
    inspect: { type: "boolean", default: false },
  },
});

try {
  await demonstrate();
} catch (error) {
  console.error(`\nFAILED: ${error instanceof Error ? error.stack ?? error.message : error}`);
  process.exitCode = 1;
}

async function demonstrate(): Promise<void> {
  const startMs = performance.now();
  const model = new CityModel(loadCities(wholeNumber("--cities")), wholeNumber("--seed"));
  console.log(`${formatCount(model.count)} cities, seed ${values.seed}\n`);
  const servers = await NatsServers.start(3);
  let store: Store<StoredCity> | undefined;
  let inspector: Inspector | undefined;
  try {
    console.log(`3 servers of NATS: ${servers.urls.join(", ")}`);
    const common = { servers: servers.urls, name: "cities", leaseMs: LEASE_MS };
    await Promise.all(RUNTIMES.map((runtime, node) => start(node, runtime, common)));
    store = await open<StoredCity>({ cluster: { ...common, node: false } });
    if (values.inspect) {
      inspector = await serveInspector(store);
      console.log(`inspector: open ${inspector.url}`);
    }
    await showOwners(store);
    await fill(store, model);
    const load = new CityLoad(store, model, wholeNumber("--seed") + 1);
    const stages = await disturb(store, load, servers, common);
    await check(store, model);
    console.log(`\n${formatTable(stages)}`);
    const { resent } = store.stats().cluster!;
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    console.log(
      `\nevery field of every city is as ${formatCount(model.updateCount)} updates have left it; ` +
        `${resent} requests were sent again, 0 mismatches, ${seconds} s`,
    );
    if (values.inspect) await goOnUntilStopped(store, model);
    else console.log("to see it in a browser: npm run demo:cluster -- --inspect");
  } finally {
    await inspector?.close();
    await store?.close();
    await Promise.all([...members.values()].map((member) => member.close()));
    await servers.stop();
  }
}

async function start(node: number, runtime: Runtime, common: ClusterOptions): Promise<void> {
  members.set(node, await ClusterProcess.start({ ...common, node }, runtime));
}

/** Clients read and update until Ctrl-C, which ends all processes at once. */
async function goOnUntilStopped(store: Store<StoredCity>, model: CityModel): Promise<void> {
  process.once("SIGINT", () => process.exit(0));
  const clients = new CityLoad(store, model, model.updateCount).startClients(CLIENT_COUNT);
  console.log("clients read and update until Ctrl-C");
  await clients.during(new Latencies(""), () => new Promise<never>(() => {}));
}

/** Waits until these nodes, and no others, own all slots; shows who owns what. */
async function showOwners(store: Store<StoredCity>): Promise<void> {
  const startMs = performance.now();
  const owners = () => store.stats().cluster!.nodes.filter(({ slots }) => slots > 0);
  const isShared = () =>
    store.stats().cluster!.unownedSlots === 0 && owners().length === members.size &&
    owners().every(({ node }) => members.has(node));
  while (!isShared() && performance.now() - startMs < WAIT_MS_MAX) await delay(5);
  const ms = (performance.now() - startMs).toFixed(0);
  console.log(`  slots have their owners after ${ms} ms`);
  for (const { node, slots, address } of owners()) {
    const { runtime = "-", pid: number = 0 } = members.get(node) ?? {};
    const bar = "#".repeat(Math.round(slots / 128));
    const pid = String(number).padStart(8);
    console.log(
      `  node ${node}  ${runtime.padEnd(5)}${pid}  ${address}  ${
        String(slots).padStart(5)
      }  ${bar}`,
    );
  }
}

/** Waits until changes of many keys, which all nodes own, are acknowledged. */
async function goOn(store: Store<StoredCity>): Promise<void> {
  const startMs = performance.now();
  const probes = Array.from({ length: 64 }, (_, i) => `probe ${i}`);
  await store.deleteMany(probes);
  await Promise.all(probes.map((key) => store.put(key, { ...PROBE })));
  await store.deleteMany(probes);
  console.log(`  changes are acknowledged after ${(performance.now() - startMs).toFixed(0)} ms`);
}

async function fill(store: Store<StoredCity>, model: CityModel): Promise<void> {
  const progress = new Progress("loading", model.count);
  let done = 0;
  await inBatches(model, async (cities) => {
    await store.putMany(cities.map((city) => [model.keys[city]!, model.expected(city)]));
    progress.update(done += cities.length);
  });
  progress.end();
}

async function check(store: Store<StoredCity>, model: CityModel): Promise<void> {
  const progress = new Progress("checking", model.count);
  let done = 0;
  await inBatches(model, async (cities) => {
    const found = await store.getMany(cities.map((city) => model.keys[city]!));
    cities.forEach((city, i) => model.check(city, found[i]));
    progress.update(done += cities.length);
  });
  progress.end();
}

async function inBatches(
  { count }: CityModel,
  operate: (cities: readonly number[]) => Promise<void>,
): Promise<void> {
  let next = 0;
  const run = async () => {
    while (next < count) {
      const from = next;
      next = Math.min(count, from + BATCH_CITIES);
      await operate(Array.from({ length: next - from }, (_, i) => from + i));
    }
  };
  await Promise.all(Array.from({ length: BATCHES }, run));
}

async function disturb(
  store: Store<StoredCity>,
  load: CityLoad,
  servers: NatsServers,
  common: ClusterOptions,
): Promise<Latencies[]> {
  console.log(`reading and updating, ${CLIENT_COUNT} clients, half of it updates`);
  const clients = load.startClients(CLIENT_COUNT);
  const stageMs = wholeNumber("--stage");
  const stages: Latencies[] = [];
  const stage = async (name: string, act: () => Promise<void>) => {
    console.log(`${name}:`);
    const latencies = new Latencies(name);
    stages.push(latencies);
    await clients.during(latencies, act);
    console.log(`  ${formatCount(latencies.operationCount)} operations`);
  };
  await stage("three nodes", () => delay(stageMs));
  await stage("an owner is killed", async () => {
    members.get(0)!.kill();
    members.delete(0);
    await goOn(store);
    await showOwners(store);
    await delay(stageMs);
  });
  await stage("another process joins", async () => {
    await start(3, RUNTIMES[0]!, common);
    await showOwners(store);
    await delay(stageMs);
  });
  await stage("an engine server is killed", async () => {
    servers.kill(0);
    await goOn(store);
    await delay(stageMs);
  });
  await clients.stop();
  return stages;
}

function wholeNumber(option: "--cities" | "--seed" | "--stage"): number {
  const text = values[option.slice(2) as keyof typeof values];
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new TypeError(`${option} must be a whole number, got ${JSON.stringify(text)}`);
}
