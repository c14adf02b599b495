/**
 * Watches of other processes, in the process that has the pool.
 *
 * What another process is told is that something has changed; the state it reads itself, when it
 * asks for it. So all that waits for a slow one is a set of numbers, and of the changes of keys
 * with a prefix so many bytes, beyond which it is told to read the keys again.
 *
 * @module
 */
import { InvalidArgumentError } from "../core/errors.ts";
import {
  KEY_BYTES_MAX,
  WAITING_CHANGES_BYTES_MAX,
  WATCH_CREDIT_BYTES,
  WATCH_KEYS_MAX,
} from "../core/limits.ts";
import { WATCH_PARTS } from "../pool/watch_layout.ts";
import type { HubWatch, WatchSource } from "./watch_source.ts";
import type { TakenChange } from "./change_ring.ts";
import type { ChangesRequest, PartsRequest } from "./watch_requests.ts";
import { encodeChanges, encodeParts } from "./watch_items.ts";
import type { PrefixSource, PrefixWatch } from "./prefix_source.ts";

/** What waits to be sent, and who waits for it. */
abstract class CalledWatch {
  #error: { readonly reason: unknown } | undefined;
  #resume = (): void => {};

  /** What is to be sent next; undefined if there is nothing. */
  protected abstract take(): Uint8Array | undefined;

  fail(reason: unknown): void {
    this.#error ??= { reason };
    this.resume();
  }

  /**
   * What is to be sent, as it comes, until the signal is aborted.
   *
   * @param end ends the watch; may be called twice
   */
  items(signal: AbortSignal, end: () => void): AsyncIterable<Uint8Array> {
    const stop = () => {
      end();
      this.resume();
    };
    signal.addEventListener("abort", stop);
    return this.#items(signal, () => {
      signal.removeEventListener("abort", stop);
      end();
    });
  }

  async *#items(signal: AbortSignal, end: () => void): AsyncGenerator<Uint8Array> {
    try {
      while (!signal.aborted) {
        if (this.#error !== undefined) throw this.#error.reason;
        const item = this.take();
        if (item !== undefined) yield item;
        else await new Promise<void>((resolve) => this.#resume = resolve);
      }
    } finally {
      end();
    }
  }

  protected resume(): void {
    this.#resume();
  }
}

/** Notes in which parts keys have changed. */
class PartsWatch extends CalledWatch implements HubWatch {
  readonly parts: ReadonlySet<number>;
  /** It is told of changes whether it has something to send or not. */
  readonly isWaiting = true;
  #changed = new Set<number>();

  constructor(parts: ReadonlySet<number>) {
    super();
    this.parts = parts;
  }

  note(part: number): void {
    this.#changed.add(part);
    this.resume();
  }

  noteChange(): void {}

  noteLost(): void {}

  protected override take(): Uint8Array | undefined {
    if (this.#changed.size === 0) return undefined;
    const changed = this.#changed;
    this.#changed = new Set();
    return encodeParts(changed);
  }
}

/** Keeps the changes of keys with a prefix until they are sent. */
class ChangesWatch extends CalledWatch implements PrefixWatch {
  readonly prefix: Uint8Array;
  #queue: TakenChange[] = [];
  #queueBytes = 0;
  #isLost = false;

  constructor(prefix: Uint8Array) {
    super();
    this.prefix = prefix;
  }

  noteChange(change: TakenChange): void {
    this.#queueBytes += bytesOf(change);
    if (this.#queueBytes > WAITING_CHANGES_BYTES_MAX) return this.noteLost();
    this.#queue.push(change);
    this.resume();
  }

  noteLost(): void {
    // Who reads the keys again needs none of the changes before.
    this.#queue = [];
    this.#queueBytes = 0;
    this.#isLost = true;
    this.resume();
  }

  protected override take(): Uint8Array | undefined {
    if (!this.#isLost && this.#queue.length === 0) return undefined;
    const isLost = this.#isLost;
    this.#isLost = false;
    let count = 0;
    let bytes = 0;
    while (count < this.#queue.length && bytes < WATCH_CREDIT_BYTES) {
      bytes += bytesOf(this.#queue[count++]!);
    }
    this.#queueBytes -= bytes;
    return encodeChanges(isLost, this.#queue.splice(0, count));
  }
}

/**
 * Tells of parts in which keys have changed; the watch has begun when this returns.
 *
 * @throws {TooManyWatchersError} when there are as many as may be
 */
export function watchParts(
  source: WatchSource,
  { parts, isAgain }: PartsRequest,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  const isList = Array.isArray(parts) && parts.length > 0 && parts.length <= WATCH_KEYS_MAX &&
    parts.every((part) => Number.isInteger(part) && part >= 0 && part < WATCH_PARTS);
  if (!isList) throw new InvalidArgumentError("parts must be numbers of parts of the keys");
  const watch = new PartsWatch(new Set(parts));
  source.add(watch);
  source.wait();
  if (isAgain) { for (const part of parts) watch.note(part); }
  return watch.items(signal, () => source.remove(watch));
}

/**
 * Tells of changes of keys with a prefix; the watch has begun when this returns.
 *
 * @throws {TooManyWatchersError} when there are as many as may be
 */
export function watchChanges(
  source: PrefixSource,
  { prefix, isAgain }: ChangesRequest,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  if (!(prefix instanceof Uint8Array) || prefix.length > KEY_BYTES_MAX) {
    throw new InvalidArgumentError("prefix must be one that keys can have");
  }
  const watch = new ChangesWatch(prefix);
  source.add(watch);
  if (isAgain) watch.noteLost();
  return watch.items(signal, () => source.remove(watch));
}

/** What a change takes of the memory for those that wait. */
function bytesOf({ bytes }: TakenChange): number {
  return bytes.length + 64;
}
