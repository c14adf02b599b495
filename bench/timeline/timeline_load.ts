/**
 * Load on a timeline, from one thread: lanes, each with one operation under way at a time, which
 * read and write keys of their own, half and half, and know what each read must return. A share of
 * the operations may be on one key for all; 1 in 20 of them writes it. What a thread has written to
 * it comes back in the order in which it was written: a number that is smaller than one seen before
 * would be a value that had been overwritten.
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

/** The key that all may use. */
export const HOT_KEY: string = makeKey(0xffffff);
const HOT_OPERATIONS_PER_PUT = 20;

/**
 * Where threads see how many of 100 operations are to be on {@linkcode HOT_KEY}; none to begin
 * with.
 */
export function createHeatWord(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4));
}

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
  readonly #heat: Int32Array;
  /** Of this thread's writes of the hot key. */
  #hotWriteCount = 0;
  #hasEnded = false;

  constructor(
    store: Store<Uint8Array>,
    counter: WindowCounter,
    thread: number,
    heat: Int32Array,
  ) {
    this.#store = store;
    this.#counter = counter;
    this.#thread = thread;
    this.#heat = heat;
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
    /** By writing thread: the newest of its writes to the hot key that this lane has read. */
    const seen = new Map<number, number>();
    for (let write = 1; !this.#hasEnded; write++) {
      if (write % OPERATIONS_PER_TURN === 0) await nextTurn();
      if (isHot(write + lane, Atomics.load(this.#heat, 0))) {
        await this.#useHotKey(write, seen);
        continue;
      }
      const key = makeKey(first + write % KEYS_PER_LANE);
      view.setUint32(0, write);
      const isPut = await this.#observe(this.#store.put(key, value));
      const found = await this.#observe(this.#store.get(key));
      if (isPut.ok && found.ok && numberOf(found.value) !== write) this.#figures.wrongCount += 1;
    }
  }

  async #useHotKey(round: number, seen: Map<number, number>): Promise<void> {
    if (round % HOT_OPERATIONS_PER_PUT === 0) {
      const value = new Uint8Array(VALUE_BYTES);
      const view = new DataView(value.buffer);
      view.setUint32(0, ++this.#hotWriteCount);
      view.setUint32(4, this.#thread);
      await this.#observe(this.#store.put(HOT_KEY, value));
      return;
    }
    const { value } = await this.#observe(this.#store.get(HOT_KEY));
    if (value === undefined) return;
    const write = numberOf(value)!;
    const writer = new DataView(value.buffer, value.byteOffset).getUint32(4);
    if (write < (seen.get(writer) ?? 0)) this.#figures.wrongCount += 1;
    seen.set(writer, write);
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

/** Whether an operation is on the hot key, if so many of 100 are; they are spread evenly. */
function isHot(number: number, percent: number): boolean {
  return (number * 37) % 100 < percent;
}
