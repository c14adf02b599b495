/**
 * The load: fills a store with cities, then reads and updates them, one operation at a time or by
 * many clients at once. Everything that is read is checked.
 *
 * @module
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Store } from "dinomo";
import type { StoredCity } from "./cities.ts";
import type { CityModel } from "./city_model.ts";
import { Latencies } from "./latencies.ts";
import { createRandom, createZipfian } from "./zipfian.ts";

/** Cities stored by one call of `putMany`. */
const BATCH_CITIES = 500;
/** Cities read between two updates of the progress bar. */
const CHECK_CITIES = 1000;
/**
 * Operations of a client between two turns of the event loop, which the start of a KN waits for.
 */
const OPERATIONS_PER_TURN = 16;
/** Share of updates among the operations of clients. */
const UPDATE_SHARE = 0.5;

/** Shows how many cities are done. */
type OnProgress = (done: number) => void;

/** Reads and updates one store as one model says. */
export class CityLoad {
  readonly #store: Store<StoredCity>;
  readonly #model: CityModel;
  readonly #random: () => number;
  readonly #drawRead: () => number;

  /** Makes a load; the seed decides what is read, and the model what is updated. */
  constructor(store: Store<StoredCity>, model: CityModel, seed: number) {
    this.#store = store;
    this.#model = model;
    this.#random = createRandom(seed);
    this.#drawRead = createZipfian(model.count, this.#random);
  }

  /** Stores every city. */
  async fill(latencies: Latencies, onProgress: OnProgress): Promise<void> {
    const { count, keys } = this.#model;
    for (let start = 0; start < count; start += BATCH_CITIES) {
      const end = Math.min(count, start + BATCH_CITIES);
      const batch: [string, StoredCity][] = [];
      for (let city = start; city < end; city++) {
        batch.push([keys[city], this.#model.expected(city)]);
      }
      const startMs = performance.now();
      await this.#store.putMany(batch);
      const latencyMs = performance.now() - startMs;
      latencies.record(latencyMs, batch.length);
      latencies.elapsedMs += latencyMs;
      onProgress(end);
    }
  }

  /** Reads for so long, without giving up the thread. */
  readSync(latencies: Latencies, forMs: number): void {
    repeat(forMs, latencies, () => {
      const city = this.#drawRead();
      const startMs = performance.now();
      const found = this.#store.getSync(this.#model.keys[city]);
      const latencyMs = performance.now() - startMs;
      this.#model.check(city, found);
      return latencyMs;
    });
  }

  /** Reads and awaits one city after the other. */
  async readAwaited(latencies: Latencies, forMs: number): Promise<void> {
    await repeatAwaited(forMs, latencies, async () => {
      const city = this.#drawRead();
      const startMs = performance.now();
      const found = await this.#store.get(this.#model.keys[city]);
      const latencyMs = performance.now() - startMs;
      this.#model.check(city, found);
      return latencyMs;
    });
  }

  /** Updates for so long, without giving up the thread. */
  putSync(latencies: Latencies, forMs: number): void {
    repeat(forMs, latencies, () => {
      const city = this.#model.update();
      const value = this.#model.expected(city);
      const startMs = performance.now();
      this.#store.putSync(this.#model.keys[city], value);
      return performance.now() - startMs;
    });
  }

  /** Updates and awaits one city after the other. */
  async putAwaited(latencies: Latencies, forMs: number): Promise<void> {
    await repeatAwaited(forMs, latencies, async () => {
      const city = this.#model.update();
      const value = this.#model.expected(city);
      const startMs = performance.now();
      await this.#store.put(this.#model.keys[city], value);
      return performance.now() - startMs;
    });
  }

  /** Reads, changes and stores one city after the other, atomically. */
  async updateAwaited(latencies: Latencies, forMs: number): Promise<void> {
    await repeatAwaited(forMs, latencies, async () => {
      const city = this.#model.update();
      const startMs = performance.now();
      await this.#store.update(
        this.#model.keys[city],
        // Every city is in the store, so there is an old value.
        (old) => ({ ...old!, population: old!.population + 1, revision: old!.revision + 1 }),
      );
      return performance.now() - startMs;
    });
  }

  /** Starts many clients, each of which reads and updates one city at a time. */
  startClients(count: number): Clients {
    return new Clients(count, (latencies) => this.#readOrUpdate(latencies));
  }

  /** Checks every field of every city. */
  checkAll(onProgress: OnProgress): void {
    const { count, keys } = this.#model;
    for (let city = 0; city < count; city++) {
      this.#model.check(city, this.#store.getSync(keys[city]));
      if ((city + 1) % CHECK_CITIES === 0) onProgress(city + 1);
    }
  }

  async #readOrUpdate(latencies: () => Latencies): Promise<void> {
    const isUpdate = this.#random() < UPDATE_SHARE;
    const city = isUpdate ? this.#model.update() : this.#drawRead();
    const key = this.#model.keys[city];
    const value = this.#model.expected(city);
    const startMs = performance.now();
    const found = isUpdate
      ? await this.#store.put(key, value).then(() => value)
      : await this.#store.get(key);
    latencies().record(performance.now() - startMs);
    // Other clients may have updated the city while this one waited.
    this.#model.check(city, found, value.revision);
  }
}

/** Clients that go on until they are stopped; their latencies go to one stage after the other. */
export class Clients {
  readonly #clients: Promise<void[]>;
  #stage: Latencies = new Latencies("");
  #isStopped = false;

  constructor(count: number, operation: (latencies: () => Latencies) => Promise<void>) {
    const latencies = () => this.#stage;
    const run = async () => {
      try {
        while (!this.#isStopped) {
          for (let i = 0; i < OPERATIONS_PER_TURN; i++) await operation(latencies);
          await nextTurn();
        }
      } finally {
        // When one has failed, the others end, too.
        this.#isStopped = true;
      }
    };
    this.#clients = Promise.all(Array.from({ length: count }, run));
  }

  /**
   * Lets the clients' latencies count for `stage` while `action` runs; fails as soon as a client
   * does.
   */
  async during<Result>(stage: Latencies, action: () => Promise<Result>): Promise<Result> {
    const previous = this.#stage;
    const startMs = performance.now();
    this.#stage = stage;
    try {
      return await Promise.race([action(), this.#clients.then(stoppedEarly)]);
    } finally {
      stage.elapsedMs += performance.now() - startMs;
      this.#stage = previous;
    }
  }

  /** Lets the clients finish what they have begun. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#clients;
  }
}

function stoppedEarly(): never {
  throw new Error("the clients were stopped while they were needed");
}

/** Repeats a synchronous operation, which returns its latency. */
function repeat(forMs: number, latencies: Latencies, operation: () => number): void {
  const endMs = performance.now() + forMs;
  while (performance.now() < endMs) {
    const latencyMs = operation();
    latencies.record(latencyMs);
    latencies.elapsedMs += latencyMs;
  }
}

/** Repeats an operation that is awaited, and returns its latency. */
async function repeatAwaited(
  forMs: number,
  latencies: Latencies,
  operation: () => Promise<number>,
): Promise<void> {
  const endMs = performance.now() + forMs;
  while (performance.now() < endMs) {
    const latencyMs = await operation();
    latencies.record(latencyMs);
    latencies.elapsedMs += latencyMs;
  }
}
