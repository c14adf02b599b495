/**
 * A watch as an iterator: how it begins, waits and ends.
 *
 * It begins with the first call of `next`. Calls of `next` are executed one after the other, and end
 * when there is an item, when the watch is ended, or when the store cannot go on. A call of `return`
 * does not wait for them, as one of a generator would.
 *
 * @module
 */
import { epochMs, startTimer, type Timer } from "../core/runtime.ts";
import type { TakenChange } from "../watch/change_ring.ts";
import type { HubWatch, WatchSource } from "../watch/watch_source.ts";
import type { WatchOptions } from "./watch_options.ts";

/** A timer far enough away never to fire; it keeps the process alive. */
const KEEP_ALIVE_MS = 2 ** 30;
/** Longest time that a timer of every runtime takes. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** What watches have in common. */
export abstract class Watch<Item> implements AsyncIterableIterator<Item>, HubWatch {
  abstract readonly parts: Iterable<number>;
  readonly #hub: WatchSource;
  readonly #options: WatchOptions;
  #state: "new" | "open" | "ended" = "new";
  #error: { readonly reason: unknown } | undefined;
  /** Ends the wait of the consumer. */
  #resume: (() => void) | undefined;
  #keepAlive: Timer | undefined;
  #wakeUp: Timer | undefined;
  /** The end of the call of `next` before, if it has not come yet. */
  #last: Promise<unknown> | undefined;

  /** Makes a watch that has not begun. */
  constructor(hub: WatchSource, options: WatchOptions) {
    this.#hub = hub;
    this.#options = options;
  }

  /** The next item, if there is one now. */
  protected abstract take(isFirst: boolean): Promise<Item | undefined> | Item | undefined;

  /** Whether there may be an item. */
  protected abstract get hasNews(): boolean;

  /** When there may be an item whatever happens, in milliseconds since the epoch. */
  protected get changesAtMs(): number {
    return Infinity;
  }

  abstract note(part: number): void;
  abstract noteChange(change: TakenChange): void;
  abstract noteLost(): void;

  get isWaiting(): boolean {
    return this.#resume !== undefined;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next item, when there is one. */
  next(): Promise<IteratorResult<Item, undefined>> {
    const result = this.#last === undefined ? this.#next() : this.#last.then(() => this.#next());
    const last = this.#last = result.then(() => {}, () => {}).then(() => {
      if (this.#last === last) this.#last = undefined;
    });
    return result;
  }

  /** Ends the watch; a call of `next` that waits comes to its end. */
  return(): Promise<IteratorResult<Item, undefined>> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  fail(reason: unknown): void {
    if (this.#state === "ended") return;
    this.#error = { reason };
    this.#end();
  }

  /** Lets the consumer go on that waits. */
  protected resume(): void {
    this.#resume?.();
  }

  async #next(): Promise<IteratorResult<Item, undefined>> {
    const isFirst = this.#state === "new";
    try {
      if (isFirst) this.#begin();
      while (this.#state === "open") {
        this.#hub.look();
        const item = await this.take(isFirst);
        if (this.#state !== "open") break;
        if (item !== undefined) return { done: false, value: item };
        if (!this.hasNews) await this.#wait();
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
    this.#wakeUp?.stop();
    this.#resume?.();
  }

  readonly #onAbort = (): void => this.fail(this.#options.signal!.reason);

  /** Waits for something to be noted, for a time, or for the end. */
  #wait(): Promise<void> {
    const { changesAtMs } = this;
    return new Promise((resolve) => {
      const resume = this.#resume = () => {
        this.#resume = undefined;
        this.#wakeUp?.stop();
        this.#wakeUp = undefined;
        resolve();
      };
      if (changesAtMs !== Infinity) {
        const waitMs = Math.max(1, Math.min(changesAtMs - epochMs(), TIMER_MS_MAX));
        this.#wakeUp = startTimer(resume, waitMs, { keepsAlive: false });
      }
      this.#hub.wait();
    });
  }
}
