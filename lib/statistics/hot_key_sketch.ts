/**
 * The keys that a client uses most, in one window: Space-Saving (Metwally, Agrawal, El Abbadi,
 * "Efficient Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005) with m = 64
 * counters.
 *
 * A key without a counter takes the smallest one, with its count as an error. So for N offered in
 * all, a count is too high by its error at most, an error is N / m at most, no count is too low,
 * and every key with more than N / m has a counter.
 *
 * The sketch is in shared memory, and only its client's thread writes it, on operations that are
 * sampled. The M-node copies it: a copy is good if SEQUENCE was even, and the same before and after
 * (a sequence lock). Both sides change SEQUENCE by a read-modify-write, which no access may be
 * moved across on any processor. A thread that dies within a change leaves SEQUENCE odd, and its
 * sketch is left out until the place's next client puts it in order. Nothing but figures depends on
 * any of this.
 *
 * A window is a number that the M-node counts; a sketch of an older one is empty, and begins anew
 * with the next offer.
 *
 * @module
 */
import type { EncodedKey } from "../core/key_encoder.ts";
import { HOT_KEY_COUNT } from "../core/limits.ts";
import {
  SKETCH_COUNTS,
  SKETCH_ERRORS,
  SKETCH_HASHES,
  SKETCH_KEY_WORDS,
  SKETCH_KEYS,
  SKETCH_METAS,
  SKETCH_NANOS,
  SKETCH_SEQUENCE,
  SKETCH_SIZE,
  SKETCH_TIMED,
  SKETCH_TOTAL,
  SKETCH_WINDOW,
  SKETCH_WRITES,
  STATISTICS_WINDOW,
} from "./statistics_layout.ts";

/**
 * Times that a copy is tried; a change takes a microsecond, and comes with every so many operations
 * only.
 */
const COPY_TRIES_MAX = 8;

/** Counts one client's keys. */
export class HotKeySketch {
  readonly #words: Int32Array;
  readonly #nanos: Float64Array;
  readonly #at: number;

  /** Takes a sketch over from the client that had the place before. */
  constructor(words: Int32Array, at: number) {
    this.#words = words;
    this.#nanos = new Float64Array(words.buffer);
    this.#at = at;
    // The client that had it may have died within a change.
    if ((words[at + SKETCH_SEQUENCE] & 1) === 0) this.#beginChange();
    words[at + SKETCH_SIZE] = words[at + SKETCH_TOTAL] = 0;
    this.#endChange();
  }

  /**
   * Counts an operation on an encoded key.
   *
   * @param weight how many operations it stands for
   * @param writes how many of them may change the key
   * @returns the key's entry, valid until another offer
   */
  offer(key: EncodedKey, weight: number, writes = 0): number {
    const words = this.#words;
    const at = this.#at;
    this.#beginChange();
    if (words[at + SKETCH_WINDOW] !== words[STATISTICS_WINDOW]) {
      words[at + SKETCH_WINDOW] = words[STATISTICS_WINDOW];
      words[at + SKETCH_SIZE] = words[at + SKETCH_TOTAL] = 0;
    }
    words[at + SKETCH_TOTAL] += weight;
    let entry = this.#find(key);
    if (entry < 0) entry = this.#replace(key);
    words[at + SKETCH_COUNTS + entry] += weight;
    words[at + SKETCH_WRITES + entry] += writes;
    this.#endChange();
    return entry;
  }

  /**
   * Notes how long the operation took that was counted as an entry, unless another key has taken
   * the entry since.
   */
  addLatency(entry: number, hash: number, nanos: number): void {
    const words = this.#words;
    if (entry >= words[this.#at + SKETCH_SIZE]) return;
    if (words[this.#at + SKETCH_HASHES + entry] !== hash) return;
    this.#beginChange();
    words[this.#at + SKETCH_TIMED + entry] += 1;
    this.#nanos[(this.#at + SKETCH_NANOS) / 2 + entry] += nanos;
    this.#endChange();
  }

  /** The entry of a key, or -1. */
  #find(key: EncodedKey): number {
    const words = this.#words;
    const size = words[this.#at + SKETCH_SIZE];
    const hashes = this.#at + SKETCH_HASHES;
    for (let entry = 0; entry < size; entry++) {
      if (words[hashes + entry] === key.hash && this.#isKey(entry, key)) return entry;
    }
    return -1;
  }

  #isKey(entry: number, key: EncodedKey): boolean {
    const words = this.#words;
    if (words[this.#at + SKETCH_METAS + entry] !== metaOf(key)) return false;
    const keyAt = this.#at + SKETCH_KEYS + entry * SKETCH_KEY_WORDS;
    const length = keptWords(key.byteLength);
    for (let i = 0; i < length; i++) if (words[keyAt + i] !== key.words[i]) return false;
    return true;
  }

  /** Gives a key a counter: one that is not in use, or the smallest. */
  #replace(key: EncodedKey): number {
    const words = this.#words;
    const at = this.#at;
    const size = words[at + SKETCH_SIZE];
    const entry = size < HOT_KEY_COUNT ? size : this.#smallest();
    if (size < HOT_KEY_COUNT) {
      words[at + SKETCH_SIZE] = size + 1;
      words[at + SKETCH_COUNTS + entry] = 0;
    }
    words[at + SKETCH_ERRORS + entry] = words[at + SKETCH_COUNTS + entry];
    words[at + SKETCH_HASHES + entry] = key.hash;
    words[at + SKETCH_METAS + entry] = metaOf(key);
    words[at + SKETCH_WRITES + entry] = words[at + SKETCH_TIMED + entry] = 0;
    this.#nanos[(at + SKETCH_NANOS) / 2 + entry] = 0;
    const keyAt = at + SKETCH_KEYS + entry * SKETCH_KEY_WORDS;
    const length = keptWords(key.byteLength);
    for (let i = 0; i < length; i++) words[keyAt + i] = key.words[i];
    return entry;
  }

  #smallest(): number {
    const words = this.#words;
    const counts = this.#at + SKETCH_COUNTS;
    let smallest = 0;
    for (let entry = 1; entry < HOT_KEY_COUNT; entry++) {
      if (words[counts + entry] >>> 0 < words[counts + smallest] >>> 0) smallest = entry;
    }
    return smallest;
  }

  /**
   * Pairs with the loads of SEQUENCE in {@linkcode copySketch}: if the M-node sees an even number
   * there, it sees whole entries.
   */
  #beginChange(): void {
    Atomics.add(this.#words, this.#at + SKETCH_SEQUENCE, 1);
  }

  #endChange(): void {
    Atomics.add(this.#words, this.#at + SKETCH_SEQUENCE, 1);
  }
}

/** A counter of a sketch. */
export interface KeyCount {
  readonly hash: number;
  /** The key's first bytes, all of them if it is short enough. */
  readonly bytes: Uint8Array;
  readonly keyBytes: number;
  readonly isBinary: boolean;
  /** Operations: never too low, and too high by `error` at most. */
  readonly count: number;
  readonly error: number;
  /** Of the operations that are certainly its own, those that may change it. */
  readonly writes: number;
  /** Operations that were timed, and the sum of their latencies. */
  readonly timedCount: number;
  readonly nanos: number;
}

/** A copy of one sketch, or what several of them come to. */
export interface KeyCounts {
  /** Operations that were offered. */
  readonly total: number;
  /** The counters, the largest first. */
  readonly counts: readonly KeyCount[];
}

/**
 * Copies a client's sketch of a window; undefined when it is of another one, or does not hold
 * still.
 */
export function copySketch(words: Int32Array, at: number, window: number): KeyCounts | undefined {
  for (let i = 0; i < COPY_TRIES_MAX; i++) {
    const sequence = Atomics.load(words, at + SKETCH_SEQUENCE);
    if ((sequence & 1) !== 0) continue;
    if (words[at + SKETCH_WINDOW] !== window) return undefined;
    const size = words[at + SKETCH_SIZE];
    const counts = Array.from({ length: size }, (_, entry) => copyEntry(words, at, entry));
    const total = words[at + SKETCH_TOTAL] >>> 0;
    // By an exchange with itself, so that none of the loads above comes after it.
    const seen = Atomics.compareExchange(words, at + SKETCH_SEQUENCE, sequence, sequence);
    if (seen === sequence) return { total, counts: counts.sort(byCount) };
  }
  return undefined;
}

/**
 * Adds up sketches of different clients: the counts of a key where it has a counter, the smallest
 * count where it has none in a full sketch; then the 64 largest (Agarwal, Cormode, Huang, Phillips,
 * Wei, Yi, "Mergeable Summaries", PODS 2012; Cafaro, Pulimeno, Tempesta, Information Sciences 329,
 * 2016). The bounds of a single sketch hold for the sum.
 */
export function mergeSketches(sketches: readonly KeyCounts[]): KeyCounts {
  const floors = sketches.map(({ counts }) =>
    counts.length < HOT_KEY_COUNT ? 0 : counts.at(-1)!.count
  );
  const floorTotal = floors.reduce((sum, floor) => sum + floor, 0);
  const merged = new Map<string, KeyCount>();
  sketches.forEach(({ counts }, i) => {
    for (const count of counts) {
      const identity = `${count.hash} ${count.keyBytes} ${count.isBinary} ${count.bytes}`;
      const before = merged.get(identity) ??
        { ...count, count: floorTotal, error: floorTotal, writes: 0, timedCount: 0, nanos: 0 };
      merged.set(identity, {
        ...count,
        count: before.count + count.count - floors[i],
        error: before.error + count.error - floors[i],
        writes: before.writes + count.writes,
        timedCount: before.timedCount + count.timedCount,
        nanos: before.nanos + count.nanos,
      });
    }
  });
  return {
    total: sketches.reduce((sum, { total }) => sum + total, 0),
    counts: [...merged.values()].sort(byCount).slice(0, HOT_KEY_COUNT),
  };
}

function copyEntry(words: Int32Array, at: number, entry: number): KeyCount {
  const meta = words[at + SKETCH_METAS + entry];
  const keyAt = at + SKETCH_KEYS + entry * SKETCH_KEY_WORDS;
  const copied = words.slice(keyAt, keyAt + SKETCH_KEY_WORDS);
  return {
    hash: words[at + SKETCH_HASHES + entry],
    bytes: new Uint8Array(copied.buffer).slice(0, meta >>> 1),
    keyBytes: meta >>> 1,
    isBinary: (meta & 1) !== 0,
    count: words[at + SKETCH_COUNTS + entry] >>> 0,
    error: words[at + SKETCH_ERRORS + entry] >>> 0,
    writes: words[at + SKETCH_WRITES + entry] >>> 0,
    timedCount: words[at + SKETCH_TIMED + entry],
    nanos: new Float64Array(words.buffer)[(at + SKETCH_NANOS) / 2 + entry],
  };
}

function byCount(a: KeyCount, b: KeyCount): number {
  return b.count - a.count;
}

function metaOf(key: EncodedKey): number {
  return (key.byteLength << 1) | (key.isBinary ? 1 : 0);
}

function keptWords(keyBytes: number): number {
  return Math.min(SKETCH_KEY_WORDS, (keyBytes + 3) >>> 2);
}
