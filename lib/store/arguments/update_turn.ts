/**
 * An update of a key, as a turn among this client's operations on it (client/key_queues.ts): read,
 * change, compare-and-set, and from the beginning again if another client was faster.
 *
 * `change` may return a promise, and code that waits for it may use the key itself, or wait for
 * `flush` or `close`. Were the key held for so long, both would wait for ever. So a promise that is
 * not settled when the event loop has turned, or when a synchronous call needs the key, costs the
 * update its turn: it takes a new one when the promise is fulfilled.
 *
 * @module
 */
import { runNextTurn } from "../../platform/runtime.ts";
import { Turn } from "../../client/key_queues.ts";
import { type Completion, SyncCompletion } from "../../client/completions.ts";
import { type DinomoError, ReentrantCallError } from "../../core/errors.ts";
import { KeyEncoder } from "../../core/key_encoder.ts";
import { SELF_CHANGES_MAX } from "../../core/limits.ts";
import type { Entry } from "./entry.ts";

/** Returned by the `change` of an update: the key is deleted. */
export const DELETE: unique symbol = Symbol.for("dinomo.DELETE");

/** Returned by the `change` of an update: the key stays as it is. */
export const KEEP: unique symbol = Symbol.for("dinomo.KEEP");

/** What the `change` of an update returns, or resolves to. */
export type Changed<V> = V | typeof DELETE | typeof KEEP;

/** A read that has begun. */
export interface PendingRead<V> {
  /** Whether the value can be taken. */
  readonly isSettled: boolean;
  /** Waits in a thread that blocks. */
  block(): void;
  /** What was read; a value that may be changed. Throws what the read has failed with. */
  take(): Entry<V> | undefined;
}

/** What an update needs of its store. */
export interface UpdatedStore<V> {
  /**
   * Begins to read a key; `wake` is called, perhaps in the middle of a poll, when it cannot be
   * taken at once but later.
   */
  beginRead(key: KeyEncoder, wake: () => void): PendingRead<V>;
  /** Encodes a value, and issues a put of it that depends on what was read. */
  beginSet(
    key: KeyEncoder,
    read: Entry<V> | undefined,
    value: V,
    options: UpdateOptions,
    completion: Completion,
  ): void;
  /** Issues a delete that depends on what was read. */
  beginDelete(key: KeyEncoder, read: Entry<V>, completion: Completion): void;
  /** Waits in a thread that blocks. */
  waitFor(completion: SyncCompletion): void;
  /** Has an update wait for another turn. Throws when the store is closed. */
  requeue(key: KeyEncoder, turn: Turn): void;
}

/** How the value is stored. */
export interface UpdateOptions {
  /** In milliseconds since the epoch, or Infinity; undefined: as before. */
  readonly expiresAtMs: number | undefined;
  readonly mustSync: boolean;
}

/** What an update does next. */
const Phase = { READ: 0, READING: 1, CHANGING: 2, STORE: 3, STORING: 4 } as const;

/** Wakes the queue when a compare-and-set has ended. */
class WakingCompletion extends SyncCompletion {
  readonly #turn: Turn;

  constructor(turn: Turn) {
    super();
    this.#turn = turn;
  }

  override settle(status: number, detail: number, low: number, high: number): void {
    super.settle(status, detail, low, high);
    this.#turn.queue.wake();
  }

  override fail(error: DinomoError): void {
    super.fail(error);
    this.#turn.queue.wake();
  }
}

/** What an update does with what its `change` has returned, in a thread that waits or not. */
export abstract class Update<V> extends Turn {
  /** The store of the key. */
  protected readonly store: UpdatedStore<V>;
  readonly #options: UpdateOptions;
  #selfChanges = 0;

  /** Makes an update that has not been made. */
  constructor(store: UpdatedStore<V>, options: UpdateOptions) {
    super();
    this.store = store;
    this.#options = options;
  }

  /** Whether the key stays as it was read. */
  protected isKept(entry: Entry<V> | undefined, changed: Changed<V>): boolean {
    return changed === KEEP || (changed === DELETE && entry === undefined);
  }

  /** Begins to store what has been changed, unless that is kept. */
  protected beginChange(
    entry: Entry<V> | undefined,
    changed: Changed<V>,
    completion: SyncCompletion,
  ): void {
    const { key } = this.queue;
    if (changed === DELETE) this.store.beginDelete(key, entry!, completion);
    else this.store.beginSet(key, entry, changed as V, this.#options, completion);
  }

  /** Whether what was begun has been stored; if not, the update begins again. */
  protected hasChanged(completion: SyncCompletion): boolean {
    completion.throwError();
    if (completion.isApplied) return true;
    if (this.queue.isSelfChanged && ++this.#selfChanges === SELF_CHANGES_MAX) throw changesItself();
    return false;
  }
}

/** The value that a key has by an update that has stored what was changed. */
export function storedValue<V>(changed: Changed<V>): V | undefined {
  return changed === DELETE ? undefined : changed as V;
}

/** One update. */
export class UpdateTurn<V> extends Update<V> {
  /** Resolves to the value that the key has by it; undefined if it does not exist. */
  readonly promise: Promise<V | undefined>;
  readonly #change: (old: V | undefined) => Changed<V> | PromiseLike<Changed<V>>;
  #resolve!: (value: V | undefined) => void;
  #reject!: (reason: unknown) => void;
  #phase: number = Phase.READ;
  #read: PendingRead<V> | undefined;
  #entry: Entry<V> | undefined;
  #changed!: Changed<V>;
  #set: WakingCompletion | undefined;
  /** The key, of an update that has given its turn up. */
  #key: KeyEncoder | undefined;
  #hasEnded = false;

  /** Makes a turn that has not been queued yet. */
  constructor(
    store: UpdatedStore<V>,
    change: (old: V | undefined) => Changed<V> | PromiseLike<Changed<V>>,
    options: UpdateOptions,
  ) {
    super(store, options);
    this.#change = change;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  override advance(): boolean {
    try {
      while (this.#canGoOn()) {
        if (this.#step()) return this.#end();
      }
      return false;
    } catch (error) {
      this.#reject(error);
      return this.#end();
    }
  }

  override block(): void {
    if (this.#phase === Phase.READING) this.#read!.block();
    else if (this.#phase === Phase.STORING) this.store.waitFor(this.#set!);
    else this.#letGo();
  }

  override fail(error: DinomoError): void {
    this.#reject(error);
    this.#end();
  }

  #canGoOn(): boolean {
    if (this.#phase === Phase.READING) return this.#read!.isSettled;
    if (this.#phase === Phase.STORING) return this.#set!.isSettled;
    return this.#phase !== Phase.CHANGING;
  }

  /** Makes one step; returns whether it was the last. */
  #step(): boolean {
    const { queue } = this;
    switch (this.#phase) {
      case Phase.READ:
        this.#phase = Phase.READING;
        this.#read = this.store.beginRead(queue.key, () => queue.wake());
        return false;
      case Phase.READING:
        this.#callChange();
        return false;
      case Phase.STORE:
        return this.#beginChange();
      default:
        return this.#takeOutcome();
    }
  }

  /** Begins to store what `change` has returned; returns whether there is nothing to be done. */
  #beginChange(): boolean {
    if (this.isKept(this.#entry, this.#changed)) {
      this.#resolve(this.#entry?.value);
      return true;
    }
    this.#phase = Phase.STORING;
    this.#set = new WakingCompletion(this);
    this.beginChange(this.#entry, this.#changed, this.#set);
    return false;
  }

  #callChange(): void {
    this.queue.isSelfChanged = false;
    this.#entry = this.#read!.take();
    const changed = this.#change(this.#entry?.value);
    if (!isPromiseLike(changed)) {
      this.#changed = changed;
      this.#phase = Phase.STORE;
      return;
    }
    this.#phase = Phase.CHANGING;
    Promise.resolve(changed).then(this.#takeChanged, this.#takeFailure);
    const { sequence } = this;
    runNextTurn(() => {
      const isHeld = this.#phase === Phase.CHANGING && this.sequence === sequence;
      if (isHeld && this.#key === undefined && !this.#hasEnded) this.#letGo();
    });
  }

  /** Whether the value was stored; if not, begins again. */
  #takeOutcome(): boolean {
    if (this.hasChanged(this.#set!)) {
      this.#resolve(storedValue(this.#changed));
      return true;
    }
    this.#phase = Phase.READ;
    return false;
  }

  /**
   * The promise is fulfilled: stores the value in this turn, or in another one if this one was
   * given up.
   */
  readonly #takeChanged = (changed: Changed<V>): void => {
    this.#changed = changed;
    this.#phase = Phase.STORE;
    if (this.#key === undefined) return this.queue.wake();
    try {
      this.#hasEnded = false;
      this.store.requeue(this.#key, this);
      this.#key = undefined;
    } catch (error) {
      this.#reject(error);
    }
  };

  readonly #takeFailure = (reason: unknown): void => {
    this.#reject(reason);
    if (this.#key === undefined) this.#giveUp();
  };

  /** Lets the key go, until the promise is fulfilled. */
  #letGo(): void {
    this.#key = new KeyEncoder(0, 0);
    this.#key.copy(this.queue.key);
    this.#giveUp();
  }

  /** Ends the turn before the queue has advanced to its end. */
  #giveUp(): void {
    // A store that has failed has ended it.
    if (this.#hasEnded) return;
    this.#end();
    this.queue.queues.giveUp(this);
  }

  #end(): true {
    this.#hasEnded = true;
    this.queue.queues.client.end(this.sequence);
    return true;
  }
}

/** The error for an update whose `change` changes its key each time that it is called. */
function changesItself(): ReentrantCallError {
  return new ReentrantCallError(
    `change must not change its own key each time that it is called, as it is called again then, got ${SELF_CHANGES_MAX} calls`,
  );
}

/** Whether a value is a promise, or something like one. */
export function isPromiseLike<V>(value: V | PromiseLike<V>): value is PromiseLike<V> {
  return typeof value === "object" && value !== null &&
    typeof (value as PromiseLike<V>).then === "function";
}
