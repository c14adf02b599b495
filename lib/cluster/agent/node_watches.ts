/**
 * The watches that threads have at a node: they are told what it writes.
 *
 * @module
 */
import { TooManyWatchersError } from "../../core/errors.ts";
import { KeyEncoder } from "../../core/key_encoder.ts";
import { WATCHES_MAX } from "../../core/limits.ts";
import { partOf } from "../../pool/watch_layout.ts";
import type { HubWatch, WatchSource } from "../../watch/watch_source.ts";
import { startsWith } from "../../watch/prefixes.ts";
import type { LogRecord } from "../messages/log_codec.ts";
import { hashOf } from "../node/key_table.ts";

/** Tells the watches of one node. */
export class NodeWatches implements WatchSource {
  readonly beginsAtOnce = true;
  readonly #encoder: KeyEncoder;
  readonly #watches = new Set<HubWatch>();
  readonly #byPart = new Map<number, Set<HubWatch>>();
  readonly #prefixes = new Set<HubWatch>();

  /** Tells nobody yet. */
  constructor(hashKey: readonly [number, number]) {
    this.#encoder = new KeyEncoder(...hashKey);
  }

  add(watch: HubWatch): void {
    if (this.#watches.size >= WATCHES_MAX) {
      throw new TooManyWatchersError(
        `a node may have at most ${WATCHES_MAX} watches at one time, and has as many`,
      );
    }
    this.#watches.add(watch);
    if (watch.prefix !== undefined) this.#prefixes.add(watch);
    for (const part of watch.parts) {
      const watches = this.#byPart.get(part);
      if (watches === undefined) this.#byPart.set(part, new Set([watch]));
      else watches.add(watch);
    }
  }

  remove(watch: HubWatch): void {
    if (!this.#watches.delete(watch)) return;
    this.#prefixes.delete(watch);
    for (const part of watch.parts) {
      const watches = this.#byPart.get(part)!;
      watches.delete(watch);
      if (watches.size === 0) this.#byPart.delete(part);
    }
  }

  /** The node has written a record: it counts, and whoever reads finds it. */
  written({ key, value, version }: LogRecord): void {
    if (this.#byPart.size > 0) {
      const part = partOf(hashOf(this.#encoder, key));
      for (const watch of this.#byPart.get(part) ?? []) watch.note(part);
    }
    if (this.#prefixes.size === 0 || key.bytes.length === 0) return;
    const { isBinary } = key;
    // It may wait for long, and is a view of a message.
    const change = { bytes: key.bytes.slice(), isBinary, isDelete: value === undefined, version };
    for (const watch of this.#prefixes) {
      if (startsWith(key.bytes, watch.prefix!)) watch.noteChange(change);
    }
  }

  look(): void {}

  wait(): void {}

  end(): void {}

  letGo(): void {}
}
