/**
 * Estimates how much garbage a thread's operations make, and asks the runtime to collect it in
 * time.
 *
 * It matters where shared buffers count as garbage in waiting (platform/garbage_collector.ts):
 * beside a pool of 1 GiB the runtime lets 1 to 3 GiB of decoded values pile up before it collects.
 * The meter asks when about as much as the heap holds has been allocated, as a collector would that
 * did not count the pool. So the work of collecting stays in proportion to that of allocating, also
 * where the application keeps millions of values, each of which a collection visits.
 *
 * What is asked for frees values that die young. Values that the application keeps for a while and
 * then replaces grow old first, and only a full collection frees those: the meter makes one when
 * the process has grown, beside the pool, by a share of what it held.
 *
 * @module
 */
import {
  DECODED_FACTOR,
  GARBAGE_BYTES_MAX,
  GARBAGE_BYTES_MIN,
  GROWTH_BYTES_MIN,
  GROWTH_SHARE,
  OPERATION_GARBAGE_BYTES,
} from "../core/limits.ts";
import type { GarbageCollector } from "../platform/garbage_collector.ts";

/**
 * Shared buffers that stores of this thread have let go since the last full collection for them.
 */
let goneBytes = 0;

/**
 * Counts shared buffers that are let go, and has them collected: they would count as garbage in
 * waiting until something else collects. A collection takes more time than all else that closing a
 * small store does, so it is left until it is worth it.
 */
export function collectGone(bytes: number, collector: GarbageCollector | undefined): void {
  goneBytes += bytes;
  if (goneBytes < GARBAGE_BYTES_MIN) return;
  goneBytes = 0;
  collector?.collect();
}

/** Counts for one thread's use of a store. */
export class GarbageMeter {
  readonly #sharedBytes: () => number;
  readonly #collector: GarbageCollector | undefined;
  /**
   * What may be allocated until the next look; a small integer, so that counting allocates nothing.
   */
  #leftBytes: number = GARBAGE_BYTES_MIN;
  /** What has been allocated since a collection was asked for. */
  #allocatedBytes = 0;
  /** The least that the process has held beside the pool since the last full collection. */
  #heldBytes: number | undefined;

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
    this.#allocatedBytes += GARBAGE_BYTES_MIN;
    if (this.#hasGrown(collector)) {
      collector.collect();
      this.#heldBytes = this.#heldNow(collector);
    } else if (this.#allocatedBytes >= Math.min(collector.heapBytes(), GARBAGE_BYTES_MAX)) {
      collector.request();
    } else return;
    this.#allocatedBytes = 0;
  }

  #hasGrown(collector: GarbageCollector): boolean {
    const nowBytes = this.#heldNow(collector);
    const heldBytes = this.#heldBytes = Math.min(this.#heldBytes ?? nowBytes, nowBytes);
    return nowBytes - heldBytes > Math.max(GROWTH_BYTES_MIN, heldBytes * GROWTH_SHARE);
  }

  #heldNow(collector: GarbageCollector): number {
    return collector.residentBytes() - this.#sharedBytes();
  }
}
