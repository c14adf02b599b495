/**
 * What another thread needs to use a store.
 *
 * @module
 */
import { describe, InvalidArgumentError, StoreClosedError } from "../../core/errors.ts";
import type { Key } from "../../core/key_encoder.ts";
import type { Monitor } from "../../mnode/monitor.ts";
import type { CodecName } from "../../persistence/checkpoint_layout.ts";
import type { LogPlace } from "../../persistence/checkpointer.ts";
import type { Pool, PoolHandle } from "../../pool/pool.ts";
import { StoreState, storeState } from "../../routing/client_registry.ts";
import type { RingRegion } from "../../rings/ring_region.ts";
import type { StatisticsRegion } from "../../statistics/statistics_region.ts";

/**
 * Changes whenever threads with different versions of the library could not understand each other.
 */
const HANDLE_VERSION = 2;

/** Where the types of a handle's store stand, which it does not hold. */
declare const TYPES: unique symbol;

/**
 * A store, to be sent to another thread of the process by `postMessage` or `workerData`, and given
 * to `attach` there. It is plain data and shared memory, with nothing in it for an application to
 * look at.
 *
 * @typeParam V the type of the store's values, which `attach` takes from it
 * @typeParam K the type of its keys
 */
export interface StoreHandle<V = unknown, K extends Key = string> {
  /** Tells handles from other objects, and versions from each other. */
  readonly dinomo: number;
  /**
   * Never there: so that a handle whose types are not known fits all.
   *
   * @ignore
   */
  [TYPES]?(value: V, key: K): void;
}

/** What is in a handle. */
export interface SharedParts {
  readonly dinomo: number;
  readonly pool: PoolHandle;
  /** The rings of the threads that attach. */
  readonly region: RingRegion;
  /** The codec; a custom one has to be given to `attach` again. */
  readonly codec: CodecName;
  /** Whether clients execute requests themselves. */
  readonly help: boolean;
  /** How long clients spin. */
  readonly spinMicros: number;
  /** Where writes are logged; undefined if they are not. */
  readonly log: LogPlace | undefined;
  /** Leases on loading, see routing/load_leases.ts. */
  readonly leases: SharedArrayBuffer;
  /** Where clients count, if there are statistics. */
  readonly statistics: StatisticsRegion | undefined;
}

/** Makes a handle. */
export function makeHandle(parts: Omit<SharedParts, "dinomo">): SharedParts {
  return { dinomo: HANDLE_VERSION, ...parts };
}

/**
 * Checks what a caller says is a handle.
 *
 * @throws {InvalidArgumentError} when it is not, or is one of another version of the library
 */
export function checkHandle(value: unknown): SharedParts {
  const handle = value as SharedParts;
  const isHandle = typeof value === "object" && value !== null &&
    typeof handle.dinomo === "number" && handle.pool?.control instanceof SharedArrayBuffer;
  if (!isHandle) {
    throw new InvalidArgumentError(
      `handle must be what share() has returned, got ${describe(value)}`,
    );
  }
  if (handle.dinomo !== HANDLE_VERSION) {
    throw new InvalidArgumentError(
      `handle must be of version ${HANDLE_VERSION}, got one of version ${handle.dinomo}: ` +
        "two versions of the library are loaded",
    );
  }
  return handle;
}

/** Why an attached store cannot be used. */
export function closedByHost(pool: Pool): StoreClosedError {
  const state = storeState(pool);
  if (state === StoreState.ORPHANED) {
    return new StoreClosedError(
      "the store must be open, and the thread that opened it has ended without closing it",
    );
  }
  return new StoreClosedError(
    state === StoreState.FAILED
      ? "the store has failed, and must be opened again in the thread that opened it"
      : "the store must be open, and was closed by the thread that opened it",
  );
}

/** Monitors of the stores that this thread has opened, by their pools. */
const monitors = new WeakMap<SharedArrayBuffer, Monitor>();

/** Remembers the monitor that looks after a store that this thread has opened. */
export function keepMonitor(handle: SharedParts, monitor: Monitor): void {
  monitors.set(handle.pool.control, monitor);
}

/** The monitor that looks after a store, if this is the thread that has opened it. */
export function localMonitor(handle: SharedParts): Monitor | undefined {
  return monitors.get(handle.pool.control);
}
