/**
 * What the watches of one thread are told by: `WatchHub` where the pool is in this process.
 *
 * @module
 */
import type { TakenChange } from "./change_ring.ts";

/** A watch, as its source sees it. */
export interface HubWatch {
  /** The parts of its keys, each once. */
  readonly parts: Iterable<number>;
  /** What the keys begin with that it watches beside those. */
  readonly prefix?: Uint8Array;
  /** Something in a part may have changed. */
  note(part: number): void;
  /** A key with its prefix has changed. */
  noteChange(change: TakenChange): void;
  /** Changes of keys with its prefix may be missing. */
  noteLost(): void;
  /** Ends the watch because the store cannot go on. */
  fail(error: unknown): void;
  /** Whether its consumer waits, and has nothing to take. */
  readonly isWaiting: boolean;
}

/** Tells the watches of one thread. */
export interface WatchSource {
  /**
   * Whether a watch of a prefix has begun when it was added. Otherwise it is told when it has, by
   * `noteLost`.
   */
  readonly beginsAtOnce: boolean;
  /**
   * Begins a watch. What it reads for the first time it reads after this.
   *
   * @throws {TooManyWatchersError} when there are as many as may be
   */
  add(watch: HubWatch): void;
  /** Ends a watch, if it was begun. */
  remove(watch: HubWatch): void;
  /** Tells watches what has changed. Throws when the store cannot be used any more. */
  look(): void;
  /** Waits for a watch whose consumer has begun to wait. */
  wait(): void;
  /** Ends all watches, of a store that cannot be used any more. */
  end(): void;
  /**
   * Lets go of everything that leads to the pool: an application may keep a watch that has ended.
   */
  letGo(): void;
}
