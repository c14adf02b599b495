/**
 * An atomic commit, as an application puts it together.
 *
 * @module
 */
import type { Key } from "../../core/key_encoder.ts";
import type {
  Commit,
  CommitIncrementOptions,
  CommitOptions,
  EntryLifetime,
} from "../arguments/commit_options.ts";
import type { CommitDraft, CommitWrites } from "./commit_writes.ts";

/**
 * Checks and changes of several keys that are made together or not at all: see `Store.atomic`. Each
 * key is checked once at most, and changed once at most. Values are encoded in the calls; nothing
 * happens before {@linkcode AtomicCommit.commit}, after which it is used up.
 *
 * @typeParam V the type of the values
 * @typeParam K the type of the keys
 */
export class AtomicCommit<V, K extends Key = string> {
  readonly #writes: CommitWrites<V>;
  readonly #draft: CommitDraft;

  /** Used by the store only. */
  constructor(writes: CommitWrites<V>) {
    this.#writes = writes;
    this.#draft = writes.begin("atomic");
  }

  /**
   * Has the commit made only if a key has not changed since it was read.
   *
   * @param version the version that `getEntry` returned, or null: only if the key does not exist
   * @throws {CommitTooLargeError} when the commit has 1,024 other keys
   */
  check(key: K, version: number | null): this {
    this.#writes.check(this.#draft, key, version);
    return this;
  }

  /**
   * Stores a value. Without `ttl` or `expiresAt` the key does not expire.
   *
   * @throws {CommitTooLargeError} when the commit has 1,024 other keys
   */
  put(key: K, value: V, options?: EntryLifetime): this {
    this.#writes.put(this.#draft, key, value, options);
    return this;
  }

  /**
   * Deletes a key, if it exists.
   *
   * @throws {CommitTooLargeError} when the commit has 1,024 other keys
   */
  delete(key: K): this {
    this.#writes.delete(this.#draft, key);
    return this;
  }

  /**
   * Adds to a number, as `Store.increment` does. If the sum is not within `min` and `max`, the
   * commit is refused, as by a check.
   *
   * @param by what to add, a finite number; 1 if left out
   * @throws {CommitTooLargeError} when the commit has 1,024 other keys
   */
  increment(key: K, by?: number, options?: CommitIncrementOptions): this {
    this.#writes.increment(this.#draft, key, by, options);
    return this;
  }

  /**
   * Makes the commit. It is issued in the call, like any operation: what this thread has issued
   * before for its keys applies before it, and what it issues later, later.
   *
   * @returns the versions of the keys, or null if a check did not hold; nothing has changed then
   * @throws {CommitTooLargeError} when it would not fit a segment; nothing has changed
   * @throws {PoolFullError} when there is no room for all of it; nothing has changed
   * @throws {NotANumberError} when it is to increment what is no number; nothing has changed
   * @throws {UnavailableError} when a KN has failed that holds what the commit needs
   * @throws {DurabilityError} when it could not be made durable
   */
  commit(options?: CommitOptions): Promise<Commit | null> {
    return this.#writes.commit(this.#draft, options);
  }
}
