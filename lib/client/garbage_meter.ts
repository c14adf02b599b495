/**
 * Estimates how much garbage a thread's operations make, and asks the runtime to collect it in
 * time.
 *
 * It matters where shared buffers count as garbage in waiting (core/garbage_collector.ts): beside a
 * pool of 1 GiB the runtime lets 1 to 3 GiB of decoded values pile up before it collects. The meter
 * asks when about as much as the heap holds has been allocated, as a collector would that did not
 * count the pool. So the work of collecting stays in proportion to that of allocating, also where
 * the application keeps millions of values, each of which a collection visits.
 *
 * @module
 */
import type { GarbageCollector } from "../core/garbage_collector.ts";
import {
  DECODED_FACTOR,
  GARBAGE_BYTES_MAX,
  GARBAGE_BYTES_MIN,
  OPERATION_GARBAGE_BYTES,
} from "../core/limits.ts";

/** Counts for one thread's use of a store. */
export class GarbageMeter {
  readonly #sharedBytes: () => number;
  readonly #collector: GarbageCollector | undefined;
  /**
   * What may be allocated until the next look; a small integer, so that counting allocates nothing.
   */
  #leftBytes: number = GARBAGE_BYTES_MIN;

  /** Counts beside shared buffers of so many bytes; without a collector nothing is asked for. */
  constructor(sharedBytes: () => number, collector: GarbageCollector | undefined) {
    this.#sharedBytes = sharedBytes;
    this.#collector = collector;
  }

  /** Counts an operation and what it has decoded, in encoded bytes. */
  count(valueBytes: number): void {
    this.#leftBytes -= OPERATION_GARBAGE_BYTES + DECODED_FACTOR * valueBytes;
    if (this.#leftBytes < 0) this.#look();
  }

  #look(): void {
    const collector = this.#collector;
    this.#leftBytes = GARBAGE_BYTES_MAX;
    if (collector === undefined) return;
    this.#leftBytes = GARBAGE_BYTES_MIN;
    // Beside little the runtime itself collects in time.
    if (this.#sharedBytes() < GARBAGE_BYTES_MIN) return;
    const wanted = Math.max(GARBAGE_BYTES_MIN, collector.heapBytes());
    this.#leftBytes = Math.min(wanted, GARBAGE_BYTES_MAX);
    collector.request();
  }
}
