/**
 * Where an adapter keeps its entries: a store that it is given, which stays its owner's, or one
 * that it opens when it is first used, and closes.
 *
 * @module
 */
import { describe, InvalidArgumentError, StoreClosedError } from "../core/errors.ts";
import type { Key } from "../core/key_encoder.ts";
import type { KeyTypes } from "../core/key_types.ts";
import { open } from "../store/open.ts";
import type { StoreOperations } from "../store/operations/store_operations.ts";
import type { OpenOptions } from "../store/options/options.ts";
import type { Store } from "../store/store.ts";

/** A store or a namespace of one, whatever its keys and values are. */
export interface AnyStore {
  /** See `ReadOperations.getEntry`. */
  getEntry(key: never): Promise<unknown>;
}

/** A store or a namespace of one, in any thread; or the options of `open`. */
// deno-lint-ignore no-explicit-any
export type StoreOrOptions = AnyStore | OpenOptions<any, KeyTypes>;

/** The store of one adapter. */
export class StoreSource<V, K extends Key = string> {
  readonly #adapter: string;
  readonly #options: OpenOptions<V, KeyTypes> | undefined;
  #store: StoreOperations<V, K> | undefined;
  #opening: Promise<Store<V, K>> | undefined;
  #isClosed = false;

  /**
   * Takes a store, or options.
   *
   * @param adapter the name of the adapter, for messages
   * @param needed options without which the adapter would not work; they are added to those given
   * @throws {InvalidArgumentError} when it is neither, or an option is not what the adapter needs
   */
  constructor(
    adapter: string,
    source: StoreOrOptions,
    needed: OpenOptions<V, KeyTypes> = {},
  ) {
    this.#adapter = adapter;
    if (typeof source !== "object" || source === null) {
      throw new InvalidArgumentError(
        `${adapter} must be given a store or the options of open, got ${describe(source)}`,
      );
    }
    if (isStore(source)) this.#store = source as StoreOperations<V, K>;
    else this.#options = { ...source, ...needed };
    if (this.#options === undefined) return;
    for (const [name, value] of Object.entries(needed)) {
      const given = (source as Record<string, unknown>)[name];
      if (given === undefined || given === value) continue;
      throw new InvalidArgumentError(
        `${name} must be ${describe(value)} or left out for ${adapter}, got ${describe(given)}`,
      );
    }
  }

  /** The store, if it is there; otherwise `open` has it. */
  get current(): StoreOperations<V, K> | undefined {
    return this.#store;
  }

  /** Whether the adapter has been closed. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * The store, which is opened if it is not open yet.
   *
   * @throws {StoreClosedError} when the adapter has been closed
   */
  async open(): Promise<StoreOperations<V, K>> {
    if (this.#store !== undefined) return this.#store;
    if (this.#isClosed) throw this.#closedError();
    // What could not be opened is tried again with the next operation.
    this.#opening ??= (open(this.#options as OpenOptions<V>) as Promise<unknown>)
      .catch((error) => {
        this.#opening = undefined;
        throw error;
      }) as Promise<Store<V, K>>;
    const store = await this.#opening;
    if (this.#isClosed) throw this.#closedError();
    return this.#store = store;
  }

  /** Ends the adapter's part: closes a store of its own, and lets go of one that it was given. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#store = undefined;
    // One that could not be opened has told the operation that needed it.
    const store = await this.#opening?.catch(() => undefined);
    await store?.close();
  }

  #closedError(): StoreClosedError {
    return new StoreClosedError(`${this.#adapter} must not be used after it was closed`);
  }
}

function isStore(source: object): boolean {
  return typeof (source as { getEntry?: unknown }).getEntry === "function";
}
