/**
 * An update that is made before its call returns: the same steps as those of update_turn.ts, in a
 * thread that blocks, in one turn among this client's operations on the key.
 *
 * @module
 */
import type { KeyQueue, KeyQueues } from "../../client/key_queues.ts";
import { assert } from "../../core/assert.ts";
import { SyncCompletion } from "../../client/completions.ts";
import { type DinomoError, InvalidArgumentError } from "../../core/errors.ts";
import type { KeyEncoder } from "../../core/key_encoder.ts";
import {
  type Changed,
  isPromiseLike,
  storedValue,
  Update,
  type UpdatedStore,
  type UpdateOptions,
} from "../arguments/update_turn.ts";

/** One such update. */
export class SyncUpdate<V> extends Update<V> {
  readonly #change: (old: V | undefined) => Changed<V>;
  #value: V | undefined;
  #error: { readonly reason: unknown } | undefined;

  /** Makes an update that has not been made. */
  constructor(
    store: UpdatedStore<V>,
    change: (old: V | undefined) => Changed<V>,
    options: UpdateOptions,
  ) {
    super(store, options);
    this.#change = change;
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
    for (;;) {
      queue.isSelfChanged = false;
      const read = this.store.beginRead(queue.key, () => {});
      while (!read.isSettled) read.block();
      const entry = read.take();
      const changed = this.#call(entry?.value);
      if (this.isKept(entry, changed)) return entry?.value;
      const completion = new SyncCompletion();
      this.beginChange(entry, changed, completion);
      this.store.waitFor(completion);
      if (this.hasChanged(completion)) return storedValue(changed);
    }
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
