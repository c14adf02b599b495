/**
 * Chaos for as long as one likes: KNs and clients die, stall and wake up, KNs come and go, under
 * load, and every operation is checked.
 *
 * ```sh
 * npm run chaos -- 600                 # seconds; also: bun scripts/chaos.ts 600, deno run -A scripts/chaos.ts 600
 * npm run chaos -- --faults 500        # until so many faults have hit KNs
 * npm run chaos -- --operations 10000000
 * deno run -A scripts/chaos.ts --stalls --zombies 200   # every fault is a stall, until so many threads have gone on after theirs
 * npm run chaos -- --when-full evict   # every store evicts; otherwise one in three near ones does
 * npm run chaos -- --seed 7            # the first round again; real threads differ, decisions do not
 * ```
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import type { Durability, Placement } from "../mod.ts";
import { runChaosRound } from "../test/support/chaos/chaos_round.ts";
import { ChaosTally } from "../test/support/chaos/chaos_tally.ts";
import { Random, SEED } from "../test/support/random.ts";

const SECONDS_DEFAULT = 60;
const ROUND_SECONDS = 6;
/** A store that is broken in every round has been seen often enough. */
const VIOLATIONS_MAX = 10;
/** Of how many rounds one has a store that evicts. */
const EVICT_EVERY = 3;
/** Mostly in memory, which is fastest, sometimes on a disk, which is slowest. */
const DURABILITIES: readonly Durability[] = ["memory", "os", "memory", "os", "disk"];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    faults: { type: "string" },
    operations: { type: "string" },
    zombies: { type: "string" },
    stalls: { type: "boolean", default: false },
    seed: { type: "string" },
    durability: { type: "string" },
    placement: { type: "string", default: "near" },
    "when-full": { type: "string" },
    round: { type: "string", default: `${ROUND_SECONDS}` },
  },
});
const faultsMin = Number(values.faults ?? 0);
const operationsMin = Number(values.operations ?? 0);
const zombiesMin = Number(values.zombies ?? 0);
const isCounted = [values.faults, values.operations, values.zombies].some((value) =>
  value !== undefined
);
const seconds = Number(positionals[0] ?? (isCounted ? Infinity : SECONDS_DEFAULT));
const seeds = new Random(values.seed === undefined ? SEED : Number(values.seed));
const startMs = performance.now();
const tally = new ChaosTally();
let seed = values.seed === undefined ? seeds.below(2 ** 31) : Number(values.seed);
let violationsShown = 0;

process.on("uncaughtException", (error) => {
  console.error(`\n--seed ${seed}: uncaught: ${error.stack}`);
  process.exit(1);
});

while (isWanted() && tally.violations.length < VIOLATIONS_MAX) {
  const durability = values.durability ?? DURABILITIES[seed % DURABILITIES.length];
  const isTurn = values.placement === "near" && seed % EVICT_EVERY === 0;
  const evicts = values["when-full"] === undefined ? isTurn : values["when-full"] === "evict";
  await runChaosRound({
    seed,
    evicts,
    durability: durability as Durability,
    placement: values.placement as Placement,
    seconds: Number(values.round),
    tally,
    onlyStalls: values.stalls,
  });
  for (const violation of tally.violations.slice(violationsShown)) console.error(`\n${violation}`);
  violationsShown = tally.violations.length;
  const elapsed = Math.round((performance.now() - startMs) / 1000);
  process.stdout.write(`\r${elapsed} s, seed ${seed}: ${tally.progress}   `);
  seed = seeds.below(2 ** 31);
}
console.log(`\n\n${tally.table}`);
process.exitCode = tally.violations.length === 0 ? 0 : 1;

function isWanted(): boolean {
  if (performance.now() - startMs > seconds * 1000) return false;
  if (!isCounted) return true;
  const { nodeFaults, operations, zombiesWoken } = tally;
  return nodeFaults < faultsMin || operations < operationsMin || zombiesWoken < zombiesMin;
}
