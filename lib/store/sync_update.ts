/**
 * An update that is made before its call returns: the same steps as those of update_turn.ts, in a
 * thread that blocks, in one turn among this client's operations on the key.
 *
 * @module
 */
import { type KeyQueue, type KeyQueues, Turn } from "../client/key_queues.ts";
import { assert } from "../core/assert.ts";
import { SyncCompletion } from "../client/completions.ts";
import { type DinomoError, InvalidArgumentError } from "../core/errors.ts";
import type { KeyEncoder } from "../core/key_encoder.ts";
import { SELF_CHANGES_MAX } from "../core/limits.ts";
import {
  type Changed,
  changesItself,
  DELETE,
  isPromiseLike,
  KEEP,
  type UpdatedStore,
  type UpdateOptions,
} from "./update_turn.ts";

/** One such update. */
export class SyncUpdate<V> extends Turn {
  readonly #store: UpdatedStore<V>;
  readonly #change: (old: V | undefined) => Changed<V>;
  readonly #options: UpdateOptions;
  #value: V | undefined;
  #error: { readonly reason: unknown } | undefined;

  /** Makes an update that has not been made. */
  constructor(
    store: UpdatedStore<V>,
    change: (old: V | undefined) => Changed<V>,
    options: UpdateOptions,
  ) {
    super();
    this.#store = store;
    this.#change = change;
    this.#options = options;
  }

  override advance(): true {
    try {
      // Not if its call has ended: it could not wait for the turns before this one.
      if (this.#error === undefined) this.#value = this.#make();
    } catch (reason) {
      this.#error = { reason };
    }
    this.queue.queues.client.end(this.sequence);
    return true;
  }

  override block(): void {
    assert(false, "an update that is made at once is not waited for");
  }

  override fail(error: DinomoError): void {
    this.#error = { reason: error };
    this.queue.queues.client.end(this.sequence);
  }

  /** Makes the update, in its turn; returns the value that the key has by it. */
  makeInTurn(queues: KeyQueues, key: KeyEncoder): V | undefined {
    const queue = queues.find(key);
    if (queue?.isAdvancing) return this.#makeWithin(queue);
    queues.add(key, this);
    try {
      queues.settle(key, true);
    } catch (reason) {
      this.#error = { reason };
    }
    if (this.#error !== undefined) throw this.#error.reason;
    return this.#value;
  }

  /** Makes it at once, in the middle of another update of the key, which finds that out. */
  #makeWithin(queue: KeyQueue): V | undefined {
    this.queue = queue;
    try {
      return this.#make();
    } finally {
      queue.isSelfChanged = true;
    }
  }

  #make(): V | undefined {
    const { queue } = this;
    const { key } = queue;
    for (let selfChanges = 0; selfChanges < SELF_CHANGES_MAX;) {
      queue.isSelfChanged = false;
      const read = this.#store.beginRead(key, () => {});
      while (!read.isSettled) read.block();
      const entry = read.take();
      const changed = this.#call(entry?.value);
      if (changed === KEEP || (changed === DELETE && entry === undefined)) return entry?.value;
      const completion = new SyncCompletion();
      if (changed === DELETE) this.#store.beginDelete(key, entry!, completion);
      else this.#store.beginSet(key, entry, changed, this.#options, completion);
      this.#store.waitFor(completion);
      completion.throwError();
      if (completion.isApplied) return changed === DELETE ? undefined : changed;
      if (queue.isSelfChanged) selfChanges += 1;
    }
    throw changesItself();
  }

  #call(old: V | undefined): Changed<V> {
    const changed: Changed<V> | PromiseLike<unknown> = this.#change(old);
    if (!isPromiseLike(changed)) return changed;
    Promise.resolve(changed).catch(() => {});
    throw new InvalidArgumentError(
      "change must return a value to a synchronous update, got a promise: update waits for it",
    );
  }
}
