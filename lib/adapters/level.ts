/**
 * A database of the Level family (`abstract-level` 3) on an ordered store of Dinomo.
 *
 * Keys and values are bytes, from and to which `abstract-level` encodes. A batch is an atomic
 * commit. There are no snapshots: an iterator gives each entry as it is when the iterator comes to
 * it, and the manifest says so.
 *
 * The package `abstract-level` has to be installed beside this one.
 *
 * @example
 * ```ts
 * import { DinomoLevel } from "dinomo/level";
 *
 * const db = new DinomoLevel({ capacity: "64MiB" });
 * await db.batch([
 *   { type: "put", key: "a", value: "1" },
 *   { type: "put", key: "b", value: "2" },
 * ]);
 * for await (const [key, value] of db.iterator({ gt: "a" })) console.log(key, value); // b 2
 * await db.close();
 * ```
 *
 * @module
 */
import { AbstractIterator, AbstractLevel } from "abstract-level";
import { Buffer } from "node:buffer";
import { describe, InvalidArgumentError } from "../core/errors.ts";
import { joinBytes, toBytes } from "../store/arguments/prefixed_keys.ts";
import type { StoreOperations } from "../store/operations/store_operations.ts";
import { natureOf } from "../store/store_nature.ts";
import { type StoreOrOptions, StoreSource } from "./store_source.ts";

export type { AnyStore, StoreOrOptions } from "./store_source.ts";

/** What a store has to be to hold a Level database. */
const NEEDED = { ordered: true, keys: "bytes", codec: "binary" } as const;
/** What a database's keys begin with unless it is said. */
const PREFIX = "level:";

type ByteStore = StoreOperations<Uint8Array, Uint8Array>;

/** Options of a database, beside those that `abstract-level` has. */
export interface DinomoLevelOptions {
  /** What the keys of the database begin with in the store. @default "level:" */
  prefix?: string | Uint8Array | undefined;
  /** As in `abstract-level`. @default "utf8" */
  keyEncoding?: string | undefined;
  /** As in `abstract-level`. @default "utf8" */
  valueEncoding?: string | undefined;
}

/**
 * A range as `abstract-level` passes it on: its keys are encoded, and behind those of sublevels.
 */
export interface LevelRange {
  /** Only keys that come after it. */
  readonly gt?: Uint8Array;
  /** Only this key and those that come after it. */
  readonly gte?: Uint8Array;
  /** Only keys that come before it. */
  readonly lt?: Uint8Array;
  /** Only this key and those that come before it. */
  readonly lte?: Uint8Array;
  /** Whether to begin with the last one. */
  readonly reverse?: boolean;
  /** How many at most; -1 for all. */
  readonly limit?: number;
  /** Whether an iterator is to give keys. */
  readonly keys?: boolean;
  /** Whether an iterator is to give values. */
  readonly values?: boolean;
}

/** An operation of a batch, as `abstract-level` passes it on. */
export type LevelOperation =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "del"; readonly key: Uint8Array };

/**
 * A Level database.
 *
 * @typeParam K the type of the keys, as the key encoding takes them
 * @typeParam V the type of the values, as the value encoding takes them
 */
export class DinomoLevel<K = string, V = string> extends AbstractLevel<Uint8Array, K, V> {
  readonly #given: StoreOrOptions;
  readonly #prefix: Uint8Array;
  #source: StoreSource<Uint8Array, Uint8Array>;

  /**
   * Makes a database, which opens by itself.
   *
   * @param source a store or a namespace of one, which `close` leaves open: opened with
   *   `{ ordered: true, keys: "bytes", codec: "binary" }`; or options of `open`, to which these are
   *   added, for a store that is opened and closed with the database
   * @throws {InvalidArgumentError} when it is neither, or an option is not what it must be
   */
  constructor(source: StoreOrOptions, options: DinomoLevelOptions = {}) {
    const { prefix = PREFIX, ...others } = options;
    super({
      encodings: { view: true },
      has: true,
      getSync: true,
      seek: true,
      implicitSnapshots: false,
      explicitSnapshots: false,
      permanence: isPermanent(source),
      // The types of abstract-level 3 know neither `getSync` nor the two kinds of snapshots.
    } as Record<string, unknown>, others as Record<string, never>);
    this.#prefix = prefixOf(prefix);
    this.#given = source;
    this.#source = new StoreSource("DinomoLevel", source, NEEDED);
  }

  /** Used by `abstract-level`. */
  protected async _open(): Promise<void> {
    if (this.#source.isClosed) {
      this.#source = new StoreSource("DinomoLevel", this.#given, NEEDED);
    }
    const store = await this.#source.open();
    // A store without an order, or without keys of bytes, is refused here, and not in the middle.
    await store.first({ prefix: this.#prefix });
    await store.has(this.#prefix);
  }

  /** Used by `abstract-level`. */
  protected _close(): Promise<void> {
    return this.#source.close();
  }

  /** Used by `abstract-level`. */
  protected async _get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return await this.#store.get(this.#stored(key));
  }

  /** Used by `abstract-level`. */
  protected _getSync(key: Uint8Array): Uint8Array | undefined {
    return this.#store.getSync(this.#stored(key));
  }

  /** Used by `abstract-level`. */
  protected async _getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return await this.#store.getMany(keys.map((key) => this.#stored(key)));
  }

  /** Used by `abstract-level`. */
  protected async _has(key: Uint8Array): Promise<boolean> {
    return await this.#store.has(this.#stored(key));
  }

  /** Used by `abstract-level`. */
  protected async _hasMany(keys: readonly Uint8Array[]): Promise<boolean[]> {
    return await this.#store.hasMany(keys.map((key) => this.#stored(key)));
  }

  /** Used by `abstract-level`. */
  protected async _put(key: Uint8Array, value: Uint8Array): Promise<void> {
    await this.#store.put(this.#stored(key), value);
  }

  /** Used by `abstract-level`. */
  protected async _del(key: Uint8Array): Promise<void> {
    await this.#store.delete(this.#stored(key));
  }

  /** Used by `abstract-level`. */
  protected async _batch(operations: readonly LevelOperation[]): Promise<void> {
    // A commit changes a key once, and of a batch that does so more often the last one counts.
    const last = new Map<string, LevelOperation>();
    for (const operation of operations) last.set(latin1Of(operation.key), operation);
    const commit = this.#store.atomic();
    for (const operation of last.values()) {
      const key = this.#stored(operation.key);
      if (operation.type === "put") commit.put(key, operation.value);
      else commit.delete(key);
    }
    await commit.commit();
  }

  /** Used by `abstract-level`. */
  protected async _clear(range: LevelRange): Promise<void> {
    const { limit = -1, reverse = false } = range;
    if (limit === 0) return;
    const bounds = this.#bounds(range);
    await this.#store.clear({ ...bounds, reverse, limit: limit < 0 ? Infinity : limit });
  }

  /** Used by `abstract-level`. */
  protected _iterator(options: LevelRange): AbstractIterator<this, K, V> {
    return new LevelIterator(this, options, this.#store, this.#prefix.length, {
      ...this.#bounds(options),
      reverse: options.reverse === true,
    }, (key) => this.#stored(key));
  }

  get #store(): ByteStore {
    return this.#source.current!;
  }

  #stored(key: Uint8Array): Uint8Array {
    return joinBytes(this.#prefix, key);
  }

  #bounds({ gt, gte, lt, lte }: LevelRange): Bounds {
    const bounds: Bounds = { prefix: this.#prefix };
    if (gte !== undefined) bounds.gte = this.#stored(gte);
    else if (gt !== undefined) bounds.gt = this.#stored(gt);
    if (lte !== undefined) bounds.lte = this.#stored(lte);
    else if (lt !== undefined) bounds.lt = this.#stored(lt);
    return bounds;
  }
}

/** A range of the store. */
interface Bounds {
  prefix: Uint8Array;
  gt?: Uint8Array;
  gte?: Uint8Array;
  lt?: Uint8Array;
  lte?: Uint8Array;
}

type Range = Bounds & { reverse: boolean };
type StoredEntry = [Uint8Array, Uint8Array | undefined];

/** An iterator over entries; those over keys and values are made of it by `abstract-level`. */
class LevelIterator<Level extends AbstractLevel<Uint8Array, K, V>, K, V>
  extends AbstractIterator<Level, K, V> {
  readonly #store: ByteStore;
  readonly #prefixLength: number;
  readonly #range: Range;
  readonly #stored: (key: Uint8Array) => Uint8Array;
  readonly #withValues: boolean;
  #walk: AsyncIterator<StoredEntry> | undefined;
  #isBehindEnd = false;

  constructor(
    level: Level,
    options: LevelRange,
    store: ByteStore,
    prefixLength: number,
    range: Range,
    stored: (key: Uint8Array) => Uint8Array,
  ) {
    super(level, options as never);
    this.#store = store;
    this.#prefixLength = prefixLength;
    this.#range = range;
    this.#stored = stored;
    this.#withValues = options.values !== false;
  }

  protected async _next(): Promise<StoredEntry | undefined> {
    if (this.#isBehindEnd) return undefined;
    this.#walk ??= this.#begin(this.#range);
    const next = await this.#walk.next();
    if (next.done === true) return undefined;
    const [key, value] = next.value;
    return [key.subarray(this.#prefixLength), value];
  }

  protected _seek(target: Uint8Array): void {
    void this.#walk?.return?.();
    const key = this.#stored(target);
    const range = this.#range;
    this.#isBehindEnd = !isWithin(key, range);
    if (this.#isBehindEnd) return;
    const { prefix, gt, gte, lt, lte, reverse } = range;
    // Within the range, the target takes the place of the bound that the walk begins at.
    const end: Bounds = { prefix };
    if (reverse) {
      end.lte = key;
      if (gte !== undefined) end.gte = gte;
      if (gt !== undefined) end.gt = gt;
    } else {
      end.gte = key;
      if (lte !== undefined) end.lte = lte;
      if (lt !== undefined) end.lt = lt;
    }
    this.#walk = this.#begin({ ...end, reverse });
  }

  protected async _close(): Promise<void> {
    await this.#walk?.return?.();
  }

  #begin(range: Range): AsyncIterator<StoredEntry> {
    if (this.#withValues) return this.#store.entries(range);
    return keysAsEntries(this.#store.keys(range));
  }
}

async function* keysAsEntries(keys: AsyncIterable<Uint8Array>): AsyncGenerator<StoredEntry, void> {
  for await (const key of keys) yield [key, undefined];
}

/** Whether a key is within the bounds of a range. */
function isWithin(key: Uint8Array, { gt, gte, lt, lte }: Bounds): boolean {
  if (gte !== undefined && Buffer.compare(key, gte) < 0) return false;
  if (gt !== undefined && Buffer.compare(key, gt) <= 0) return false;
  if (lte !== undefined && Buffer.compare(key, lte) > 0) return false;
  return lt === undefined || Buffer.compare(key, lt) < 0;
}

/** Whether what is put is there after the process has ended. */
function isPermanent(source: StoreOrOptions): boolean {
  if (typeof source !== "object" || source === null) return false;
  const nature = natureOf(source);
  if (nature !== undefined) return nature.level !== "memory";
  return "path" in source && source.path !== undefined;
}

/** Bytes as a string with a character for each. */
function latin1Of({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
}

function prefixOf(prefix: unknown): Uint8Array {
  if ((typeof prefix === "string" || prefix instanceof Uint8Array) && prefix.length > 0) {
    return toBytes(prefix);
  }
  throw new InvalidArgumentError(
    `prefix must be a string or a Uint8Array that is not empty, got ${describe(prefix)}`,
  );
}
