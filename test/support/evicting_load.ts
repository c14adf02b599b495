/**
 * What several threads do to a cache at one time, and what they check: each key is written by one
 * of them, with numbers that grow, and all read it.
 *
 * The writer of a key says in shared memory which number it is about to put, and, when that was
 * acknowledged, which one it has put. So a reader knows what it may see (a read is linearizable
 * with the puts of one writer, and may miss the key): at least the number that had been
 * acknowledged before it began, at most the one that was issued when it ended. What it sees does
 * not become less. And when it misses the key while no put was on its way, that number is gone for
 * good: it does not come back.
 *
 * @module
 */
import type { Store, StoreHandle } from "../../mod.ts";
import { Random } from "./random.ts";

/** What a thread gets. */
export interface EvictingLoadData {
  readonly handle: StoreHandle;
  readonly seed: number;
  /**
   * Which of the threads it is, and how many there are: key k is written by thread k modulo their
   * number.
   */
  readonly thread: number;
  readonly threadCount: number;
  readonly keyCount: number;
  readonly valueBytesMax: number;
  /**
   * For each key: the newest number issued, and then, from `keyCount` on, the newest acknowledged.
   */
  readonly numbers: SharedArrayBuffer;
  /** Two words: 1 when the threads are to end; and what all have seen that was lost. */
  readonly progress: SharedArrayBuffer;
}

/** What a thread has done. */
export interface LoadFigures {
  puts: number;
  hits: number;
  misses: number;
  /** Misses of keys that were there when they were put, and had not been deleted. */
  losses: number;
}

const VALUE_BYTES_MIN = 8;
/** Puts that are issued together. */
const BATCH = 8;

/** One thread's load. */
export class EvictingLoad {
  readonly figures: LoadFigures = { puts: 0, hits: 0, misses: 0, losses: 0 };
  readonly #store: Store<Uint8Array>;
  readonly #data: EvictingLoadData;
  readonly #random: Random;
  readonly #numbers: Int32Array;
  readonly #progress: Int32Array;
  /** By key: the least number that this thread may still see. */
  readonly #least: Int32Array;

  constructor(store: Store<Uint8Array>, data: EvictingLoadData) {
    this.#store = store;
    this.#data = data;
    this.#random = new Random(data.seed + data.thread);
    this.#numbers = new Int32Array(data.numbers);
    this.#progress = new Int32Array(data.progress);
    this.#least = new Int32Array(data.keyCount);
  }

  /** Works until it is told to end. */
  async run(): Promise<void> {
    while (Atomics.load(this.#progress, 0) === 0) {
      const choice = this.#random.next();
      if (choice < 0.2) this.#putSync();
      else if (choice < 0.3) await this.#putSome();
      else for (let i = 0; i < BATCH; i++) this.#read();
    }
  }

  #ownKey(): number {
    const { thread, threadCount, keyCount } = this.#data;
    return this.#random.below(Math.floor(keyCount / threadCount)) * threadCount + thread;
  }

  #putSync(): void {
    const key = this.#ownKey();
    this.#store.putSync(`key ${key}`, this.#issue(key));
    this.#acknowledge(key);
  }

  async #putSome(): Promise<void> {
    const keys = new Set(Array.from({ length: BATCH }, () => this.#ownKey()));
    await Promise.all([...keys].map(async (key) => {
      await this.#store.put(`key ${key}`, this.#issue(key));
      this.#acknowledge(key);
    }));
  }

  /** The value of a key's next number. */
  #issue(key: number): Uint8Array {
    const number = Atomics.add(this.#numbers, key, 1) + 1;
    const bytes = this.#random.between(VALUE_BYTES_MIN, this.#data.valueBytesMax);
    const value = new Uint8Array(bytes).fill(number & 0xff);
    const view = new DataView(value.buffer);
    view.setInt32(0, key, true);
    view.setInt32(4, number, true);
    this.figures.puts += 1;
    return value;
  }

  #acknowledge(key: number): void {
    Atomics.add(this.#numbers, this.#data.keyCount + key, 1);
  }

  #noteLoss(): void {
    this.figures.losses += 1;
    Atomics.add(this.#progress, 1, 1);
  }

  #read(): void {
    const { keyCount } = this.#data;
    const key = Math.floor(this.#random.next() ** 3 * keyCount);
    const acknowledged = Atomics.load(this.#numbers, keyCount + key);
    const issuedBefore = Atomics.load(this.#numbers, key);
    const value = this.#store.getSync(`key ${key}`);
    const issued = Atomics.load(this.#numbers, key);
    const least = Math.max(this.#least[key]!, acknowledged);
    if (value === undefined) {
      this.figures.misses += 1;
      if (issued === acknowledged && issuedBefore === issued) {
        if (issued > 0) this.#noteLoss();
        this.#least[key] = issued + 1;
      }
      return;
    }
    this.figures.hits += 1;
    const view = new DataView(value.buffer, value.byteOffset);
    const number = view.getInt32(4, true);
    const isWhole = value.subarray(8).every((byte) => byte === (number & 0xff));
    if (view.getInt32(0, true) !== key || !isWhole) {
      throw new Error(`key ${key} has a value of key ${view.getInt32(0, true)}, or half of one`);
    }
    if (number < least || number > issued) {
      throw new Error(`key ${key} has number ${number}, at least ${least} and at most ${issued}`);
    }
    this.#least[key] = number;
  }
}
