/**
 * A watch of some keys: their entries as they are now, again and again.
 *
 * A mark in a part says that a key in it may have changed. What is delivered is read when the
 * consumer asks for it, so however slow that is, it gets the newest state, and all that waits for
 * it is a number for each key. A key whose version is not higher than one that was delivered before
 * is left as it was: so an older state never follows a newer one. Only what has expired may live
 * again, in its one state: when the clock was set back.
 *
 * @module
 */
import type { Key, KeyEncoder } from "../../core/key_encoder.ts";
import { epochMs } from "../../platform/runtime.ts";
import { partOf } from "../../pool/watch_layout.ts";
import type { Entry } from "../arguments/entry.ts";
import type { StoreReads } from "../reads/reads.ts";
import { Watch } from "./watch.ts";
import type { WatchSource } from "../../watch/watch_source.ts";
import type { WatchOptions } from "./watch_options.ts";

/** Pause between two looks at a key that should have expired: its owner's clock may be behind. */
const CLOCKS_MS = 100;
/** How often a watch looks whether the clock was set back, if a key of it has expired. */
const CLOCK_SET_MS = 10_000;

/** Entries of some keys, in their order; undefined for a key that does not exist. */
export type WatchedEntries<V> = (Entry<V> | undefined)[];

/** Delivers the entries of some keys, first as they are, then whenever one has changed. */
export class KeyWatch<V> extends Watch<WatchedEntries<V>> {
  readonly #reads: StoreReads<V>;
  readonly #keys: readonly Key[];
  /** By part: the keys in it, by their numbers. */
  readonly #byPart = new Map<number, number[]>();
  readonly #entries: WatchedEntries<V>;
  /** Highest version that was delivered of each key. */
  readonly #versions: number[];
  /** Keys that may have changed, by their numbers. */
  readonly #dirty = new Set<number>();
  /** By the number of a key that is gone: when what was delivered of it last expires. */
  readonly #expired = new Map<number, number>();
  /**
   * When a key that has expired by this thread's clock, and not by its owner's, is looked at again.
   */
  #againMs = -Infinity;

  /** Makes a watch, which begins with the first call of `next`. */
  constructor(
    hub: WatchSource,
    reads: StoreReads<V>,
    encoder: KeyEncoder,
    keys: readonly Key[],
    options: WatchOptions,
  ) {
    super(hub, options);
    this.#reads = reads;
    this.#keys = keys;
    this.#entries = keys.map(() => undefined);
    this.#versions = keys.map(() => 0);
    for (const [number, key] of keys.entries()) {
      const part = partOf(encoder.encode(key));
      const numbers = this.#byPart.get(part);
      if (numbers === undefined) this.#byPart.set(part, [number]);
      else numbers.push(number);
      this.#dirty.add(number);
    }
  }

  get parts(): Iterable<number> {
    return this.#byPart.keys();
  }

  note(part: number): void {
    for (const number of this.#byPart.get(part)!) this.#dirty.add(number);
    this.resume();
  }

  noteChange(): void {}

  noteLost(): void {}

  protected override get hasNews(): boolean {
    return this.#dirty.size > 0;
  }

  protected override get changesAtMs(): number {
    let expiresAtMs = Infinity;
    for (const entry of this.#entries) {
      if (entry?.expiresAt !== undefined) expiresAtMs = Math.min(expiresAtMs, entry.expiresAt);
    }
    const changesAtMs = Math.max(expiresAtMs, this.#againMs);
    return this.#expired.size === 0 ? changesAtMs : Math.min(changesAtMs, epochMs() + CLOCK_SET_MS);
  }

  /** Reads what may have changed; all entries if anything has. */
  protected override take(
    isFirst: boolean,
  ): Promise<WatchedEntries<V> | undefined> | WatchedEntries<V> | undefined {
    const nowMs = epochMs();
    if (nowMs >= this.#againMs) {
      for (const [number, entry] of this.#entries.entries()) {
        if (hasExpired(entry, nowMs)) this.#dirty.add(number);
      }
    }
    for (const [number, expiresAt] of this.#expired) {
      if (expiresAt > nowMs) this.#dirty.add(number);
    }
    if (this.#dirty.size === 0) return undefined;
    const numbers = [...this.#dirty];
    // What is marked from here on is read the next time.
    this.#dirty.clear();
    const takeAll = (found: WatchedEntries<V>) => this.#takeAll(numbers, found, nowMs, isFirst);
    if (numbers.length > 1) {
      return this.#reads.getEntries(numbers.map((number) => this.#keys[number]!)).then(takeAll);
    }
    const reads = this.#reads;
    const key = this.#keys[numbers[0]!]!;
    const found = reads.readEntry === undefined ? reads.getEntry(key) : reads.readEntry(key);
    return found instanceof Promise ? found.then((entry) => takeAll([entry])) : takeAll([found]);
  }

  /** Takes over what was read of some keys; all entries if anything is new. */
  #takeAll(
    numbers: readonly number[],
    found: WatchedEntries<V>,
    nowMs: number,
    isFirst: boolean,
  ): WatchedEntries<V> | undefined {
    let hasChanged = isFirst;
    for (const [i, number] of numbers.entries()) {
      if (hasExpired(found[i], nowMs)) this.#againMs = nowMs + CLOCKS_MS;
      if (this.#takeOne(number, found[i], nowMs)) hasChanged = true;
    }
    return hasChanged ? this.#entries.slice() : undefined;
  }

  /** Takes over what was read of a key; false if that is nothing new. */
  #takeOne(number: number, entry: Entry<V> | undefined, nowMs: number): boolean {
    const expiredAtMs = this.#expired.get(number);
    this.#expired.delete(number);
    if (entry === undefined) {
      const before = this.#entries[number];
      const expiresAt = before?.expiresAt ?? expiredAtMs;
      // What is gone before its time, and was looked for again, was deleted.
      const wasDeleted = before === undefined && expiresAt !== undefined && expiresAt > nowMs;
      if (expiresAt !== undefined && !wasDeleted) this.#expired.set(number, expiresAt);
      if (before === undefined) return false;
    } else {
      const highest = this.#versions[number]!;
      const livesAgain = entry.version === highest && expiredAtMs !== undefined;
      if (entry.version <= highest && !livesAgain) return false;
      this.#versions[number] = entry.version;
    }
    this.#entries[number] = entry;
    return true;
  }
}

function hasExpired(entry: Entry<unknown> | undefined, nowMs: number): boolean {
  return entry?.expiresAt !== undefined && entry.expiresAt <= nowMs;
}
