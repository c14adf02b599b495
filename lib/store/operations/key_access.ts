/**
 * What reads and changes the keys of a store, or of one of its namespaces.
 *
 * A namespace reads and writes like the store that it is a part of; all that differs is the encoder
 * that makes bytes of its keys, which puts the prefix in front.
 *
 * @module
 */
import { partsAt } from "../../codec/picked_parts.ts";
import { describe, InvalidArgumentError } from "../../core/errors.ts";
import { isBytes, type Key } from "../../core/key_encoder.ts";
import { KEY_TYPE_NUMBERS } from "../../core/key_types.ts";
import { KEY_BYTES_MAX } from "../../core/limits.ts";
import { assertKeysOptions, assertPaths } from "../arguments/arguments.ts";
import { isLimited } from "../arguments/key_range.ts";
import type { KeysOptions, RangeOptions } from "../arguments/method_options.ts";
import { joinKeys, PrefixedKeyEncoder, toBytes } from "../arguments/prefixed_keys.ts";
import { CommitWrites } from "../commits/commit_writes.ts";
import type { TransactionParts } from "../commits/transaction.ts";
import type { StoreLifetime } from "../parts/lifetime.ts";
import type { OperationParts } from "../parts/store_parts.ts";
import type { StoreReads } from "../reads/reads.ts";
import { KeyWatch } from "../watches/key_watch.ts";
import { PrefixWatch } from "../watches/prefix_watch.ts";
import {
  assertWatchOptions,
  watchedKeysOf,
  watchedPrefixOf,
  type WatchFilter,
  type WatchOptions,
} from "../watches/watch_options.ts";
import { DerivedWrites } from "../writes/derived_writes.ts";
import { SingleFlight } from "../writes/single_flight.ts";
import { SyncBatches } from "../writes/sync_batches.ts";
import { StoreWrites } from "../writes/writes.ts";

/** Keys that are deleted together when a namespace is cleared. */
const KEYS_PER_CLEAR = 1024;

/** What leads to a pool until its store ends. */
interface Bound {
  letGo(): void;
}

/**
 * The views of a store that the application still has: they end with the store. There may be many
 * in its life, such as a namespace for each user, so the store does not keep them.
 */
class Views {
  readonly #references = new Set<WeakRef<Bound>>();
  readonly #collected = new FinalizationRegistry<WeakRef<Bound>>((reference) => {
    this.#references.delete(reference);
  });

  add(view: Bound): void {
    const reference = new WeakRef(view);
    this.#references.add(reference);
    this.#collected.register(view, reference);
  }

  letGo(): void {
    const references = [...this.#references];
    // Each namespace lets go of all views in its turn.
    this.#references.clear();
    for (const reference of references) reference.deref()?.letGo();
  }
}

/** The operations on keys, by their kinds. */
export class KeyAccess<V> {
  readonly reads: StoreReads<V>;
  readonly writes: StoreWrites<V>;
  readonly derived: DerivedWrites;
  readonly syncBatches: SyncBatches<V>;
  readonly flights: SingleFlight<V>;
  readonly commits: CommitWrites<V>;
  /** What all keys begin with; undefined for those of the store itself. */
  readonly #prefix: Key | undefined;
  readonly #lifetime: StoreLifetime;
  #parts: OperationParts<V>;
  readonly #views: Views;

  /**
   * Operates with a store's parts, and what reads with them.
   *
   * @param outer what the namespace with the prefix is a part of
   */
  constructor(
    parts: OperationParts<V>,
    reads: StoreReads<V>,
    prefix?: Key,
    outer?: KeyAccess<V>,
  ) {
    this.#parts = parts;
    this.#lifetime = parts.lifetime;
    this.#prefix = prefix;
    this.#views = outer === undefined ? new Views() : outer.#views;
    this.reads = reads;
    this.writes = new StoreWrites(parts, reads);
    this.derived = new DerivedWrites(parts);
    this.syncBatches = new SyncBatches(parts, reads);
    this.commits = new CommitWrites(parts);
    this.flights = outer === undefined
      ? new SingleFlight(parts, reads, this.writes)
      : outer.flights.within(parts, reads, this.writes);
  }

  /**
   * The keys that begin with a prefix, behind it.
   *
   * @throws {InvalidArgumentError} when it cannot be the prefix of a key here
   */
  narrow(given: Key): KeyAccess<V> {
    this.#lifetime.assertOpen();
    const { hashKey, keyTypes } = this.#parts.pool.facts;
    assertPrefix(given, keyTypes);
    const prefix = this.#prefix === undefined ? given : joinKeys(this.#prefix, given);
    const bytes = toBytes(prefix);
    if (bytes.length >= KEY_BYTES_MAX) {
      throw new InvalidArgumentError(
        `prefix must leave a key at least one of its ${KEY_BYTES_MAX} bytes, got one of ${bytes.length} bytes`,
      );
    }
    const own = isBytes(prefix) ? bytes.slice() : prefix;
    const makeKey = () => new PrefixedKeyEncoder(...hashKey, keyTypes, own);
    const key = makeKey();
    const parts: OperationParts<V> = { ...this.#parts, key, makeKey, prefix: bytes.slice() };
    const access = new KeyAccess(parts, this.reads.within(parts), own, this);
    this.#views.add(access);
    return access;
  }

  /**
   * What reads parts of the values.
   *
   * @throws {InvalidArgumentError} when the paths are none, or values have no parts
   */
  pick(paths: readonly string[]): StoreReads<unknown> {
    this.#lifetime.assertOpen();
    const codec = this.#parts.codec.pick(partsAt(assertPaths(paths)));
    const reads = this.reads.within({ ...this.#parts, codec, cache: undefined });
    this.#views.add(reads);
    return reads;
  }

  /** Watches some keys, or those with a prefix. */
  watch(
    keys: Iterable<Key> | WatchFilter,
    options: WatchOptions = {},
  ): KeyWatch<V> | PrefixWatch {
    this.#lifetime.assertOpen();
    assertWatchOptions(options);
    const { watches, key, makeKey } = this.#parts;
    const own = this.#prefix === undefined ? new Uint8Array(0) : toBytes(this.#prefix);
    const prefix = watchedPrefixOf(keys, own);
    if (prefix === undefined) {
      return new KeyWatch(watches, this.reads, key, watchedKeysOf(keys as Iterable<Key>), options);
    }
    return new PrefixWatch(watches, makeKey(), prefix, own.length + 1, options);
  }

  /** What a transaction works with. */
  get transactionParts(): TransactionParts<V> {
    this.#lifetime.assertOpen();
    const { lifetime, makeKey } = this.#parts;
    const { reads, commits } = this;
    return { reads, key: makeKey(), lifetime, commits };
  }

  /** Deletes the keys of a range: all of a store slot by slot, if it can, others one by one. */
  async clear(options: KeysOptions | undefined): Promise<void> {
    this.#lifetime.assertWritable("clear");
    assertKeysOptions(options, false);
    if (this.#isWhole(options) && this.reads.clearsSlots) return await this.writes.clear();
    let keys: Key[] = [];
    for await (const key of this.reads.keys(options)) {
      if (keys.push(key) < KEYS_PER_CLEAR) continue;
      await this.writes.deleteMany(keys, options);
      keys = [];
    }
    await this.writes.deleteMany(keys, options);
  }

  /** Like {@linkcode clear}, before it returns. */
  clearSync(options: RangeOptions | undefined): void {
    this.#lifetime.assertWritable("clearSync");
    assertKeysOptions(options, true);
    if (this.#isWhole(options)) this.syncBatches.clear();
    else this.syncBatches.deleteMany([...this.reads.keysSync(options)]);
  }

  /** Whether a range is all of the store. */
  #isWhole(options: RangeOptions | undefined): boolean {
    return this.#prefix === undefined && !isLimited(options);
  }

  /** Lets go of everything that leads to the pool, in all views, too. */
  letGo(): void {
    this.#views.letGo();
    this.reads.letGo();
    this.writes.letGo();
    this.derived.letGo();
    this.syncBatches.letGo();
    this.commits.letGo();
    this.flights.letGo();
    this.#parts = undefined as never;
  }
}

function assertPrefix(prefix: unknown, types: number): void {
  const wantsBytes = types === KEY_TYPE_NUMBERS.bytes;
  const isRight = wantsBytes
    ? isBytes(prefix) && prefix.length > 0
    : typeof prefix === "string" && prefix !== "" && prefix.isWellFormed();
  if (isRight) return;
  const rule = wantsBytes ? "a Uint8Array of at least one byte" : "a well-formed, non-empty string";
  throw new InvalidArgumentError(`prefix must be ${rule}, got ${describe(prefix)}`);
}
