/**
 * A second process on the same runtime: it opens the pool that the first one has closed, and checks
 * it.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { open } from "dinomo";
import { loadCities, type StoredCity } from "./cities.ts";
import { CityLoad } from "./city_load.ts";
import { CityModel, MismatchError } from "./city_model.ts";
import { formatCount } from "./latencies.ts";
import { Progress } from "./progress.ts";

/** What the second process has to know: the rest follows from it. */
export interface Expectation {
  readonly path: string;
  readonly seed: number;
  readonly cityCount: number;
  readonly updateCount: number;
}

/**
 * Starts the demo's own entry point once more, to check the pool; fails unless all of it is as
 * expected.
 */
export async function checkInSecondProcess(expectation: Expectation): Promise<void> {
  const { path, seed, cityCount, updateCount } = expectation;
  const entry = [...("Deno" in globalThis ? ["run", "--allow-all"] : []), process.argv[1]];
  const options = ["--path", path, "--seed", seed, "--cities", cityCount, "--updates", updateCount];
  const child = spawn(process.execPath, [...entry, "--check", ...options.map(String)], {
    stdio: "inherit",
  });
  const [exitCode] = await once(child, "exit");
  if (exitCode !== 0) throw new MismatchError(`the second process ended with code ${exitCode}`);
}

/** What the second process does. */
export async function checkPool(expectation: Expectation): Promise<void> {
  const { path, seed, cityCount, updateCount } = expectation;
  const model = new CityModel(loadCities(cityCount), seed);
  while (model.updateCount < updateCount) model.update();
  const startMs = performance.now();
  const store = await open<StoredCity>({ path });
  try {
    const openMs = (performance.now() - startMs).toFixed(0);
    console.log(`  process ${process.pid} opened the pool in ${openMs} ms`);
    const progress = new Progress("  checking", model.count);
    new CityLoad(store, model, seed).checkAll((done) => progress.update(done));
    progress.end();
    if (store.count !== model.count) {
      throw new MismatchError(`there must be ${model.count} keys, got ${store.count}`);
    }
    const updates = formatCount(updateCount);
    console.log(`  every field of every city is as ${updates} updates have left it`);
  } finally {
    await store.close();
  }
}
