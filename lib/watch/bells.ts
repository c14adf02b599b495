/**
 * The bells by which threads are woken that sleep until something they watch changes.
 *
 * A bell is a `BroadcastChannel`: it reaches any thread of the process, in microseconds on every
 * runtime, also from a thread that never returns to its event loop, as KNs do not. For the same
 * reason a channel is made anew for each message: one that stayed open would collect the messages
 * of others there, for ever. (`Atomics.waitAsync`, which needs no message, takes up to 50 ms on
 * Node.)
 *
 * @module
 */
import { BroadcastChannel } from "node:worker_threads";
import { WATCH_PLACE_COUNT } from "../core/limits.ts";
import type { Pool } from "../pool/pool.ts";
import {
  PLACE_OWNER,
  PLACE_SLEEPING,
  placeAt,
  WATCH_CHANNEL,
  watchBytes,
} from "../pool/watch_layout.ts";

const bellsOf = new WeakMap<Pool, Bells>();

/** The bells of a pool, as one thread hears and rings them. */
export class Bells {
  readonly #pool: Pool;
  /** A bit for each place whose bell is to be rung at the end of the step. */
  #wanted = 0;
  /** What this thread calls when its own bell is rung by itself. */
  readonly #here = new Map<number, () => void>();

  private constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Those of a pool in this thread. */
  static of(pool: Pool): Bells {
    let bells = bellsOf.get(pool);
    if (bells === undefined) bellsOf.set(pool, bells = new Bells(pool));
    return bells;
  }

  /** Rings a bell when this thread leaves the step that it is in. */
  ringAfterStep(place: number): void {
    this.#wanted |= 1 << place;
    this.#pool.afterStep = this.#ringWanted;
  }

  /** Rings the bells of all threads that watch, asleep or not. */
  ringAll(): void {
    const end = placesWithMemory(this.#pool);
    for (let place = 0; place < end; place++) {
      const words = this.#pool.watchWordsOf(place);
      if (Atomics.load(words, placeAt(place) + PLACE_OWNER) === 0) continue;
      Atomics.store(words, placeAt(place) + PLACE_SLEEPING, 0);
      this.#ring(place);
    }
  }

  /** Listens to the bell of a place; returns what ends that. */
  listen(place: number, onBell: () => void): () => void {
    const endHere = this.listenHere(place, onBell);
    const channel = new BroadcastChannel(nameOf(this.#pool, place));
    channel.onmessage = onBell;
    // Whether the process waits for a watcher is the watcher's business.
    channel.unref();
    return () => {
      endHere();
      channel.close();
    };
  }

  /** Listens to what this thread itself rings. */
  listenHere(place: number, onBell: () => void): () => void {
    this.#here.set(place, onBell);
    return () => void this.#here.delete(place);
  }

  readonly #ringWanted = (): void => {
    this.#pool.afterStep = undefined;
    let wanted = this.#wanted;
    this.#wanted = 0;
    while (wanted !== 0) {
      const place = 31 - Math.clz32(wanted);
      wanted &= ~(1 << place);
      this.#ring(place);
    }
  };

  #ring(place: number): void {
    const here = this.#here.get(place);
    if (here !== undefined) return here();
    try {
      const channel = new BroadcastChannel(nameOf(this.#pool, place));
      channel.postMessage(0);
      channel.close();
    } catch {
      // In a thread that is being ended. The watcher looks once in a second without a bell.
    }
  }
}

/** Number of places for which the buffer has memory: none behind them was ever taken. */
export function placesWithMemory(pool: Pool): number {
  const { byteLength } = pool.handle.watch;
  let count = 0;
  while (count < WATCH_PLACE_COUNT && watchBytes(count) <= byteLength) count += 1;
  return count;
}

/** Name of the bell of a place. */
function nameOf(pool: Pool, place: number): string {
  const channel = Atomics.load(pool.watchWordsOf(place), WATCH_CHANNEL) >>> 0;
  return `dinomo watch ${channel} ${place}`;
}
