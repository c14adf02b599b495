/**
 * Dinomo on real data: stores every city of the world, reads and updates them by Zipf's law while
 * the number of KNs goes up to that of the processors and back to 1, checks every field, snapshots,
 * closes, and checks every field again in a second process.
 *
 * ```sh
 * npm run demo        # Node
 * npm run demo:bun    # or: bun examples/cities/main.ts
 * npm run demo:deno   # or: deno run -A examples/cities/main.ts
 * npm run demo -- --inspect   # with a page that shows it, until Ctrl-C
 * ```
 *
 * Exits with 1 as soon as anything is not what it must be.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { open, type ScaleReport, type Store } from "dinomo";
import { loadCities, type StoredCity } from "./cities.ts";
import { CityLoad } from "./city_load.ts";
import { CityModel } from "./city_model.ts";
import { Inspection, showUntilStopped } from "./inspection.ts";
import { formatCount, formatTable, Latencies } from "./latencies.ts";
import { describeSteps, nodeCountsFor } from "./node_counts.ts";
import { Progress } from "./progress.ts";
import { checkInSecondProcess, checkPool } from "./second_process.ts";

const HELP = `usage: examples/cities/main.ts [options]

  --smoke        3,000 cities and short phases, for tests
  --cities N     so many cities; all of them without it
  --seed N       which cities are popular; 1 without it
  --inspect      show the store in a browser, and stay until Ctrl-C
  --path DIR     keep the pool in DIR, which must be empty; a temporary directory without it
  --check        only check the pool at --path: that it has --cities, after --updates, by --seed
  --updates N    see --check`;

interface Settings {
  readonly path: string;
  readonly seed: number;
  readonly cityCount: number;
  /** Time of a phase with one operation at a time, and of one with many clients. */
  readonly phaseMs: number;
  readonly stageMs: number;
  /** Undefined unless the store is shown. */
  readonly inspection: Inspection | undefined;
}

/** Clients that work at once while the store is scaled. */
const CLIENT_COUNT = 64;
const CAPACITY = "256MiB";
/** More than the package has. */
const CITY_COUNT_MAX = 1_000_000;

await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      smoke: { type: "boolean", default: false },
      cities: { type: "string", default: String(CITY_COUNT_MAX) },
      seed: { type: "string", default: "1" },
      path: { type: "string" },
      check: { type: "boolean", default: false },
      updates: { type: "string", default: "0" },
      inspect: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  if (values.check && values.path === undefined) throw new TypeError("--check needs --path");
  const seed = wholeNumber("--seed", values.seed);
  const cityCount = wholeNumber("--cities", values.cities);
  const updateCount = wholeNumber("--updates", values.updates);
  const path = values.path ?? mkdtempSync(join(tmpdir(), "dinomo-cities-"));
  const remove = () => {
    if (values.path === undefined) rmSync(path, { recursive: true, force: true });
  };
  let interrupt = (): void => {
    remove();
    process.exit(130);
  };
  process.on("SIGINT", () => interrupt());
  try {
    if (values.check) {
      await checkPool({ path, seed, cityCount, updateCount });
    } else {
      const size = values.smoke
        ? { cityCount: Math.min(cityCount, 3000), phaseMs: 40, stageMs: 60 }
        : { cityCount, phaseMs: 1500, stageMs: 1000 };
      const inspection = values.inspect ? new Inspection() : undefined;
      const model = await demonstrate({ path, seed, inspection, ...size });
      if (inspection !== undefined) {
        const stopped = new Promise<void>((resolve) => interrupt = resolve);
        await showUntilStopped({ path, model, clientCount: CLIENT_COUNT, inspection, stopped });
      }
    }
  } catch (error) {
    console.error(`\nFAILED: ${error instanceof Error ? error.stack ?? error.message : error}`);
    process.exitCode = 1;
  } finally {
    remove();
  }
}

async function demonstrate(settings: Settings): Promise<CityModel> {
  const { path, seed, inspection } = settings;
  const startMs = performance.now();
  const cities = loadCities(settings.cityCount);
  if (cities.length === 0) throw new TypeError("--cities must be at least 1");
  const model = new CityModel(cities, seed);
  console.log(
    `${
      formatCount(cities.length)
    } cities, ${runtimeName()}, ${availableParallelism()} processors, seed ${seed}\n`,
  );
  const phases: Latencies[] = [];
  const statistics = inspection !== undefined;
  const store = await open<StoredCity>({ path, capacity: CAPACITY, statistics });
  try {
    await inspection?.begin(store);
    const load = new CityLoad(store, model, seed + 1);
    await fill(load, model, phases);
    await operateOneByOne(load, settings, phases);
    await scaleUnderLoad(store, load, settings, phases);
    check(load, model);
    await snapshot(store);
  } finally {
    await inspection?.end();
    await store.close();
  }
  console.log("closed; opening again in a second process");
  const { updateCount } = model;
  await checkInSecondProcess({ path, seed, cityCount: cities.length, updateCount });

  console.log(`\n${formatTable(phases)}`);
  console.log("(one operation at a time: per second of time spent in the store)\n");
  const operationCount = phases.reduce((sum, phase) => sum + phase.operationCount, 0);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`${formatCount(operationCount)} operations, 0 mismatches, ${seconds} s`);
  return model;
}

async function fill(load: CityLoad, model: CityModel, phases: Latencies[]): Promise<void> {
  const latencies = new Latencies("load, per batch of 500");
  const progress = new Progress("loading", model.count);
  await load.fill(latencies, (done) => progress.update(done));
  progress.end();
  phases.push(latencies);
}

async function operateOneByOne(
  load: CityLoad,
  { phaseMs }: Settings,
  phases: Latencies[],
): Promise<void> {
  const operations = [
    ["read, sync", load.readSync],
    ["read, awaited", load.readAwaited],
    ["put, sync", load.putSync],
    ["put, awaited", load.putAwaited],
    ["update, awaited", load.updateAwaited],
  ] as const;
  console.log("reading and updating, one operation at a time");
  for (const [name, operate] of operations) {
    // The first operations wait for the compiler and are not counted.
    await operate.call(load, new Latencies(name), phaseMs / 5);
    const latencies = new Latencies(name);
    await operate.call(load, latencies, phaseMs);
    console.log(`  ${latencies.summary()}`);
    phases.push(latencies);
  }
}

async function scaleUnderLoad(
  store: Store<StoredCity>,
  load: CityLoad,
  { stageMs }: Settings,
  phases: Latencies[],
): Promise<void> {
  console.log(`reading and updating, ${CLIENT_COUNT} clients, half of it updates`);
  console.log(`  ${describeSteps(availableParallelism()).replace("\n", "\n  ")}`);
  const clients = load.startClients(CLIENT_COUNT);
  const scaling = new Latencies(`${CLIENT_COUNT} clients, while scaling`);
  await clients.during(new Latencies("warm-up"), () => delay(stageMs));
  for (const nodeCount of nodeCountsFor(availableParallelism())) {
    if (nodeCount !== store.nodes) {
      const report = await clients.during(scaling, () => store.scale(nodeCount));
      console.log(`  ${describeScale(report)}`);
    }
    const stage = new Latencies(`${CLIENT_COUNT} clients, ${nodesOf(nodeCount)}`);
    await clients.during(stage, () => delay(stageMs));
    console.log(`  ${stage.summary()}`);
    phases.push(stage);
  }
  await clients.stop();
  phases.push(scaling);
}

function check(load: CityLoad, model: CityModel): void {
  const progress = new Progress("checking", model.count);
  load.checkAll((done) => progress.update(done));
  progress.end();
}

async function snapshot(store: Store<StoredCity>): Promise<void> {
  const { imageBytes, checkpointBytes, pauseMs, durationMs } = await store.snapshot();
  const mebibytes = ((imageBytes + checkpointBytes) / 2 ** 20).toFixed(1);
  console.log(
    `snapshot    ${mebibytes} MiB in ${durationMs.toFixed(0)} ms, of which the KNs paused for ${
      pauseMs.toFixed(1)
    } ms`,
  );
}

function describeScale(report: ScaleReport): string {
  const { from, to, slotsMoved, bytesMoved, durationMs, startMs, longestPauseMs } = report;
  return `${from} -> ${nodesOf(to)}: ${slotsMoved} slots and ${bytesMoved} bytes moved in ${
    durationMs.toFixed(1)
  } ms (threads started in ${startMs.toFixed(0)} ms); longest pause of a slot ${
    (longestPauseMs * 1000).toFixed(0)
  } us`;
}

function nodesOf(count: number): string {
  return count === 1 ? "1 KN" : `${count} KNs`;
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new TypeError(`${option} must be a whole number, got ${JSON.stringify(text)}`);
}

function runtimeName(): string {
  const { bun, deno, node } = process.versions as Record<string, string | undefined>;
  if (bun !== undefined) return `Bun ${bun}`;
  return deno !== undefined ? `Deno ${deno}` : `Node ${node}`;
}
