/**
 * Compares virtual time with real threads, for one KN and for two, which is what two cores allow:
 * the round trips that the verbs count, and what the caches hit. These depend on what a store does,
 * not on how fast the machine is at the moment. Written to model/thread_check.ts, from where the
 * page of the documentation takes it.
 *
 * ```sh
 * npm run experiments:check
 * ```
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { open, type Store } from "../../mod.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { VERB_COUNTER_COUNT, VerbCounter, Verbs } from "../../lib/pool/verbs.ts";
import type { SharedParts } from "../../lib/store/parts/handle.ts";
import { PROJECT_ROOT } from "../../scripts/runtimes.ts";
import { createRandom } from "../workloads/random.ts";
import { measureSteady } from "./experiments/steady.ts";
import { deploymentOf } from "./experiments/throughput.ts";
import type { CheckedFigures, ThreadCheckRow } from "./model/thread_check.ts";
import { CACHE_SHARE, CLIENTS_PER_NODE, KEY_BYTES, VALUE_BYTES } from "./plan.ts";
import { cacheBytesOf, dinomo } from "./systems/catalogue.ts";
import { mixOf } from "./workload/mix.ts";
import { Zipf } from "./workload/zipf.ts";

const PLAN = { keyCount: 1 << 14, warmUpOperations: 40_000, operations: 40_000 };
const MIX = mixOf("update-5");
const EXPONENT = 0.99;
const NODE_COUNTS = [1, 2];
const SEED = 2022;
const LOAD_BATCH = 256;
const POLICY = "dac";

function keyOf(number: number): Uint8Array {
  const key = new Uint8Array(KEY_BYTES);
  new DataView(key.buffer).setUint32(0, number);
  return key;
}

/** Counters of all KNs. */
function countersOf(pool: Pool, nodeCount: number): Float64Array {
  const sums = new Float64Array(VERB_COUNTER_COUNT);
  for (let agent = 0; agent < nodeCount; agent++) {
    const verbs = new Verbs(pool, agent);
    sums.forEach((_, counter) => sums[counter] += verbs.get(counter));
  }
  return sums;
}

/** Figures from the growth of the counters. */
function figuresOf(before: Float64Array, after: Float64Array): CheckedFigures {
  const grown = (counter: number) => after[counter] - before[counter];
  const { READS, SENDS, GETS, PUTS, VALUE_HITS, LOG_HITS, SHORTCUT_HITS } = VerbCounter;
  let roundTrips = 0;
  for (let verb = READS; verb <= SENDS; verb++) roundTrips += grown(verb);
  return {
    roundTripsPerOperation: roundTrips / (grown(GETS) + grown(PUTS)),
    valueHitShare: (grown(VALUE_HITS) + grown(LOG_HITS)) / grown(GETS),
    shortcutHitShare: grown(SHORTCUT_HITS) / grown(GETS),
  };
}

/** The same load on real threads. */
async function measureThreads(nodeCount: number): Promise<CheckedFigures> {
  const { keyCount, warmUpOperations, operations } = PLAN;
  await using store = await open<"bytes">({
    placement: "far",
    nodes: nodeCount,
    codec: "binary",
    keys: "bytes",
    capacity: "512MiB",
    cache: cacheBytesOf(keyCount, CACHE_SHARE),
    cachePolicy: POLICY,
  });
  const pool = Pool.attach((store.share() as SharedParts).pool);
  const value = new Uint8Array(VALUE_BYTES);
  for (let first = 0; first < keyCount; first += LOAD_BATCH) {
    const count = Math.min(LOAD_BATCH, keyCount - first);
    await store.putMany(Array.from({ length: count }, (_, i) => [keyOf(first + i), value]));
  }
  const random = createRandom(SEED);
  const zipf = new Zipf(keyCount, EXPONENT);
  const clientCount = nodeCount * CLIENTS_PER_NODE;
  await runClients(store, clientCount, warmUpOperations, zipf, random);
  const before = countersOf(pool, nodeCount);
  await runClients(store, clientCount, operations, zipf, random);
  return figuresOf(before, countersOf(pool, nodeCount));
}

async function runClients(
  store: Store<Uint8Array, Uint8Array>,
  clientCount: number,
  operations: number,
  zipf: Zipf,
  random: () => number,
): Promise<void> {
  const value = new Uint8Array(VALUE_BYTES);
  let left = operations;
  const client = async () => {
    while (left-- > 0) {
      const isRead = random() >= MIX.writeShare;
      const key = keyOf(zipf.draw(random));
      if (!isRead) await store.put(key, value);
      else if (await store.get(key) === undefined) throw new Error("a key has got lost");
    }
  };
  await Promise.all(Array.from({ length: clientCount }, client));
}

function measureVirtual(nodeCount: number): CheckedFigures {
  const build = dinomo(deploymentOf(PLAN, nodeCount, MIX), { policy: POLICY });
  const zipf = new Zipf(PLAN.keyCount, EXPONENT);
  const run = { ...PLAN, build, nodeCount, mix: MIX, zipf, seed: SEED };
  const { roundTripsPerOperation, valueHitShare, shortcutHitShare } = measureSteady(run);
  return { roundTripsPerOperation, valueHitShare, shortcutHitShare };
}

const rows: ThreadCheckRow[] = [];
for (const nodeCount of NODE_COUNTS) {
  console.error(`${nodeCount} KNs`);
  rows.push({
    nodeCount,
    threads: await measureThreads(nodeCount),
    virtual: measureVirtual(nodeCount),
  });
}
console.log(JSON.stringify(rows, null, 2));
const path = join(PROJECT_ROOT, "bench", "experiments", "model", "thread_check.ts");
writeFileSync(
  path,
  `/**
 * Real threads beside virtual time. Written by \`npm run experiments:check\`; do not edit.
 *
 * @module
 */

/** What is compared. */
export interface CheckedFigures {
  readonly roundTripsPerOperation: number;
  readonly valueHitShare: number;
  readonly shortcutHitShare: number;
}

/** One number of KNs. */
export interface ThreadCheckRow {
  readonly nodeCount: number;
  readonly threads: CheckedFigures;
  readonly virtual: CheckedFigures;
}

/** 95/5 update, Zipf 0.99, ${PLAN.keyCount} keys. */
export const THREAD_CHECK: readonly ThreadCheckRow[] = ${JSON.stringify(rows, null, 2)};
`,
);
