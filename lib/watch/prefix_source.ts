/**
 * The prefixes that other processes watch, by the few that one thread can watch: all who watch the
 * same share one, and when there are many prefixes those that come later share that of all keys,
 * and are told what begins with theirs.
 *
 * @module
 */
import { WATCHED_PREFIXES_MAX } from "../core/limits.ts";
import type { HubWatch, WatchSource } from "./watch_source.ts";
import type { TakenChange } from "./change_ring.ts";
import { startsWith } from "./prefixes.ts";

/** A watch of keys with a prefix. */
export interface PrefixWatch {
  readonly prefix: Uint8Array;
  noteChange(change: TakenChange): void;
  noteLost(): void;
  fail(error: unknown): void;
}

const ALL_KEYS = new Uint8Array(0);

/** The watches that share a prefix. */
class SharedPrefix implements HubWatch {
  readonly parts: readonly number[] = [];
  readonly isWaiting = true;
  readonly prefix: Uint8Array;
  readonly watches = new Set<PrefixWatch>();

  constructor(prefix: Uint8Array) {
    this.prefix = prefix;
  }

  note(): void {}

  noteChange(change: TakenChange): void {
    for (const watch of this.watches) {
      if (startsWith(change.bytes, watch.prefix)) watch.noteChange(change);
    }
  }

  noteLost(): void {
    for (const watch of this.watches) watch.noteLost();
  }

  fail(error: unknown): void {
    for (const watch of this.watches) watch.fail(error);
  }
}

/** Tells watches of the changes of keys with their prefixes. */
export class PrefixSource {
  readonly #source: WatchSource;
  readonly #shared = new Map<string, SharedPrefix>();
  readonly #byWatch = new Map<PrefixWatch, SharedPrefix>();

  /** Is told by the source of its thread, which has no other watches of prefixes. */
  constructor(source: WatchSource) {
    this.#source = source;
  }

  /**
   * Begins a watch.
   *
   * @throws {TooManyWatchersError} when the thread cannot watch at all
   */
  add(watch: PrefixWatch): void {
    const shared = this.#find(watch.prefix);
    shared.watches.add(watch);
    this.#byWatch.set(watch, shared);
  }

  /** Ends a watch. */
  remove(watch: PrefixWatch): void {
    const shared = this.#byWatch.get(watch);
    if (shared === undefined) return;
    this.#byWatch.delete(watch);
    shared.watches.delete(watch);
    if (shared.watches.size > 0) return;
    this.#shared.delete(nameOf(shared.prefix));
    this.#source.remove(shared);
  }

  #find(wanted: Uint8Array): SharedPrefix {
    const own = this.#shared.get(nameOf(wanted));
    if (own !== undefined) return own;
    // One place is left for all keys.
    const isLast = this.#shared.size >= WATCHED_PREFIXES_MAX - 1;
    const prefix = isLast ? ALL_KEYS : wanted;
    const found = this.#shared.get(nameOf(prefix));
    if (found !== undefined) return found;
    const shared = new SharedPrefix(prefix);
    this.#source.add(shared);
    this.#source.wait();
    this.#shared.set(nameOf(prefix), shared);
    return shared;
  }
}

function nameOf(prefix: Uint8Array): string {
  return String(prefix);
}
