/**
 * Values that are loaded when they are missing: once, however many callers in however many threads
 * want them at one time.
 *
 * Within a thread the callers share a *flight*: the first one begins it, the others wait for its
 * end. Between threads one flight of a key has the lease on loading it (routing/load_leases.ts);
 * the others look again every millisecond: for the value, and for the lease.
 *
 * **Why there is no second load** of a value that stays: a flight loads with the lease only, and
 * not before it has looked for the value once more. It gives the lease back when its own value has
 * been acknowledged, so the flight that has the lease next finds that.
 *
 * **Why the others are not held up**: the lease is given back however the load ends, and that of a
 * thread that has died is void. Where the lease is held for another key of the same class, a flight
 * loads without it after a second.
 *
 * @module
 */
import { epochMs, sleep } from "../../platform/runtime.ts";
import type { Key, KeyEncoder } from "../../core/key_encoder.ts";
import type { Leases } from "../../routing/load_leases.ts";
import { untilAborted } from "../arguments/abort.ts";
import { mustSyncOf, ownKey } from "../arguments/arguments.ts";
import type { Entry } from "../arguments/entry.ts";
import {
  type LoadContext,
  type LoadOptions,
  type LoadPlan,
  loadPlanOf,
} from "../arguments/load_options.ts";
import type { StoreLifetime } from "../parts/lifetime.ts";
import type { StoreReads } from "../reads/reads.ts";
import type { OperationParts } from "../parts/store_parts.ts";
import type { StoreWrites } from "./writes.ts";

/** Milliseconds between two looks of a flight that waits for another thread. */
const LOOK_MS = 1;
/** Looks after which the operating system is asked whether that thread still runs. */
const LOOKS_PER_QUESTION = 10;
/** Looks for which the load of another key is waited for. */
const FOREIGN_LOOKS_MAX = 1000;

/** One load of a key, for all callers of this thread. */
class Flight<V> {
  /** What the loader is told by that no caller waits for it any more. */
  readonly controller: AbortController = new AbortController();
  end!: Promise<V>;
  #waiting = 0;

  /** Waits for the end. A caller whose signal is aborted does not count as waiting any more. */
  wait(signal: AbortSignal | undefined): Promise<V> {
    this.#waiting += 1;
    if (signal === undefined) return this.end;
    const leave = () => {
      this.#waiting -= 1;
      if (this.#waiting === 0) this.controller.abort(signal.reason);
    };
    signal.addEventListener("abort", leave, { once: true });
    return this.end.finally(() => signal.removeEventListener("abort", leave));
  }
}

/** The loads of one thread. */
export class SingleFlight<V> {
  readonly #reads: StoreReads<V>;
  readonly #writes: StoreWrites<V>;
  readonly #leases: Leases;
  readonly #key: KeyEncoder;
  readonly #lifetime: StoreLifetime;
  /** The store's durability, one of `DurabilityLevel`. */
  readonly #level: number;
  /** By the bytes of the key, one character for each. */
  readonly #flights: Map<string, Flight<V>>;

  /** Loads with a store's parts. */
  constructor(
    parts: OperationParts<V>,
    reads: StoreReads<V>,
    writes: StoreWrites<V>,
    flights: Map<string, Flight<V>> = new Map(),
  ) {
    this.#flights = flights;
    this.#reads = reads;
    this.#writes = writes;
    this.#leases = parts.leases;
    this.#key = parts.key;
    this.#lifetime = parts.lifetime;
    this.#level = parts.pool.facts.level;
  }

  async getOrPut(
    key: Key,
    load: (key: Key, context: LoadContext) => V | Promise<V>,
    options: LoadOptions | undefined,
  ): Promise<V> {
    const plan = loadPlanOf(load, options);
    mustSyncOf(plan.putOptions, this.#level);
    const own = ownKey(key);
    return await untilAborted(plan.signal, () => this.#readOrLoad(own, plan));
  }

  /** The loads of a namespace with these parts: a key that both have is loaded once. */
  within(
    parts: OperationParts<V>,
    reads: StoreReads<V>,
    writes: StoreWrites<V>,
  ): SingleFlight<V> {
    return new SingleFlight(parts, reads, writes, this.#flights);
  }

  /** Lets go of everything that leads to the pool. */
  letGo(): void {
    this.#leases.letGo();
  }

  async #readOrLoad(key: Key, plan: LoadPlan<V>): Promise<V> {
    if (plan.staleMs === 0) {
      const value = await this.#reads.get(key);
      return value === undefined ? await this.#join(key, plan) : value;
    }
    const entry = await this.#reads.getEntry(key);
    if (entry === undefined) return await this.#join(key, plan);
    if (isStale(entry, plan) && !this.#lifetime.isReadOnly) this.#refresh(key, plan);
    return entry.value;
  }

  /** Waits for the flight of a key, or begins it. */
  async #join(key: Key, plan: LoadPlan<V>): Promise<V> {
    // The caller may have given up while the key was read.
    plan.signal?.throwIfAborted();
    // What cannot be stored is not loaded.
    this.#lifetime.assertWritable("getOrPut");
    const flight = this.#find(key);
    if (flight === undefined) return await this.#begin(key, plan, false).wait(plan.signal);
    const isGivenUp = flight.controller.signal.aborted;
    try {
      const value = await flight.wait(plan.signal);
      // A copy, as from any other read.
      return await this.#reads.get(key) ?? value;
    } catch (error) {
      // A load that was told to end before this caller came has not failed for it.
      if (!isGivenUp) throw error;
      return await this.#join(key, plan);
    }
  }

  /** Loads a key again whose value is still used, unless that is under way somewhere. */
  #refresh(key: Key, plan: LoadPlan<V>): void {
    if (this.#find(key) !== undefined || !this.#leases.take(this.#hashOf(key))) return;
    this.#begin(key, plan, true);
  }

  #begin(key: Key, plan: LoadPlan<V>, hasLease: boolean): Flight<V> {
    const name = this.#nameOf(key);
    const flight = new Flight<V>();
    this.#flights.set(name, flight);
    flight.end = this.#fly(key, plan, flight.controller.signal, hasLease)
      .finally(() => this.#flights.delete(name));
    // Its callers hear of a failure; there may be none.
    flight.end.catch(() => {});
    return flight;
  }

  async #fly(
    key: Key,
    plan: LoadPlan<V>,
    signal: AbortSignal,
    hasLease: boolean,
  ): Promise<V> {
    const hash = this.#hashOf(key);
    let isLeased = hasLease;
    for (let looks = 0, foreignLooks = 0; !isLeased; looks++) {
      isLeased = this.#leases.take(hash, looks % LOOKS_PER_QUESTION === 0);
      if (isLeased) break;
      if (this.#leases.isOfOtherKey(hash) && ++foreignLooks > FOREIGN_LOOKS_MAX) break;
      await sleep(LOOK_MS);
      signal.throwIfAborted();
      const entry = await this.#reads.getEntry(key);
      if (entry !== undefined && !isStale(entry, plan)) return entry.value;
    }
    try {
      const entry = await this.#reads.getEntry(key);
      if (entry !== undefined && !isStale(entry, plan)) return entry.value;
      signal.throwIfAborted();
      const value = await plan.load(key, { signal });
      await this.#writes.put(key, value, plan.putOptions);
      return value;
    } finally {
      if (isLeased) this.#leases.give(hash);
    }
  }

  #find(key: Key): Flight<V> | undefined {
    return this.#flights.get(this.#nameOf(key));
  }

  #nameOf(key: Key): string {
    this.#key.encode(key);
    let name = "";
    for (const byte of this.#key.bytes) name += String.fromCharCode(byte);
    return name;
  }

  #hashOf(key: Key): number {
    return this.#key.encode(key);
  }
}

/** Whether a value is to be loaded again, although it is still there. */
function isStale<V>({ expiresAt }: Entry<V>, { staleMs }: LoadPlan<V>): boolean {
  return staleMs > 0 && expiresAt !== undefined && expiresAt - staleMs <= epochMs();
}
