/**
 * The place of a thread that watches keys: what it watches, and what has changed, as that thread
 * sees it. See docs/protocols/watching.md.
 *
 * The thread says what it watches before it reads it: the part first, then the bit of the slot. It
 * takes marks from above (PENDING, DIRTY, MARKS), each before it looks at what is below, so a mark
 * that it does not find is found the next time.
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import {
  COMPARED_PREFIX_BYTES_MAX,
  SLOT_COUNT,
  WATCH_PLACE_COUNT,
  WATCHED_PREFIXES_MAX,
} from "../core/limits.ts";
import { SLOT_WATCHERS } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import {
  PLACE_BELL,
  PLACE_DIRTY,
  PLACE_DIRTY_WORDS,
  PLACE_MARKS,
  PLACE_OWNER,
  PLACE_PENDING,
  PLACE_PREFIX_COUNT,
  PLACE_SLEEPING,
  PLACE_WANTED,
  placeAt,
  PREFIX_BYTES,
  PREFIX_LENGTH,
  prefixAt,
} from "../pool/watch_layout.ts";
import { placesWithMemory, ring } from "./bells.ts";
import { takeChanges, type TakenChange } from "./change_ring.ts";

/** Parts of a slot. */
const PARTS_LOG2 = 5;

/** One thread's place. */
export class WatchPlace {
  /** Number of the place. */
  readonly place: number;
  readonly #pool: Pool;
  readonly #words: Int32Array;
  readonly #at: number;
  /** How many keys are watched in each part that is. */
  readonly #counts = new Map<number, number>();
  /** Which of the prefixes are used. */
  readonly #prefixes: boolean[] = new Array(WATCHED_PREFIXES_MAX).fill(false);
  /** How often the bell had been rung before this thread said that it sleeps. */
  #bell = 0;

  private constructor(pool: Pool, place: number) {
    this.place = place;
    this.#pool = pool;
    this.#words = pool.watchWordsOf(place);
    this.#at = placeAt(place);
  }

  /**
   * Takes a place; undefined if all are taken.
   *
   * @param owner the client, as records name it
   */
  static claim(pool: Pool, owner: number): WatchPlace | undefined {
    for (let place = 0; place < WATCH_PLACE_COUNT; place++) {
      const words = pool.watchWordsOf(place);
      const ownerAt = placeAt(place) + PLACE_OWNER;
      if (Atomics.compareExchange(words, ownerAt, 0, owner + 1) !== 0) continue;
      // Marks that are left of an earlier watcher cost a look.
      return new WatchPlace(pool, place);
    }
    return undefined;
  }

  /** Watches one more key of a part. Its first read comes after this. */
  want(part: number): void {
    const count = this.#counts.get(part) ?? 0;
    this.#counts.set(part, count + 1);
    if (count > 0) return;
    const slot = (part >>> PARTS_LOG2) as Slot;
    Atomics.or(this.#words, this.#at + PLACE_WANTED + slot, bitOf(part));
    // Pairs with the load of the agent that has stored an index word.
    Atomics.or(this.#pool.control, this.#watchersAt(slot), 1 << this.place);
  }

  /** Watches one key less of a part. */
  unwant(part: number): void {
    const count = this.#counts.get(part)! - 1;
    if (count > 0) {
      this.#counts.set(part, count);
      return;
    }
    this.#counts.delete(part);
    const slot = (part >>> PARTS_LOG2) as Slot;
    const wantedAt = this.#at + PLACE_WANTED + slot;
    const bit = bitOf(part);
    if ((Atomics.and(this.#words, wantedAt, ~bit) & ~bit) !== 0) return;
    if (this.#prefixes.includes(true)) return;
    Atomics.and(this.#pool.control, this.#watchersAt(slot), ~(1 << this.place));
  }

  /**
   * Watches the keys with one more prefix, in every slot.
   *
   * @returns its number; -1 if there are as many as there may be
   */
  wantPrefix(prefix: Uint8Array): number {
    const number = this.#prefixes.indexOf(false);
    if (number < 0) return number;
    this.#prefixes[number] = true;
    const words = this.#words;
    const at = this.#at + prefixAt(number);
    const bytes = new Uint8Array(COMPARED_PREFIX_BYTES_MAX);
    bytes.set(prefix.subarray(0, COMPARED_PREFIX_BYTES_MAX));
    words.set(new Int32Array(bytes.buffer), at + PREFIX_BYTES);
    // Publishes the bytes.
    Atomics.store(words, at + PREFIX_LENGTH, prefix.length);
    this.#countPrefixes();
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      Atomics.or(this.#pool.control, this.#watchersAt(slot as Slot), 1 << this.place);
    }
    return number;
  }

  /** Watches one prefix less. */
  unwantPrefix(number: number): void {
    this.#prefixes[number] = false;
    Atomics.store(this.#words, this.#at + prefixAt(number) + PREFIX_LENGTH, -1);
    this.#countPrefixes();
    if (this.#prefixes.includes(true)) return;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (this.#words[this.#at + PLACE_WANTED + slot] !== 0) continue;
      Atomics.and(this.#pool.control, this.#watchersAt(slot as Slot), ~(1 << this.place));
    }
  }

  /** Takes the changes of keys with the prefixes; returns whether others may be missing. */
  takeChanges(visit: (change: TakenChange) => void): boolean {
    return takeChanges(this.#words, this.#at, visit);
  }

  /**
   * Takes all marks; calls `visit` with each part that has one. False if there is nothing at all.
   */
  take(visit: (part: number) => void): boolean {
    const words = this.#words;
    if (Atomics.load(words, this.#at + PLACE_PENDING) === 0) return false;
    Atomics.store(words, this.#at + PLACE_PENDING, 0);
    const dirtyAt = this.#at + PLACE_DIRTY;
    for (let i = 0; i < PLACE_DIRTY_WORDS; i++) {
      if (Atomics.load(words, dirtyAt + i) === 0) continue;
      for (let slots = Atomics.exchange(words, dirtyAt + i, 0); slots !== 0;) {
        const slot = 31 - Math.clz32(slots);
        slots &= ~(1 << slot);
        this.#takeSlot(32 * i + slot, visit);
      }
    }
    return true;
  }

  /**
   * Says that this thread is about to sleep; false if there are marks. After it an agent that sets
   * one rings the bell.
   */
  trySleep(): boolean {
    this.#bell = Atomics.load(this.#words, this.#at + PLACE_BELL);
    Atomics.store(this.#words, this.#at + PLACE_SLEEPING, 1);
    if (Atomics.load(this.#words, this.#at + PLACE_PENDING) === 0) return true;
    this.wake();
    return false;
  }

  /** Whether the bell was rung since this thread has said that it sleeps. */
  get isRung(): boolean {
    return Atomics.load(this.#words, this.#at + PLACE_BELL) !== this.#bell;
  }

  /** Waits until the bell is rung, or for a time: it ends with `"timed-out"` then. */
  sleep(msMax: number): Promise<string> | string {
    return Atomics.waitAsync(this.#words, this.#at + PLACE_BELL, this.#bell, msMax).value;
  }

  /** Says that this thread is awake: no bell is to be rung. */
  wake(): void {
    Atomics.store(this.#words, this.#at + PLACE_SLEEPING, 0);
  }

  /** Gives the place back, in which nothing is watched any more; a sleep ends. */
  release(): void {
    ring(this.#words, this.place);
    Atomics.store(this.#words, this.#at + PLACE_OWNER, 0);
  }

  #takeSlot(slot: number, visit: (part: number) => void): void {
    for (let bits = Atomics.exchange(this.#words, this.#at + PLACE_MARKS + slot, 0); bits !== 0;) {
      const bit = 31 - Math.clz32(bits);
      bits &= ~(1 << bit);
      visit((slot << PARTS_LOG2) | bit);
    }
  }

  #countPrefixes(): void {
    const count = this.#prefixes.lastIndexOf(true) + 1;
    Atomics.store(this.#words, this.#at + PLACE_PREFIX_COUNT, count);
  }

  #watchersAt(slot: Slot): number {
    return this.#pool.slotAt(slot) + SLOT_WATCHERS;
  }
}

/** Frees the places of a client that has ended without doing that; for the M-node. */
export function releasePlacesOf(pool: Pool, owner: number): void {
  const end = placesWithMemory(pool);
  for (let place = 0; place < end; place++) {
    const words = pool.watchWordsOf(place);
    const at = placeAt(place);
    if (Atomics.load(words, at + PLACE_OWNER) !== owner + 1) continue;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      Atomics.and(pool.control, pool.slotAt(slot as Slot) + SLOT_WATCHERS, ~(1 << place));
      Atomics.store(words, at + PLACE_WANTED + slot, 0);
    }
    Atomics.store(words, at + PLACE_PREFIX_COUNT, 0);
    // Last: until then no other thread takes the place.
    Atomics.store(words, at + PLACE_OWNER, 0);
  }
}

/** A part as a bit of its slot's words. */
function bitOf(part: number): number {
  return 1 << (part & ((1 << PARTS_LOG2) - 1));
}
