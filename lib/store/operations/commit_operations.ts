/**
 * What changes several keys of a store together.
 *
 * @module
 */
import type { Key } from "../../core/key_encoder.ts";
import { assertRun } from "../arguments/arguments.ts";
import type { CommitOptions } from "../arguments/commit_options.ts";
import { AtomicCommit } from "../commits/atomic_commit.ts";
import { runTransaction, type Transaction } from "../commits/transaction.ts";
import type { KeyAccess } from "./key_access.ts";
import { WatchOperations } from "./watch_operations.ts";

/**
 * The operations on several keys that are made together or not at all.
 *
 * @typeParam V the type of the values
 * @typeParam K the type of the keys
 */
export abstract class CommitOperations<V, K extends Key = string> extends WatchOperations<V, K> {
  readonly #access: KeyAccess<V>;

  /** Used by the store only. */
  constructor(access: KeyAccess<V>) {
    super(access);
    this.#access = access;
  }

  /**
   * Begins an atomic commit: checks and changes of several keys that are made together or not at
   * all. Every reader, in every thread, sees all of them or none, and so does the store after a
   * crash. Of 1,024 keys at most, which fit a segment with their values; for more bytes raise
   * `segmentBytes`. See [commits](./docs/commits.md).
   *
   * @throws {NearOnlyError} in the far placement
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   *
   * await using store = await open<number>({ capacity: "64MiB" });
   * await store.put("ann", 100);
   * const { value, version } = (await store.getEntry("ann"))!;
   * const commit = await store.atomic()
   *   .check("ann", version) // as it was read
   *   .check("bob", null) // does not exist
   *   .put("ann", value - 30)
   *   .put("bob", 30)
   *   .increment("transfers")
   *   .commit();
   * console.log(commit === null); // false
   * console.log(await store.getMany(["ann", "bob", "transfers"])); // [70, 30, 1]
   * ```
   */
  atomic(): AtomicCommit<V, K> {
    return new AtomicCommit<V, K>(this.#access.commits);
  }

  /**
   * Calls a function that reads and changes keys as if it were alone: all that it reads is of one
   * moment, and what it changes is changed then, or nothing is. If other clients have changed what
   * it has read, it is called again, so it should do nothing else; it is given up after 64 calls.
   * Keys and bytes are limited as in {@linkcode CommitOperations.atomic}.
   *
   * @param run gets the transaction, whose reads see its own changes; what it returns, or resolves
   *   to, is returned. If it throws nothing is changed
   * @throws {ConflictError} when it was called so often, or a sum would not be within the `min` and
   *   `max` of an increment; nothing has changed
   * @throws {NearOnlyError} in the far placement
   * @throws what `AtomicCommit.commit` throws
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   *
   * await using store = await open<number>({ capacity: "64MiB" });
   * await store.putMany([["ann", 100], ["bob", 0]]);
   * await store.transaction(async (tx) => {
   *   const [ann = 0, bob = 0] = await tx.getMany(["ann", "bob"]);
   *   if (ann < 30) throw new Error("not enough");
   *   tx.put("ann", ann - 30);
   *   tx.put("bob", bob + 30);
   * });
   * console.log(await store.getMany(["ann", "bob"], { consistent: true })); // [70, 30]
   * ```
   */
  async transaction<Result>(
    run: (transaction: Transaction<V, K>) => Result | Promise<Result>,
    options?: CommitOptions,
  ): Promise<Result> {
    assertRun(run);
    return await runTransaction(this.#access.transactionParts, run, options);
  }
}
