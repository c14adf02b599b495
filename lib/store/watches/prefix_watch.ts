/**
 * A watch of the keys with a prefix: which of them have changed, and how.
 *
 * Changes are told through a ring of limited size, and wait here in a queue of limited length.
 * Where either is too short, or an agent has died that may not have told all, the consumer is told
 * to read the keys again. So is it in the beginning, when the watch has begun: from that item on
 * nothing is missing until the next one of its kind.
 *
 * @module
 */
import type { Key, KeyEncoder } from "../../core/key_encoder.ts";
import { WAITING_CHANGES_MAX } from "../../core/limits.ts";
import { loopTurn } from "../../platform/loop_turn.ts";
import type { TakenChange } from "../../watch/change_ring.ts";
import { Watch } from "./watch.ts";
import type { WatchSource } from "../../watch/watch_source.ts";
import type { WatchOptions } from "./watch_options.ts";

/** A change of a key with a watched prefix, or the word that changes may be missing. */
export type KeyChange<K extends Key = Key> =
  | {
    /** Whether the key has a new value, or is gone: deleted, cleared, expired or evicted. */
    readonly kind: "put" | "delete";
    readonly key: K;
    /** The version that the key has got, or had until it was gone. */
    readonly version: number;
  }
  | {
    /** What has changed before is not told, or not all of it: read the keys, if they matter. */
    readonly kind: "resync";
  };

/** Delivers the changes of keys with a prefix. */
export class PrefixWatch extends Watch<KeyChange> {
  readonly parts: readonly number[] = [];
  readonly prefix: Uint8Array;
  readonly #encoder: KeyEncoder;
  readonly #keyBytesMin: number;
  #queue: TakenChange[] = [];
  /** How many of the queue have been delivered. */
  #takenCount = 0;
  /** Whether the consumer is to be told that changes may be missing. */
  #isLost: boolean;

  /**
   * Makes a watch, which begins with the first call of `next`.
   *
   * @param encoder of the namespace that the keys are of
   * @param prefix that of the namespace included
   * @param keyBytesMin bytes of its shortest key
   */
  constructor(
    hub: WatchSource,
    encoder: KeyEncoder,
    prefix: Uint8Array,
    keyBytesMin: number,
    options: WatchOptions,
  ) {
    super(hub, options);
    this.#isLost = hub.beginsAtOnce;
    this.#encoder = encoder;
    this.prefix = prefix;
    this.#keyBytesMin = keyBytesMin;
  }

  note(): void {}

  noteChange(change: TakenChange): void {
    // The prefix alone is a key of the store, and none of the namespace.
    if (change.bytes.length < this.#keyBytesMin) return;
    if (this.#queue.length - this.#takenCount >= WAITING_CHANGES_MAX) return this.noteLost();
    this.#queue.push(change);
    this.resume();
  }

  noteLost(): void {
    // Who reads the keys again needs none of the changes before.
    this.#queue = [];
    this.#takenCount = 0;
    this.#isLost = true;
    this.resume();
  }

  protected override get hasNews(): boolean {
    return this.#isLost || this.#queue.length > 0;
  }

  protected override take(): Promise<KeyChange | undefined> | KeyChange | undefined {
    // Changes may come as fast as they are taken, and timers and sockets have to have their turn.
    return loopTurn.count(0) ? loopTurn.next().then(() => this.#take()) : this.#take();
  }

  #take(): KeyChange | undefined {
    if (this.#isLost) {
      this.#isLost = false;
      return { kind: "resync" };
    }
    const change = this.#queue[this.#takenCount];
    if (change === undefined) return undefined;
    this.#takenCount += 1;
    // It may never be empty, if changes come as fast as they are taken.
    if (this.#takenCount === this.#queue.length || this.#takenCount === WAITING_CHANGES_MAX) {
      this.#queue = this.#queue.slice(this.#takenCount);
      this.#takenCount = 0;
    }
    const kind = change.isDelete ? "delete" : "put";
    return { kind, key: this.#encoder.keyOf(change), version: change.version };
  }
}
