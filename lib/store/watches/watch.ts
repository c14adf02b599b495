/**
 * A watch as an iterator: how it begins, waits and ends.
 *
 * It begins with the first call of `next`. Calls of `next` are executed one after the other, and
 * end when there is an item, when the watch is ended, or when the store cannot go on. A call of
 * `return` does not wait for them, as one of a generator would.
 *
 * A thread that was just woken finds its code and data in no cache: what it does until the consumer
 * has the item takes as long as the wake-up. So between the two there are no promises but that of
 * the call, unless the item has to be waited for.
 *
 * @module
 */
import { epochMs, runMicrotask, startTimer, type Timer } from "../../platform/runtime.ts";
import type { TakenChange } from "../../watch/change_ring.ts";
import type { HubWatch, WatchSource } from "../../watch/watch_source.ts";
import type { WatchOptions } from "./watch_options.ts";

/** A timer far enough away never to fire; it keeps the process alive. */
const KEEP_ALIVE_MS = 2 ** 30;
/** Longest time that a timer of every runtime takes. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** A call of `next`, as it is ended. */
interface Call<Item> {
  resolve(result: IteratorResult<Item, undefined>): void;
  reject(reason: unknown): void;
}

/** What watches have in common. */
export abstract class Watch<Item> implements AsyncIterableIterator<Item>, HubWatch {
  abstract readonly parts: Iterable<number>;
  readonly #hub: WatchSource;
  readonly #options: WatchOptions;
  #state: "new" | "open" | "ended" = "new";
  #error: { readonly reason: unknown } | undefined;
  /** Calls of `next` that have not ended, in their order: the first one is executed. */
  readonly #calls: Call<Item>[] = [];
  /** Whether that one waits for an item to be read, or for something to be noted. */
  #waitsFor: "nothing" | "item" | "news" = "nothing";
  #keepAlive: Timer | undefined;
  #wakeUp: Timer | undefined;

  /** Makes a watch that has not begun. */
  constructor(hub: WatchSource, options: WatchOptions) {
    this.#hub = hub;
    this.#options = options;
  }

  /** The next item, if there is one now; a promise of it if it cannot be read at once. */
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
    return this.#waitsFor === "news";
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next item, when there is one. */
  next(): Promise<IteratorResult<Item, undefined>> {
    return new Promise((resolve, reject) => {
      this.#calls.push({ resolve, reject });
      if (this.#calls.length === 1) this.#goOn();
    });
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

  /** Has the consumer go on that waits, when all has been noted that was found together. */
  protected resume(): void {
    if (this.#waitsFor !== "news") return;
    this.#waitsFor = "nothing";
    this.#wakeUp?.stop();
    this.#wakeUp = undefined;
    runMicrotask(this.#goOn);
  }

  /** Executes calls of `next`, as far as that is possible now. */
  readonly #goOn = (): void => {
    while (this.#calls.length > 0 && this.#waitsFor === "nothing") {
      if (this.#state === "ended") this.#endCall();
      else this.#takeNext();
    }
  };

  #takeNext(): void {
    const isFirst = this.#state === "new";
    try {
      if (isFirst) this.#begin();
      this.#hub.look();
      const item = this.take(isFirst);
      if (item instanceof Promise) this.#takeLater(item);
      else this.#deliver(item);
    } catch (error) {
      this.fail(error);
    }
  }

  #takeLater(item: Promise<Item | undefined>): void {
    this.#waitsFor = "item";
    const end = (deliver: () => void) => {
      this.#waitsFor = "nothing";
      deliver();
      this.#goOn();
    };
    const failed = (error: unknown) => end(() => this.fail(error));
    void item.then((taken) => end(() => this.#deliver(taken)), failed);
  }

  #deliver(item: Item | undefined): void {
    if (this.#state !== "open") return;
    if (item !== undefined) this.#calls.shift()!.resolve({ done: false, value: item });
    else if (!this.hasNews) this.#wait();
  }

  #endCall(): void {
    const { resolve, reject } = this.#calls.shift()!;
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) resolve({ done: true, value: undefined });
    else reject(error.reason);
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
    this.resume();
  }

  readonly #onAbort = (): void => this.fail(this.#options.signal!.reason);

  /** Waits for something to be noted, for a time, or for the end. */
  #wait(): void {
    const { changesAtMs } = this;
    this.#waitsFor = "news";
    if (changesAtMs !== Infinity) {
      const waitMs = Math.max(1, Math.min(changesAtMs - epochMs(), TIMER_MS_MAX));
      this.#wakeUp = startTimer(() => this.resume(), waitMs, { keepsAlive: false });
    }
    this.#hub.wait();
  }
}
