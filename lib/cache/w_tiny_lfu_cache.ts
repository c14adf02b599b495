/**
 * W-TinyLFU (Einziger, Friedman, Manes: "TinyLFU: A Highly Efficient Cache Admission Policy", ACM
 * Transactions on Storage 13(4), 2017): values only.
 *
 * New values enter a window, a hundredth of the budget, in which the least recently used leaves
 * first. A value that leaves the window is a candidate for the main part, and gets in only if it
 * was used more often lately than the entries that have to go for it. The main part is a segmented
 * LRU: on probation until the first hit, then protected.
 *
 * @module
 */
import { Ageing } from "./ageing.ts";
import { type CacheKey, type CacheOptions, SHORTCUT_ONLY, valueEntryBytes } from "./cache.ts";
import { NO_ENTRY } from "./entry_table.ts";
import { FrequencySketch } from "./frequency_sketch.ts";
import { FIRST_QUEUE, ValueQueueCache } from "./value_queue_cache.ts";

const WINDOW = FIRST_QUEUE;
const PROBATION = 1;
const PROTECTED = 2;
const QUEUE_COUNT = 3;
/** Share of the budget for the window. */
const WINDOW_SHARE = 0.01;
/** Share of the rest for what is protected. */
const PROTECTED_SHARE = 0.8;

/** W-TinyLFU. */
export class WTinyLfuCache<P> extends ValueQueueCache<P> {
  readonly policy = "wtinylfu";
  readonly #windowBytesMax: number = Math.floor(this.budgetBytes * WINDOW_SHARE);
  readonly #mainBytesMax: number = this.budgetBytes - this.#windowBytesMax;
  readonly #sketch: FrequencySketch = new FrequencySketch();
  readonly #ageing: Ageing = new Ageing();

  /** Makes an empty cache. */
  constructor(options: CacheOptions<P>) {
    super(options, QUEUE_COUNT);
  }

  protected noteMiss(key: CacheKey): void {
    this.#count(key.hash);
  }

  protected noteUse(entry: number): void {
    this.#count(this.table.hash(entry));
    const queues = this.queues;
    const queue = this.table.mark(entry);
    if (queue !== PROBATION) return queues.move(entry, queue);
    queues.move(entry, PROTECTED);
    while (queues.bytes[PROTECTED] > this.#mainBytesMax * PROTECTED_SHARE) {
      queues.move(queues.first(PROTECTED), PROBATION);
    }
  }

  protected place(
    key: CacheKey,
    address: number,
    generation: number,
    valueBytes: number,
    payload: P,
  ): number {
    const bytes = valueEntryBytes(key.byteLength, valueBytes);
    if (valueBytes === SHORTCUT_ONLY || bytes > this.#mainBytesMax) return NO_ENTRY;
    this.add(key, address, generation, valueBytes, payload, 0);
    this.#sketch.fit(this.table.count);
    const queues = this.queues;
    while (queues.bytes[WINDOW] > this.#windowBytesMax) this.#judge(queues.first(WINDOW));
    // It may have been the candidate.
    return this.table.find(key);
  }

  protected makeRoomFor(entry: number, growthBytes: number): boolean {
    const mainGrowthBytes = this.table.mark(entry) === WINDOW ? 0 : growthBytes;
    while (this.freeBytes < growthBytes || this.#mainBytes + mainGrowthBytes > this.#mainBytesMax) {
      const victim = this.#victim();
      if (victim === entry || victim === NO_ENTRY) return false;
      this.evict(victim);
    }
    return true;
  }

  protected override forget(): void {
    super.forget();
    this.#sketch.clear();
    this.#ageing.reset();
  }

  get #mainBytes(): number {
    return this.queues.bytes[PROBATION] + this.queues.bytes[PROTECTED];
  }

  /** Lets a candidate into the main part, or evicts it. */
  #judge(candidate: number): void {
    const { table } = this;
    const queues = this.queues;
    const bytes = valueEntryBytes(table.keyBytes(candidate), table.valueBytes(candidate));
    const frequency = this.#sketch.estimate(table.hash(candidate));
    while (this.#mainBytes + bytes > this.#mainBytesMax) {
      const victim = this.#victim();
      if (victim === NO_ENTRY || frequency <= this.#sketch.estimate(table.hash(victim))) {
        return this.evict(candidate);
      }
      this.evict(victim);
    }
    queues.move(candidate, PROBATION);
  }

  /** The entry of the main part that is to go next. */
  #victim(): number {
    const first = this.queues.first(PROBATION);
    return first === NO_ENTRY ? this.queues.first(PROTECTED) : first;
  }

  #count(hash: number): void {
    this.#sketch.add(hash);
    if (this.#ageing.isDue(this.table.count)) this.#sketch.halve();
  }
}
