/**
 * Adds a KN to a store under full load and removes it again, and accounts for every operation: none
 * may fail, and no acknowledged write may be lost.
 *
 * Each client owns some keys and writes growing numbers to them, one operation at a time; so it
 * knows what each of its reads must return.
 *
 * @module
 */
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import { open, type ScaleReport, type Store } from "../../mod.ts";
import type { ScaleFigures } from "../report/results.ts";
import { makeKey } from "../workloads/records.ts";

const CLIENT_COUNT = 64;
const KEYS_PER_CLIENT = 64;

/** Operations of a client between two turns of the event loop, which timers and workers need. */
const OPERATIONS_PER_TURN = 16;

interface Counted {
  client: number;
  write: number;
}

class Load {
  readonly #store: Store<Counted>;
  readonly #clients: Promise<void>[];
  #ended = false;
  operationCount = 0;
  failedCount = 0;
  lostCount = 0;
  longestWaitMs = 0;

  constructor(store: Store<Counted>) {
    this.#store = store;
    this.#clients = Array.from({ length: CLIENT_COUNT }, (_, client) => this.#runClient(client));
  }

  /** Operations per second while `action` runs. */
  async rateDuring(action: () => Promise<unknown>): Promise<number> {
    const startMs = performance.now();
    const countBefore = this.operationCount;
    await action();
    return (this.operationCount - countBefore) / (performance.now() - startMs) * 1000;
  }

  /** Lets the clients finish and check all of their keys. */
  async end(): Promise<void> {
    this.#ended = true;
    await Promise.all(this.#clients);
  }

  async #runClient(client: number): Promise<void> {
    const acknowledged = new Array<number>(KEYS_PER_CLIENT).fill(0);
    for (let write = 1; !this.#ended; write++) {
      const position = write % KEYS_PER_CLIENT;
      const key = makeKey(client * KEYS_PER_CLIENT + position);
      const written = await this.#attempt(() => this.#store.put(key, { client, write }));
      if (written) acknowledged[position] = write;
      await this.#check(key, acknowledged[position]);
      if (write % OPERATIONS_PER_TURN === 0) await nextTurn();
    }
    for (let position = 0; position < KEYS_PER_CLIENT; position++) {
      await this.#check(makeKey(client * KEYS_PER_CLIENT + position), acknowledged[position]);
    }
  }

  async #check(key: string, acknowledged: number): Promise<void> {
    await this.#attempt(async () => {
      const found = (await this.#store.get(key))?.write ?? 0;
      if (found < acknowledged) this.lostCount++;
    });
  }

  async #attempt(operation: () => Promise<unknown>): Promise<boolean> {
    const startMs = performance.now();
    try {
      await operation();
      return true;
    } catch {
      this.failedCount++;
      return false;
    } finally {
      this.operationCount++;
      this.longestWaitMs = Math.max(this.longestWaitMs, performance.now() - startMs);
    }
  }
}

export async function measureScaleUnderLoad(phaseMs: number): Promise<ScaleFigures> {
  const store = await open<Counted>({ nodes: 1 });
  try {
    const load = new Load(store);
    const steps: ScaleReport[] = [];
    // The first phase lets the code be compiled and is not counted.
    await delay(phaseMs);
    const before = await load.rateDuring(() => delay(phaseMs));
    load.longestWaitMs = 0;
    const during = await load.rateDuring(async () => {
      steps.push(await store.scale(2));
      await delay(phaseMs);
      steps.push(await store.scale(1));
    });
    const longestWaitMs = load.longestWaitMs;
    const after = await load.rateDuring(() => delay(phaseMs));
    await load.end();
    return {
      steps,
      operationCount: load.operationCount,
      failedCount: load.failedCount,
      lostCount: load.lostCount,
      longestWaitMs,
      operationsPerSecondBefore: before,
      operationsPerSecondDuring: during,
      operationsPerSecondAfter: after,
    };
  } finally {
    await store.close();
  }
}
