/**
 * Load on a timeline, from one thread: lanes, each with one operation under way at a time, which read and write keys of their own, half
 * and half, and know what each read must return.
 *
 * @module
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Store } from "../../mod.ts";
import { sharedNowMs } from "../threads/kill_board.ts";
import { makeKey } from "../workloads/records.ts";
import type { WindowCounter } from "./window_board.ts";

const LANE_COUNT = 16;
const KEYS_PER_LANE = 256;
const VALUE_BYTES = 100;
/** Operations of a lane between two turns of the event loop, by which a thread hears of others. */
const OPERATIONS_PER_TURN = 16;

export interface LoadFigures {
  operationCount: number;
  failedCount: number;
  /** Reads that did not return what was put last. */
  wrongCount: number;
}

export class TimelineLoad {
  readonly #store: Store<Uint8Array>;
  readonly #counter: WindowCounter;
  readonly #thread: number;
  readonly #lanes: Promise<void>[];
  readonly #figures: LoadFigures = { operationCount: 0, failedCount: 0, wrongCount: 0 };
  #hasEnded = false;

  constructor(store: Store<Uint8Array>, counter: WindowCounter, thread: number) {
    this.#store = store;
    this.#counter = counter;
    this.#thread = thread;
    this.#lanes = Array.from({ length: LANE_COUNT }, (_, lane) => this.#run(lane));
  }

  async end(): Promise<LoadFigures> {
    this.#hasEnded = true;
    await Promise.all(this.#lanes);
    return this.#figures;
  }

  async #run(lane: number): Promise<void> {
    const first = (this.#thread * LANE_COUNT + lane) * KEYS_PER_LANE;
    const value = new Uint8Array(VALUE_BYTES);
    const view = new DataView(value.buffer);
    for (let write = 1; !this.#hasEnded; write++) {
      const key = makeKey(first + write % KEYS_PER_LANE);
      view.setUint32(0, write);
      const isPut = await this.#observe(this.#store.put(key, value));
      const found = await this.#observe(this.#store.get(key));
      if (isPut.ok && found.ok && numberOf(found.value) !== write) this.#figures.wrongCount += 1;
      if (write % OPERATIONS_PER_TURN === 0) await nextTurn();
    }
  }

  /** Waits for an operation that has just been issued. */
  async #observe<Result>(operation: Promise<Result>): Promise<{ ok: boolean; value?: Result }> {
    const beganMs = sharedNowMs();
    try {
      return { ok: true, value: await operation };
    } catch {
      this.#figures.failedCount += 1;
      return { ok: false };
    } finally {
      this.#figures.operationCount += 1;
      this.#counter.count(beganMs);
    }
  }
}

function numberOf(value: Uint8Array | undefined): number | undefined {
  return value === undefined
    ? undefined
    : new DataView(value.buffer, value.byteOffset).getUint32(0);
}
