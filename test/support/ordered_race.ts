/**
 * A thread of the race of threads that change one ordered index, and scan it.
 *
 * @module
 */
import type { PoolAddress } from "../../lib/core/brands.ts";
import { RangeCursor } from "../../lib/ordered/range_cursor.ts";
import { Pool, type PoolHandle } from "../../lib/pool/pool.ts";
import { OrderedAgent, textOfBytes } from "./ordered_fixture.ts";

/** What the threads share. */
export interface OrderedRaceData {
  readonly pool: PoolHandle;
  readonly agent: number;
  /**
   * Records of the thread's own keys, of slots that no other thread changes, in the order of the
   * keys.
   */
  readonly own: readonly PoolAddress[];
  /** Keys that are there all the time, in their order. */
  readonly constant: readonly string[];
}

/** One thread's part. */
export class OrderedRacer {
  readonly #agent: OrderedAgent;
  readonly #cursor: RangeCursor;
  readonly #own: readonly PoolAddress[];
  readonly #constant: readonly string[];
  #next = 0;

  /** Looks at the pool as it is now. */
  constructor({ pool, agent, own, constant }: OrderedRaceData) {
    const view = Pool.attach(pool);
    this.#agent = new OrderedAgent(view, agent);
    this.#cursor = new RangeCursor(view);
    this.#own = own;
    this.#constant = constant;
  }

  /** Puts the next of its keys, and removes the one that it has put long ago. */
  change(): void {
    const { length } = this.#own;
    const window = length >>> 1;
    const number = this.#next++;
    if (number >= window) this.#agent.remove(this.#own[(number - window) % length]!);
    if (!this.#agent.insert(this.#own[number % length]!)) throw new Error("there is room");
  }

  /** Removes what is left of its keys. */
  end(): void {
    const { length } = this.#own;
    const window = length >>> 1;
    for (let number = Math.max(0, this.#next - window); number < this.#next; number++) {
      this.#agent.remove(this.#own[number % length]!);
    }
    this.#agent.ordered.returnPages();
  }

  /** Scans everything, in one direction; returns how many keys it has seen. */
  scan(isReverse: boolean): number {
    const constant = this.#constant;
    let at = isReverse ? constant.length - 1 : 0;
    let last: string | undefined;
    let count = 0;
    // It will be wrong about how many keys it is asked for, half of the time.
    this.#cursor.seek({}, isReverse, this.#next % 2 === 0 ? Infinity : 5);
    while (this.#cursor.next()) {
      const key = textOfBytes(this.#cursor.key.bytes);
      const isInOrder = last === undefined || (isReverse ? key < last : key > last);
      if (!isInOrder) throw new Error(`${key} comes after ${last}`);
      if (key === constant[at]) at += isReverse ? -1 : 1;
      last = key;
      count += 1;
    }
    const missed = isReverse ? at >= 0 : at < constant.length;
    if (missed) throw new Error(`${constant[at]} is there all the time, and was not seen`);
    return count;
  }
}
