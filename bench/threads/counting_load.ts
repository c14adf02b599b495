/**
 * Load from one thread that knows what must come of it: lanes, each with one operation under way at
 * a time, of which some put growing numbers to a key of their own, and some increment counters that
 * all threads share.
 *
 * A lane sees on the kill board that a KN has died, and knows then whether its operation was
 * pending at that moment.
 *
 * @module
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Store } from "../../mod.ts";
import { type KillBoard, sharedNowMs } from "./kill_board.ts";

const PUT_LANES = 24;
const INCREMENT_LANES = 8;

/** Few enough that increments meet. */
const COUNTER_COUNT = 16;

/** Operations of a lane between two turns of the event loop, by which a thread hears of others. */
const OPERATIONS_PER_TURN = 16;

export interface LoadFigures {
  operationCount: number;
  failedCount: number;
  incrementCount: number;
  /** Keys of the lanes that do not hold what was put last. */
  wrongCount: number;
}

export const COUNTER_KEYS: readonly string[] = Array.from(
  { length: COUNTER_COUNT },
  (_, i) => `counter ${i}`,
);

export class CountingLoad {
  readonly #store: Store<number>;
  readonly #board: KillBoard;
  readonly #name: string;
  readonly #lanes: Promise<void>[];
  /** When the operation of each lane began. */
  readonly #startMs: Float64Array = new Float64Array(PUT_LANES + INCREMENT_LANES);
  readonly #figures: LoadFigures = {
    operationCount: 0,
    failedCount: 0,
    incrementCount: 0,
    wrongCount: 0,
  };
  #hasEnded = false;
  #longestMs = 0;

  constructor(store: Store<number>, board: KillBoard, name: string) {
    this.#store = store;
    this.#board = board;
    this.#name = name;
    this.#lanes = Array.from(
      this.#startMs,
      (_, lane) => lane < PUT_LANES ? this.#runPuts(lane) : this.#runIncrements(lane),
    );
  }

  /**
   * Waits until everything that was pending when a KN died is settled; how long after its death
   * that was, in milliseconds.
   */
  async settled(): Promise<number> {
    const { diedAtMs } = this.#board;
    while (this.#startMs.some((startMs) => startMs <= diedAtMs)) await nextTurn();
    const longestMs = this.#longestMs;
    this.#longestMs = 0;
    return longestMs;
  }

  async end(): Promise<LoadFigures> {
    this.#hasEnded = true;
    await Promise.all(this.#lanes);
    return this.#figures;
  }

  async #runPuts(lane: number): Promise<void> {
    const key = `${this.#name} ${lane}`;
    let last: number | undefined;
    for (let number = 1; !this.#hasEnded; number++) {
      await this.#observe(lane, this.#store.put(key, number));
      last = number;
      if (number % OPERATIONS_PER_TURN === 0) await nextTurn();
    }
    if (await this.#store.get(key) !== last) this.#figures.wrongCount += 1;
  }

  async #runIncrements(lane: number): Promise<void> {
    for (let number = lane; !this.#hasEnded; number++) {
      const key = COUNTER_KEYS[number % COUNTER_COUNT];
      const { version = null, value = 0 } = await this.#store.getEntry(key) ?? {};
      const isChanged = this.#store.compareAndSet(key, version, value + 1);
      if (await this.#observe(lane, isChanged) !== undefined) this.#figures.incrementCount += 1;
      if (number % OPERATIONS_PER_TURN === 0) await nextTurn();
    }
  }

  /** Waits for an operation that has just been issued. */
  async #observe<Result>(lane: number, operation: Promise<Result>): Promise<Result | undefined> {
    const startMs = this.#startMs[lane] = sharedNowMs();
    try {
      return await operation;
    } catch {
      this.#figures.failedCount += 1;
      return undefined;
    } finally {
      this.#figures.operationCount += 1;
      const { diedAtMs } = this.#board;
      const endMs = sharedNowMs();
      if (startMs <= diedAtMs && diedAtMs <= endMs) {
        this.#longestMs = Math.max(this.#longestMs, endMs - diedAtMs);
      }
    }
  }
}
