/**
 * Passing through the keys of a range in the near placement, one step with each call of `next`.
 *
 * These are no generators: a step of one costs more than looking at a key does, and one of an
 * asynchronous generator three turns of the queue of microtasks. What a step need not wait for it
 * returns as a promise that is resolved.
 *
 * @module
 */
import type { Slot } from "../../core/brands.ts";
import type { Key, KeyEncoder } from "../../core/key_encoder.ts";
import { SLOT_SHIFT } from "../../core/limits.ts";
import { NO_VALUES } from "../../ordered/found_key.ts";
import { loopTurn } from "../../platform/loop_turn.ts";
import type { KeyRange } from "../arguments/key_range.ts";
import { type AheadMaker, ItemsAhead } from "./items_ahead.ts";
import { type KeyWalk, NO_KEYS } from "./key_walk.ts";

/** What a thread's scans need of its reads. */
export interface ScanParts {
  /** Holds the key of one operation at a time. */
  readonly key: KeyEncoder;
  assertOpen(): void;
  /** A way through a range, when all has ended that this thread has issued. */
  begin(range: KeyRange, valueBytesMax: number): Promise<KeyWalk>;
  /** The same; blocks until then. */
  beginSync(range: KeyRange, valueBytesMax: number): KeyWalk;
  /** Whether a read of any key of a slot may have to wait for operations of this thread. */
  isBusy(slot: Slot): boolean;
  /** Whether a read of the encoded key has to wait for operations of this thread. */
  mustWait(slot: Slot): boolean;
  /** Waits for those, and encodes the key. */
  whenReadable(key: Key): Promise<void>;
  /** The same; blocks. */
  encodeSettled(key: Key): void;
}

/**
 * Makes an item of the encoded key that a walk has come to; undefined if it does not exist, or
 * there is nothing to be made of it. {@linkcode NO_KEYS} stands for a walk that has come there too
 * early.
 */
export type MakeItem<Item> = (key: Key, walk: KeyWalk) => Item | undefined;

/** How a scan goes. */
export interface ScanPlan<Item> {
  /** The range; called in the first step, which throws what is wrong with the options. */
  readonly range: () => KeyRange;
  readonly make: MakeItem<Item>;
  /** Makes items of keys before the scan comes to them. */
  readonly ahead?: AheadMaker<Item>;
  /** Bytes that the last item was made of: what costs time is counted. */
  readonly itemBytes?: () => number;
  readonly signal?: AbortSignal | undefined;
}

/** What all iterators inherit: `map`, `take` and so on, where there are such. */
const iteratorPrototype = Object.getPrototypeOf(
  Object.getPrototypeOf([][Symbol.iterator]()),
) as object;
const asyncIteratorPrototype = Object.getPrototypeOf(
  Object.getPrototypeOf(Object.getPrototypeOf((async function* () {})())),
) as object;

/** Passes through keys without a turn of the event loop. */
export class SyncScan<Item> implements IterableIterator<Item> {
  readonly #parts: ScanParts;
  readonly #plan: ScanPlan<Item>;
  readonly #make: MakeItem<Item>;
  readonly #ahead: ItemsAhead<Item> | undefined;
  /** Undefined before the first step. */
  #walk: KeyWalk | undefined;
  #left = 0;

  /** Makes a scan that begins with its first step. */
  constructor(parts: ScanParts, plan: ScanPlan<Item>) {
    this.#parts = parts;
    this.#plan = plan;
    this.#make = plan.make;
    this.#ahead = plan.ahead && new ItemsAhead(plan.ahead);
  }

  /** The iterator itself. */
  [Symbol.iterator](): this {
    return this;
  }

  /** Goes to the next key that there is something to be made of. */
  next(): IteratorResult<Item, undefined> {
    try {
      const item = this.#step();
      if (item !== undefined) return { done: false, value: item };
    } catch (error) {
      this.#end();
      throw error;
    }
    this.#end();
    return { done: true, value: undefined };
  }

  /** Ends the iteration. */
  return(value?: undefined): IteratorResult<Item, undefined> {
    this.#end();
    return { done: true, value };
  }

  #step(): Item | undefined {
    const walk = this.#walk ?? this.#begin();
    const parts = this.#parts;
    while (this.#left > 0 && walk.step()) {
      parts.assertOpen();
      if (!walk.isAtKey) continue;
      const item = takeAhead(parts, walk, this.#ahead) ?? this.#read(walk);
      if (item === undefined) continue;
      this.#left -= 1;
      return item;
    }
    return undefined;
  }

  #read(walk: KeyWalk): Item | undefined {
    const parts = this.#parts;
    const key = walk.take(parts.key);
    const mustWait = parts.mustWait((parts.key.hash >>> SLOT_SHIFT) as Slot);
    if (mustWait) parts.encodeSettled(key);
    return this.#make(key, mustWait ? NO_KEYS : walk);
  }

  #begin(): KeyWalk {
    const range = this.#plan.range();
    this.#left = range.limit;
    return this.#walk = this.#parts.beginSync(range, this.#plan.ahead?.valueBytesMax ?? NO_VALUES);
  }

  #end(): void {
    this.#walk?.end();
    this.#walk = NO_KEYS;
    // Also of a step in which this was called, by a decoder or `onDecodeError`.
    this.#left = 0;
  }
}
Object.setPrototypeOf(SyncScan.prototype, iteratorPrototype);

/** The item of the key that a walk is at, if it was made ahead, and the key still holds that. */
function takeAhead<Item>(
  parts: ScanParts,
  { cursor }: KeyWalk,
  ahead: ItemsAhead<Item> | undefined,
): Item | undefined {
  if (cursor === undefined || ahead === undefined) return undefined;
  if (parts.isBusy((cursor.key.hash >>> SLOT_SHIFT) as Slot)) return undefined;
  return ahead.take(cursor);
}

type Step<Item> = IteratorResult<Item, undefined>;

/** Passes through keys, with turns of the event loop when they are due. */
export class Scan<Item> implements AsyncIterableIterator<Item> {
  readonly #parts: ScanParts;
  readonly #plan: ScanPlan<Item>;
  readonly #ahead: ItemsAhead<Item> | undefined;
  /** Undefined before the first step has begun. */
  #walk: KeyWalk | undefined;
  #left = 0;
  #bytes = 0;
  /** A key that the walk has come to, and that cannot be read yet. */
  #early: Key | undefined;
  /** The last of the steps that wait for something, or for each other. */
  #waiting: Promise<unknown> | undefined;

  /** Makes a scan that begins with its first step. */
  constructor(parts: ScanParts, plan: ScanPlan<Item>) {
    this.#parts = parts;
    this.#plan = plan;
    this.#ahead = plan.ahead && new ItemsAhead(plan.ahead);
  }

  /** The iterator itself. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Goes to the next key that there is something to be made of. */
  next(): Promise<Step<Item>> {
    if (this.#waiting !== undefined) return this.#afterWaiting(() => this.#stepWaiting());
    try {
      const step = this.#walk && this.#tryStep(this.#walk);
      return step === undefined ? this.#noteWaiting(this.#stepWaiting()) : Promise.resolve(step);
    } catch (error) {
      this.#end();
      return Promise.reject(error);
    }
  }

  /** Ends the iteration, when the steps that have been asked for have ended. */
  return(value?: undefined): Promise<Step<Item>> {
    const end = (): Promise<Step<Item>> => {
      this.#end();
      return Promise.resolve({ done: true, value });
    };
    return this.#waiting === undefined ? end() : this.#afterWaiting(end);
  }

  /** A step; undefined if it has to wait for something first. */
  #tryStep(walk: KeyWalk): Step<Item> | undefined {
    const parts = this.#parts;
    while (this.#left > 0) {
      this.#plan.signal?.throwIfAborted();
      if (loopTurn.count(this.#bytes + walk.stepBytes)) return undefined;
      this.#bytes = 0;
      parts.assertOpen();
      if (!walk.step()) break;
      if (!walk.isAtKey) continue;
      const ahead = takeAhead(parts, walk, this.#ahead);
      if (ahead !== undefined) {
        this.#bytes = this.#plan.itemBytes === undefined ? 0 : walk.cursor!.key.valueBytes;
        this.#left -= 1;
        return { done: false, value: ahead };
      }
      const key = walk.take(parts.key);
      if (parts.mustWait((parts.key.hash >>> SLOT_SHIFT) as Slot)) {
        this.#early = key;
        return undefined;
      }
      const item = this.#make(key, walk);
      if (item !== undefined) return { done: false, value: item };
    }
    this.#end();
    return { done: true, value: undefined };
  }

  #make(key: Key, walk: KeyWalk): Item | undefined {
    const { make, itemBytes } = this.#plan;
    const item = make(key, walk);
    if (itemBytes !== undefined) this.#bytes = itemBytes();
    if (item !== undefined) this.#left -= 1;
    return item;
  }

  /** A step that waits for what it has to. */
  async #stepWaiting(): Promise<Step<Item>> {
    try {
      for (;;) {
        const walk = this.#walk ?? await this.#begin();
        const item = this.#early === undefined ? undefined : await this.#readEarly(this.#early);
        if (item !== undefined) return { done: false, value: item };
        const step = this.#tryStep(walk);
        if (step !== undefined) return step;
        if (this.#early === undefined) await loopTurn.next();
      }
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  async #begin(): Promise<KeyWalk> {
    const range = this.#plan.range();
    const walk = await this.#parts.begin(range, this.#plan.ahead?.valueBytesMax ?? NO_VALUES);
    this.#left = range.limit;
    return this.#walk = walk;
  }

  /** Reads a key when what this thread does with it has ended. */
  async #readEarly(key: Key): Promise<Item | undefined> {
    this.#early = undefined;
    await this.#parts.whenReadable(key);
    this.#parts.assertOpen();
    // With nothing between this and the read: other operations encode their keys, too.
    this.#parts.key.encode(key);
    return this.#make(key, NO_KEYS);
  }

  #afterWaiting(work: () => Promise<Step<Item>>): Promise<Step<Item>> {
    return this.#noteWaiting(this.#waiting!.then(work, work));
  }

  #noteWaiting(step: Promise<Step<Item>>): Promise<Step<Item>> {
    const forget = () => {
      if (this.#waiting === step) this.#waiting = undefined;
    };
    this.#waiting = step;
    step.then(forget, forget);
    return step;
  }

  #end(): void {
    this.#walk?.end();
    this.#walk = NO_KEYS;
    this.#left = 0;
  }
}
Object.setPrototypeOf(Scan.prototype, asyncIteratorPrototype);
