/**
 * The bells by which threads are woken that sleep until something they watch changes.
 *
 * A bell is a `BroadcastChannel`: it reaches any thread of the process, in microseconds on every
 * runtime, also from a thread that never returns to its event loop, as KNs do not.
 * (`Atomics.waitAsync`, which needs no message, takes up to 50 ms on Node.)
 *
 * To open a channel takes many times as long as to post a message, so a thread keeps those that it
 * rings. But on a channel that it keeps it gets what others post there, and a KN would never take
 * it. So each thread that rings has a channel of its own to each watcher, on which nothing comes
 * back. The watcher cannot know of it before: the first time the thread says its number on a channel
 * that is common to all, which it closes again. When the watcher listens it sets a bit (HEARS).
 *
 * @module
 */
import { BroadcastChannel } from "node:worker_threads";
import { WATCH_PLACE_COUNT } from "../core/limits.ts";
import type { Pool } from "../pool/pool.ts";
import {
  PLACE_HEARS,
  PLACE_HEARS_WORDS,
  PLACE_OWNER,
  PLACE_SLEEPING,
  placeAt,
  WATCH_CHANNEL,
  WATCH_RINGERS,
  watchBytes,
} from "../pool/watch_layout.ts";

const bellsOf = new WeakMap<Pool, Bells>();

/** Threads that have channels of their own; those beyond do without. */
const RINGERS_MAX = 32 * PLACE_HEARS_WORDS;

/** The bells of a pool, as one thread hears and rings them. */
export class Bells {
  readonly #pool: Pool;
  /** A bit for each place whose bell is to be rung at the end of the step. */
  #wanted = 0;
  /** What this thread calls when its own bell is rung by itself. */
  readonly #here = new Map<number, () => void>();
  /** This thread's number, once it has rung. */
  #number = -1;
  /** By place: this thread's own channel to it. */
  readonly #channels = new Map<number, BroadcastChannel>();

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
    const words = this.#pool.watchWordsOf(place);
    const hearsAt = placeAt(place) + PLACE_HEARS;
    const own = new Map<number, BroadcastChannel>();
    for (let i = 0; i < PLACE_HEARS_WORDS; i++) Atomics.store(words, hearsAt + i, 0);
    const common = openChannel(this.#nameOf(place), (number) => {
      onBell();
      if (typeof number !== "number" || number >= RINGERS_MAX || own.has(number)) return;
      own.set(number, openChannel(`${this.#nameOf(place)} ${number}`, onBell));
      Atomics.or(words, hearsAt + (number >>> 5), 1 << (number & 31));
    });
    return () => {
      endHere();
      for (let i = 0; i < PLACE_HEARS_WORDS; i++) Atomics.store(words, hearsAt + i, 0);
      for (const channel of [common, ...own.values()]) channel.close();
    };
  }

  /** Listens to what this thread itself rings. */
  listenHere(place: number, onBell: () => void): () => void {
    this.#here.set(place, onBell);
    return () => void this.#here.delete(place);
  }

  /** Gives the channels back that this thread has kept. */
  close(): void {
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
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
      this.#post(place);
    } catch {
      // In a thread that is being ended. The watcher looks once in a second without a bell.
    }
  }

  #post(place: number): void {
    const words = this.#pool.watchWordsOf(place);
    if (this.#number < 0) this.#number = Atomics.add(words, WATCH_RINGERS, 1);
    const number = this.#number;
    const hearsAt = placeAt(place) + PLACE_HEARS + (number >>> 5);
    const isHeard = number < RINGERS_MAX &&
      (Atomics.load(words, hearsAt) & (1 << (number & 31))) !== 0;
    if (!isHeard) {
      const common = openChannel(this.#nameOf(place));
      common.postMessage(number);
      common.close();
      return;
    }
    let own = this.#channels.get(place);
    if (own === undefined) {
      own = openChannel(`${this.#nameOf(place)} ${number}`);
      this.#channels.set(place, own);
    }
    own.postMessage(number);
  }

  /** Name of the common channel of a place. */
  #nameOf(place: number): string {
    const channel = Atomics.load(this.#pool.watchWordsOf(place), WATCH_CHANNEL) >>> 0;
    return `dinomo watch ${channel} ${place}`;
  }
}

/**
 * On Deno a thread that closes its last channel and opens another one at once hears nothing by that:
 * so it keeps this one, on which nothing is posted.
 */
let kept: BroadcastChannel | undefined;

/** Opens a channel. Whether the process waits for a watcher is the watcher's business. */
function openChannel(name: string, onMessage?: (data: unknown) => void): BroadcastChannel {
  if ("Deno" in globalThis && kept === undefined) {
    kept = new BroadcastChannel("dinomo watch");
    kept.unref();
  }
  const channel = new BroadcastChannel(name);
  if (onMessage !== undefined) channel.onmessage = ({ data }: { data: unknown }) => onMessage(data);
  channel.unref();
  return channel;
}

/** Number of places for which the buffer has memory: none behind them was ever taken. */
export function placesWithMemory(pool: Pool): number {
  const { byteLength } = pool.handle.watch;
  let count = 0;
  while (count < WATCH_PLACE_COUNT && watchBytes(count) <= byteLength) count += 1;
  return count;
}
