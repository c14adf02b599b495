/**
 * Counts how often keys are read and changed, each by itself, to find those that are read so often
 * that copies of them are worth it.
 *
 * A key is known by its hash, and there are at most {@linkcode KEYS_MAX}. Windows that have passed
 * count half, a quarter and so on; what has come to less than two goes, so a key with a share of
 * all requests has a place before long, and one without loses it. Nothing but figures depends on
 * any of this. (The sketch of statistics/hot_key_sketch.ts is in shared memory, and of one window.)
 *
 * @module
 */

/** Length of a window. */
const WINDOW_MS = 100;
/** Keys that are counted at one time. */
const KEYS_MAX = 256;
/** After so many windows nothing is left. */
const WINDOWS_MAX = 16;

/** When copies of a key are worth it. */
export interface CopySettings {
  /** How long a copy may be used, in milliseconds: a change waits for one that is not returned. */
  readonly lentMs: number;
  /** Reads of the key, the windows that have passed with their weights: 2 windows, about. */
  readonly readsMin: number;
  /** They are this share of all requests. */
  readonly shareMin: number;
  /** There are so many of them for each copy, and each change: a change ends all copies. */
  readonly readsPerCopy: number;
}

/** 500 reads in a second, about. */
export const COPIES: CopySettings = {
  lentMs: 100,
  readsMin: 100,
  shareMin: 1 / 32,
  readsPerCopy: 16,
};

interface KeyCount {
  reads: number;
  changes: number;
}

/** Counts the requests of one node. */
export class KeyMeter {
  readonly #settings: CopySettings;
  readonly #counts = new Map<number, KeyCount>();
  #total = 0;
  #beganMs: number;

  constructor(settings: CopySettings, nowMs: number) {
    this.#settings = settings;
    this.#beganMs = nowMs;
  }

  /** Counts reads and changes of a key. */
  count(hash: number, reads: number, changes: number, nowMs: number): void {
    if (nowMs - this.#beganMs >= WINDOW_MS) this.#turn(nowMs);
    this.#total += reads + changes;
    let count = this.#counts.get(hash);
    if (count === undefined) {
      if (this.#counts.size === KEYS_MAX) return;
      this.#counts.set(hash, count = { reads: 0, changes: 0 });
    }
    count.reads += reads;
    count.changes += changes;
  }

  /** Whether a key is read so often that it is worth to have so many copies of it. */
  isWorth(hash: number, copies: number): boolean {
    const { readsMin, shareMin, readsPerCopy } = this.#settings;
    const count = this.#counts.get(hash);
    if (count === undefined) return false;
    const { reads, changes } = count;
    return reads >= readsMin && reads >= this.#total * shareMin &&
      reads >= readsPerCopy * copies * (1 + changes);
  }

  #turn(nowMs: number): void {
    const windows = Math.floor((nowMs - this.#beganMs) / WINDOW_MS);
    this.#beganMs += windows * WINDOW_MS;
    const left = 0.5 ** Math.min(windows, WINDOWS_MAX);
    this.#total *= left;
    for (const [hash, count] of this.#counts) {
      count.reads *= left;
      count.changes *= left;
      if (count.reads + count.changes < 2) this.#counts.delete(hash);
    }
  }
}
