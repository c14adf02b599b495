/**
 * Stores that are found again by code that is loaded again: `bun --hot`, vite and the like evaluate
 * an application's modules anew, in the same thread, and nobody closes what they had opened before.
 *
 * The stores are in a map on `globalThis`, by their paths: it is the same for every copy of the
 * library that the thread loads, one after the other. So what is in it is used by copies of which
 * it is not an instance, and only by what {@linkcode ReusedStore} says.
 *
 * A store is closed for all that have found it. Counting them would not help: what was loaded
 * before is never told that it is not used any more.
 *
 * @module
 */
import { InvalidOptionError } from "../../core/errors.ts";
import { OwnWorker } from "../../platform/worker_loader.ts";
import type { ResolvedOptions } from "../options/resolved_options.ts";
import { codecName } from "./client_parts.ts";

/** Changes with {@linkcode ReusedStore}. */
const STORES = Symbol.for("dinomo: reused stores, 1");

/** How a store was opened: by option, what it has or what stands for that. */
export type OpenedWith = Readonly<Record<string, string>>;

/** A store that was opened to be found again. */
interface ReusedStore<S> {
  readonly openedWith: OpenedWith;
  readonly opened: Promise<S>;
  /** Whether it can be used: it has neither failed nor been closed. */
  isOpen(store: S): boolean;
  /** Resolves when it is closed; closes one that has failed. */
  close(store: S): Promise<void>;
}

/** How stores are opened by this copy of the library. */
export interface StoreOpener<S> {
  open(): Promise<S>;
  isOpen(store: S): boolean;
  close(store: S): Promise<void>;
}

/**
 * Finds the store at a path that was opened before, or opens it.
 *
 * @param path absolute
 * @throws {InvalidOptionError} when it was opened with other options
 */
export async function findOrOpen<S>(
  path: string,
  openedWith: OpenedWith,
  opener: StoreOpener<S>,
): Promise<S> {
  const stores = storesOf<S>();
  for (let found = stores.get(path); found !== undefined; found = stores.get(path)) {
    const other = optionUnlike(openedWith, found.openedWith);
    const store = await found.opened.catch((error) => {
      // With other options the opening may not fail.
      if (other === undefined) throw error;
    });
    if (store !== undefined && found.isOpen(store)) {
      if (other === undefined) return store;
      throw unlike(other, openedWith, found.openedWith, path);
    }
    // Its lock is free when it is closed. What fails then, the next opening tells.
    if (store !== undefined) await found.close(store).catch(() => {});
    if (stores.get(path) === found) stores.delete(path);
  }
  const { isOpen, close } = opener;
  const opened = opener.open();
  stores.set(path, { openedWith, opened, isOpen, close });
  try {
    return await opened;
  } catch (error) {
    stores.delete(path);
    throw error;
  }
}

/** The options that one store has and another one must have, too, to be the same. */
export function openedWithOf<V>(resolved: ResolvedOptions<V>): OpenedWith {
  const {
    path: _path,
    reuse: _reuse,
    // Told while the first one is opened.
    onProgress: _onProgress,
    standby: _standby,
    // Made of others, or the machine's.
    startsLazily: _startsLazily,
    processorCount: _processorCount,
    codec,
    workers,
    capacityBytes: capacity,
    capacityBytesMax: capacityMax,
    evictedEntriesMax: whenFull,
    spinMicros: spin,
    cacheBytes: cache,
    far: placement,
    ...others
  } = resolved;
  const named = { ...others, capacity, capacityMax, whenFull, spin, cache, placement };
  const values = Object.entries(named).map(([name, value]) => [name, JSON.stringify(value)]);
  return {
    ...Object.fromEntries(values.map(([name, text]) => [name, text ?? "not given"])),
    // The functions of one of the application's own are others, each time that it is loaded.
    codec: codecName(codec),
    workers: Object.values(workers).map((code) => code instanceof OwnWorker ? "own" : String(code))
      .join(),
  };
}

function storesOf<S>(): Map<string, ReusedStore<S>> {
  const place = globalThis as { [STORES]?: Map<string, ReusedStore<S>> };
  return place[STORES] ??= new Map();
}

/** Name of an option that is not what a store has; undefined if all of them are. */
function optionUnlike(wanted: OpenedWith, has: OpenedWith): string | undefined {
  return Object.keys({ ...has, ...wanted }).find((name) => wanted[name] !== has[name]);
}

function unlike(
  name: string,
  wanted: OpenedWith,
  has: OpenedWith,
  path: string,
): InvalidOptionError {
  return new InvalidOptionError(
    `${name} must be what the open store at ${JSON.stringify(path)} was opened with ` +
      `(${has[name]}), as reuse is given, got ${wanted[name]}: close the store first`,
  );
}
