/**
 * The bells by which threads are woken that sleep until something they watch changes.
 *
 * A bell is a word that counts how often it was rung, and on which its watcher waits by
 * `Atomics.waitAsync`, with the number that it had before the watcher said that it sleeps: a bell
 * that is rung before the wait has begun ends it at once. It is rung by one addition and
 * `Atomics.notify`, by any thread, also by one that never returns to its event loop, as KNs do not.
 * It arrives sooner than a message on a port or a `BroadcastChannel`, by a quarter on Deno and a
 * tenth on Node, and keeps no process alive.
 *
 * @module
 */
import { WATCH_PLACE_COUNT } from "../core/limits.ts";
import type { Pool } from "../pool/pool.ts";
import {
  PLACE_BELL,
  PLACE_OWNER,
  PLACE_SLEEPING,
  placeAt,
  watchBytes,
} from "../pool/watch_layout.ts";

const bellsOf = new WeakMap<Pool, Bells>();

/** The bells of a pool, as one thread rings them. */
export class Bells {
  readonly #pool: Pool;
  /** A bit for each place whose bell is to be rung at the end of the step. */
  #wanted = 0;

  private constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Those of a pool in this thread. */
  static of(pool: Pool): Bells {
    let bells = bellsOf.get(pool);
    if (bells === undefined) bellsOf.set(pool, bells = new Bells(pool));
    return bells;
  }

  /**
   * Rings a bell when this thread leaves its step: to wake a thread takes as long as many steps.
   */
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
      ring(words, place);
    }
  }

  readonly #ringWanted = (): void => {
    this.#pool.afterStep = undefined;
    let wanted = this.#wanted;
    this.#wanted = 0;
    while (wanted !== 0) {
      const place = 31 - Math.clz32(wanted);
      wanted &= ~(1 << place);
      ring(this.#pool.watchWordsOf(place), place);
    }
  };
}

/** Rings the bell of a place. */
export function ring(words: Int32Array, place: number): void {
  const bellAt = placeAt(place) + PLACE_BELL;
  Atomics.add(words, bellAt, 1);
  Atomics.notify(words, bellAt);
}

/** Number of places for which the buffer has memory: none behind them was ever taken. */
export function placesWithMemory(pool: Pool): number {
  const { byteLength } = pool.handle.watch;
  let count = 0;
  while (count < WATCH_PLACE_COUNT && watchBytes(count) <= byteLength) count += 1;
  return count;
}
