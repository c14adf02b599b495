/**
 * Measures what the cost model takes from this machine, and writes it to model/measured_costs.ts.
 * The experiments themselves measure no time, so they give the same figures everywhere until this
 * is run again.
 *
 * ```sh
 * npm run experiments:calibrate
 * ```
 *
 * Keys are drawn with Zipf's distribution of exponent 0.99. Kinds take turns, in rounds of some
 * milliseconds; the median of the least disturbed round of each kind counts. The machine may do
 * other work, too, which only adds. The pool's pages are touched before: the paper's pool is
 * registered with a NIC, so its pages are all there, and in this store DPM processors touch them in
 * advance. No segment is cleaned, as in the experiments.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CachePolicy, shortcutBytes, valueEntryBytes } from "../../lib/cache/cache.ts";
import { createCache } from "../../lib/cache/create_cache.ts";
import type { NodeId, SegmentId, Slot } from "../../lib/core/brands.ts";
import { SLOT_COUNT } from "../../lib/core/limits.ts";
import { runDpmTask } from "../../lib/dpm/dpm_tasks.ts";
import { LogMerger } from "../../lib/far/log/log_merger.ts";
import { type CachedValue, keepValue } from "../../lib/far/node/far_lookup.ts";
import { FarNode } from "../../lib/far/node/far_node.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { placeFar } from "../../lib/pool/placement.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { RequestConsumer } from "../../lib/rings/request_consumer.ts";
import { initialiseOwner } from "../../lib/routing/ownership.ts";
import { PROJECT_ROOT } from "../../scripts/runtimes.ts";
import { describeEnvironment } from "../environment.ts";
import { median } from "../measure/statistics.ts";
import { createRandom } from "../workloads/random.ts";
import type { MEASURED_NS } from "./model/measured_costs.ts";
import { CACHE_SHARE, EXPERIMENT_PLANS, KEY_BYTES, VALUE_BYTES } from "./plan.ts";
import { cacheBytesOf } from "./systems/catalogue.ts";
import { KeyNumbers, RequestSender } from "./systems/dinomo/request_sender.ts";
import { OperationKind } from "./workload/mix.ts";
import { Zipf } from "./workload/zipf.ts";

type Measured = Record<keyof typeof MEASURED_NS, number>;

/** Requests of a step, and steps of a round. */
const BATCH = 16;
const ROUND_BATCHES = 200;
const ROUND_COUNT = 100;
/** As many as in the experiments, and caches as large. */
const { keyCount: KEY_COUNT } = EXPERIMENT_PLANS.full.steady;
const CACHE_BYTES = cacheBytesOf(KEY_COUNT, CACHE_SHARE);
/** Keys that are all cached, as values and as shortcuts. */
const VALUE_COUNT = Math.floor(CACHE_BYTES / valueEntryBytes(KEY_BYTES, VALUE_BYTES));
const SHORTCUT_COUNT = Math.floor(CACHE_BYTES / shortcutBytes(KEY_BYTES));
const POOL_BYTES = 1 << 29;
const SEGMENT_BYTES = 1 << 20;
const EXPONENT = 0.99;
const SEED = 1;
/** Records that are logged and not merged, when reads of those are timed. */
const LOGGED_COUNT = 2048;

/** One KN with all slots, and its merger. */
class Bench {
  readonly samplesNs: number[] = [];
  readonly mergeSamplesNs: number[] = [];
  readonly #node: FarNode;
  readonly #merger: LogMerger;
  readonly #sender: RequestSender;
  readonly #random = createRandom(SEED);

  constructor(policy: CachePolicy, budgetBytes: number) {
    const pool = Pool.create(geometryOf(POOL_BYTES, SEGMENT_BYTES), [1, 2]);
    placeFar(pool, POOL_BYTES / 4);
    for (let i = 0; i < pool.geometry.segmentCount; i++) {
      runDpmTask({ kind: "prefault", pool: pool.handle, segment: i as SegmentId });
    }
    this.#sender = new RequestSender(new KeyNumbers(pool), VALUE_BYTES);
    const nodeId = 0 as NodeId;
    for (let slot = 0; slot < SLOT_COUNT; slot++) initialiseOwner(pool, slot as Slot, nodeId);
    const consumers = [new RequestConsumer(this.#sender.ring)];
    const clock = () => 0;
    const cache = createCache<CachedValue>(policy, { budgetBytes, keep: keepValue });
    this.#node = new FarNode({ pool, nodeId, agent: 0, consumers, clock, cache });
    this.#merger = new LogMerger({ pool, agent: 0, clock });
    for (let key = 0; key < KEY_COUNT; key += BATCH) {
      this.#execute(OperationKind.UPDATE, (i) => key + i);
      this.merge();
    }
    this.samplesNs.length = 0;
  }

  /** Writes the first keys, and does not merge that. */
  log(): void {
    for (let key = 0; key < LOGGED_COUNT; key += BATCH) {
      this.#execute(OperationKind.UPDATE, (i) => key + i);
    }
  }

  /** Times a round of requests for random keys. */
  time(kind: OperationKind, keys: Zipf): void {
    for (let i = 0; i < ROUND_BATCHES; i++) {
      const ns = this.#execute(kind, () => keys.draw(this.#random));
      this.samplesNs.push(ns / BATCH);
    }
  }

  /** Merges everything, and times each step of that. */
  merge(): void {
    while (this.#merger.hasWork) {
      const before = this.#merger.mergedCount;
      const startMs = performance.now();
      this.#merger.doWork();
      const ns = (performance.now() - startMs) * 1e6;
      this.mergeSamplesNs.push(ns / (this.#merger.mergedCount - before));
    }
  }

  /** Has a batch executed; returns the time of the KN. */
  #execute(kind: OperationKind, keyOf: (i: number) => number): number {
    for (let i = 0; i < BATCH; i++) this.#sender.send({ kind, key: keyOf(i) });
    let left = BATCH;
    let ns = 0;
    while (left > 0) {
      const startMs = performance.now();
      this.#node.doWork();
      ns += (performance.now() - startMs) * 1e6;
      left -= this.#sender.takeAnswers(() => {});
    }
    return ns;
  }
}

/** The lowest of the medians of the rounds. */
function undisturbed(samples: readonly number[]): number {
  const perRound = Math.floor(samples.length / ROUND_COUNT);
  const rounds = Array.from(
    { length: ROUND_COUNT },
    (_, round) => median(samples.slice(round * perRound, (round + 1) * perRound)),
  );
  return Math.min(...rounds);
}

function measure(progress: (line: string) => void): Measured {
  progress("loading");
  const values = new Bench("values", CACHE_BYTES);
  const shortcuts = new Bench("shortcuts", CACHE_BYTES);
  const misses = new Bench("values", 0);
  const logged = new Bench("values", 0);
  const writes = new Bench("dac", CACHE_BYTES);
  logged.log();
  const zipfOf = (keyCount: number) => new Zipf(keyCount, EXPONENT);
  const [all, cached, found, recent] = [KEY_COUNT, VALUE_COUNT, SHORTCUT_COUNT, LOGGED_COUNT]
    .map(zipfOf);
  writes.mergeSamplesNs.length = 0;
  for (let round = 0; round < ROUND_COUNT; round++) {
    progress(`round ${round + 1} of ${ROUND_COUNT}`);
    values.time(OperationKind.READ, cached);
    shortcuts.time(OperationKind.READ, found);
    misses.time(OperationKind.READ, all);
    logged.time(OperationKind.READ, recent);
    writes.time(OperationKind.UPDATE, all);
    writes.merge();
  }
  return {
    valueRead: undisturbed(values.samplesNs),
    shortcutRead: undisturbed(shortcuts.samplesNs),
    logRead: undisturbed(logged.samplesNs),
    missRead: undisturbed(misses.samplesNs),
    write: undisturbed(writes.samplesNs),
    merge: undisturbed(writes.mergeSamplesNs),
  };
}

/** The module that the cost model imports. */
function moduleOf(measured: Measured): string {
  const { runtime, runtimeVersion, cpu, coreCount } = describeEnvironment();
  const date = new Date().toISOString().slice(0, 10);
  const lines = Object.entries(measured).map(([name, ns]) => `  ${name}: ${Math.round(ns)},`);
  return `/**
 * Costs of this store's own code and of this machine. Written by
 * \`npm run experiments:calibrate\`; do not edit.
 *
 * @module
 */

/** On what they were measured. */
export const MEASURED_ON =
  "${runtime} ${runtimeVersion}, ${coreCount} cores of ${cpu}, ${date}";

/** Nanoseconds. */
export const MEASURED_NS = {
${lines.join("\n")}
} as const;
`;
}

const measured = measure((line) => console.error(line));
const path = join(PROJECT_ROOT, "bench", "experiments", "model", "measured_costs.ts");
writeFileSync(path, moduleOf(measured));
console.log(measured);
