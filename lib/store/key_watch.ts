/**
 * A watch of some keys: their entries as they are now, again and again.
 *
 * A mark in a part says that a key in it may have changed. What is delivered is read when the
 * consumer asks for it, so however slow that is, it gets the newest state, and all that waits for it
 * is a number for each key. A key whose version is not higher than one that was delivered before is
 * left as it was: so an older state never follows a newer one, whatever the clock does that decides
 * what has expired.
 *
 * @module
 */
import type { Key, KeyEncoder } from "../core/key_encoder.ts";
import { epochMs, startTimer, type Timer } from "../core/runtime.ts";
import { partOf } from "../pool/watch_layout.ts";
import type { Entry } from "./entry.ts";
import type { StoreReads } from "./reads.ts";
import type { HubWatch, WatchHub } from "./watch_hub.ts";
import type { WatchOptions } from "./watch_options.ts";

/** A timer far enough away never to fire; it keeps the process alive. */
const KEEP_ALIVE_MS = 2 ** 30;
/** Longest time that a timer of every runtime takes. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Entries of some keys, in their order; undefined for a key that does not exist. */
export type WatchedEntries<V> = (Entry<V> | undefined)[];

/** Delivers the entries of some keys, first as they are, then whenever one has changed. */
export class KeyWatch<V> implements AsyncIterableIterator<WatchedEntries<V>>, HubWatch {
  readonly #hub: WatchHub;
  readonly #reads: StoreReads<V>;
  readonly #options: WatchOptions;
  readonly #keys: readonly Key[];
  /** By part: the keys in it, by their numbers. */
  readonly #byPart = new Map<number, number[]>();
  readonly #entries: WatchedEntries<V>;
  /** Highest version that was delivered of each key. */
  readonly #versions: number[];
  /** Keys that may have changed, by their numbers. */
  #dirty = new Set<number>();
  #state: "new" | "open" | "ended" = "new";
  #error: { readonly reason: unknown } | undefined;
  /** Ends the wait of the consumer. */
  #resume: (() => void) | undefined;
  #keepAlive: Timer | undefined;
  #expiry: Timer | undefined;
  /** The end of the call of `next` before, if it has not come yet. */
  #last: Promise<unknown> | undefined;

  /** Makes a watch, which begins with the first call of `next`. */
  constructor(
    hub: WatchHub,
    reads: StoreReads<V>,
    encoder: KeyEncoder,
    keys: readonly Key[],
    options: WatchOptions,
  ) {
    this.#hub = hub;
    this.#reads = reads;
    this.#options = options;
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

  get isWaiting(): boolean {
    return this.#resume !== undefined;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The entries when one of them has changed since the last call. */
  next(): Promise<IteratorResult<WatchedEntries<V>, undefined>> {
    const result = this.#last === undefined ? this.#next() : this.#last.then(() => this.#next());
    const last = this.#last = result.then(() => {}, () => {}).then(() => {
      if (this.#last === last) this.#last = undefined;
    });
    return result;
  }

  /** Ends the watch; a call of `next` that waits comes to its end. */
  return(): Promise<IteratorResult<WatchedEntries<V>, undefined>> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  note(part: number): void {
    for (const number of this.#byPart.get(part)!) this.#dirty.add(number);
    this.#resume?.();
  }

  fail(reason: unknown): void {
    if (this.#state === "ended") return;
    this.#error = { reason };
    this.#end();
  }

  async #next(): Promise<IteratorResult<WatchedEntries<V>, undefined>> {
    const isFirst = this.#state === "new";
    try {
      if (isFirst) this.#begin();
      while (this.#state === "open") {
        this.#hub.look();
        const hasChanged = await this.#read();
        if (this.#state !== "open") break;
        if (hasChanged || isFirst) return { done: false, value: this.#entries.slice() };
        if (this.#dirty.size === 0) await this.#wait();
      }
    } catch (error) {
      this.fail(error);
    }
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) throw error.reason;
    return { done: true, value: undefined };
  }

  #begin(): void {
    const { signal, keepAlive } = this.#options;
    signal?.throwIfAborted();
    this.#hub.add(this);
    this.#state = "open";
    signal?.addEventListener("abort", this.#onAbort);
    if (keepAlive) this.#keepAlive = startTimer(() => {}, KEEP_ALIVE_MS, { isRepeated: true });
  }

  #end(): void {
    if (this.#state === "open") this.#hub.remove(this);
    this.#state = "ended";
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#keepAlive?.stop();
    this.#expiry?.stop();
    this.#resume?.();
  }

  readonly #onAbort = (): void => this.fail(this.#options.signal!.reason);

  /** Reads what may have changed; returns whether anything has. */
  async #read(): Promise<boolean> {
    const nowMs = epochMs();
    for (const [number, entry] of this.#entries.entries()) {
      if (entry?.expiresAt !== undefined && entry.expiresAt <= nowMs) this.#dirty.add(number);
    }
    if (this.#dirty.size === 0) return false;
    const numbers = [...this.#dirty];
    // What is marked from here on is read the next time.
    this.#dirty = new Set();
    const keys = numbers.map((number) => this.#keys[number]!);
    const found = keys.length === 1
      ? [await this.#reads.getEntry(keys[0]!)]
      : await this.#reads.getEntries(keys);
    let hasChanged = false;
    for (const [i, number] of numbers.entries()) {
      if (this.#take(number, found[i])) hasChanged = true;
    }
    return hasChanged;
  }

  /** Takes over what was read of a key; false if that is nothing new. */
  #take(number: number, entry: Entry<V> | undefined): boolean {
    if (entry === undefined) {
      if (this.#entries[number] === undefined) return false;
    } else {
      const highest = this.#versions[number]!;
      if (entry.version <= highest) return false;
      this.#versions[number] = entry.version;
    }
    this.#entries[number] = entry;
    return true;
  }

  /** Waits for a mark, for the next expiry, or for the end. */
  #wait(): Promise<void> {
    let expiresAtMs = Infinity;
    for (const entry of this.#entries) {
      if (entry?.expiresAt !== undefined) expiresAtMs = Math.min(expiresAtMs, entry.expiresAt);
    }
    return new Promise((resolve) => {
      const resume = this.#resume = () => {
        this.#resume = undefined;
        this.#expiry?.stop();
        this.#expiry = undefined;
        resolve();
      };
      if (expiresAtMs !== Infinity) {
        const waitMs = Math.max(1, Math.min(expiresAtMs - epochMs(), TIMER_MS_MAX));
        this.#expiry = startTimer(resume, waitMs, { keepsAlive: false });
      }
      this.#hub.wait();
    });
  }
}
