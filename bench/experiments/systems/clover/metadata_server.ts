/**
 * Clover's metadata server: workers that answer KNs, and collectors that recycle the buffers of
 * replaced versions.
 *
 * @module
 */
import { Fifo } from "../../kernel/fifo.ts";
import type { Process, Simulation } from "../../kernel/simulation.ts";
import { Station } from "../../kernel/station.ts";
import { COSTS } from "../../model/costs.ts";
import type { Chains, Replaced } from "./chains.ts";

/** Buffers that a collector recycles between two sleeps (MITSUME_GC_CON_PER_PROGRESS). */
const RECYCLED_PER_PASS = 64;

/**
 * Accesses to memory, each of which depends on the one before and misses the processor's caches, in
 * the server's tables. Counted in src/kvs/clover/mitsume_con_thread.cc, with two for each find in a
 * `std::unordered_map` (bucket, node).
 */
const ACCESSES = {
  /**
   * A replaced version: its new entry; a find in the table of current ones, and one among those out
   * of order; the key's entry (3).
   */
  enter: 8,
  /** A buffer: its entry, and the end of the free list. */
  recycle: 2,
} as const;

/** Threads of the metadata server. */
export interface MetadataThreads {
  readonly workers: number;
  readonly collectors: number;
}

/** The server, which is one machine. */
export class MetadataServer {
  readonly #simulation: Simulation;
  readonly #chains: Chains;
  readonly #workers: Station;
  readonly #collectors: Station;
  readonly #replaced = new Fifo<Replaced>();

  constructor(simulation: Simulation, chains: Chains, threads: MetadataThreads) {
    this.#simulation = simulation;
    this.#chains = chains;
    this.#workers = new Station(simulation, "metadata server", threads.workers);
    this.#collectors = new Station(simulation, "metadata server, collectors", threads.collectors);
    for (let i = 0; i < threads.collectors; i++) simulation.start(this.#recycle());
  }

  get resources(): Station[] {
    return [this.#workers, this.#collectors];
  }

  reset(): void {
    this.#workers.reset();
    this.#collectors.reset();
  }

  /** One request and its answer: a round trip, and the work. */
  *request(workUs: number = 0): Process {
    yield this.#simulation.nowUs + COSTS.roundTripUs.value / 2;
    yield this.#workers.serve(COSTS.metadataRequestUs.value + workUs);
    yield this.#simulation.nowUs + COSTS.roundTripUs.value / 2;
  }

  /** Tells the server that versions have been replaced, each by the one behind it. */
  *collect(batch: readonly Replaced[]): Process {
    yield* this.request(batch.length * ACCESSES.enter * COSTS.memoryAccessUs.value);
    for (const { key, version } of batch) {
      this.#chains.learn(key, version + 1);
      this.#replaced.push({ key, version });
    }
  }

  /** A collector. */
  *#recycle(): Process {
    for (;;) {
      const count = Math.min(RECYCLED_PER_PASS, this.#replaced.size);
      const pass = Array.from({ length: count }, () => this.#replaced.shift()!);
      if (count === 0) {
        yield this.#simulation.nowUs + COSTS.shortSleepUs.value;
        continue;
      }
      const workUs = count * ACCESSES.recycle * COSTS.memoryAccessUs.value;
      const passUs = COSTS.shortSleepUs.value + workUs;
      // A pass that is not full could have recycled more: the sleep is the same.
      yield this.#collectors.serve(passUs, passUs * count / RECYCLED_PER_PASS);
      for (const replaced of pass) this.#chains.recycle(replaced);
    }
  }
}
