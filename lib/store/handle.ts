/**
 * What another thread needs to use a store.
 *
 * @module
 */
import { describe, InvalidArgumentError, StoreClosedError } from "../core/errors.ts";
import type { Monitor } from "../mnode/monitor.ts";
import type { CodecName } from "../persistence/checkpoint_layout.ts";
import type { LogPlace } from "../persistence/checkpointer.ts";
import type { Pool, PoolHandle } from "../pool/pool.ts";
import { StoreState, storeState } from "../routing/client_registry.ts";
import type { RingRegion } from "../rings/ring_region.ts";

/** Changes whenever threads with different versions of the library could not understand each other. */
const HANDLE_VERSION = 1;

/**
 * A store, to be sent to another thread of the process by `postMessage` or `workerData`, and given to `attach` there. It is plain data
 * and shared memory, with nothing in it for an application to look at.
 */
export interface StoreHandle {
  /** Tells handles from other objects, and versions from each other. */
  readonly dinomo: number;
  /** The pool's buffers. */
  readonly pool: PoolHandle;
  /** The rings of the threads that attach. */
  readonly region: RingRegion;
  /** The codec, which a custom one has to be given to `attach` again. */
  readonly codec: CodecName;
  /** Whether clients execute requests themselves, and how long they spin, in microseconds. */
  readonly help: boolean;
  /** See {@linkcode help}. */
  readonly spinMicros: number;
  /** Where writes are logged; undefined if they are not. */
  readonly log: LogPlace | undefined;
}

/** Makes a handle. */
export function makeHandle(parts: Omit<StoreHandle, "dinomo">): StoreHandle {
  return { dinomo: HANDLE_VERSION, ...parts };
}

/**
 * Checks what somebody says is a handle.
 *
 * @throws {InvalidArgumentError} when it is not, or is one of another version of the library
 */
export function checkHandle(value: unknown): StoreHandle {
  const handle = value as StoreHandle;
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
  return new StoreClosedError(
    storeState(pool) === StoreState.FAILED
      ? "the store has failed, and must be opened again in the thread that opened it"
      : "the store must be open, and was closed by the thread that opened it",
  );
}

/** Monitors of the stores that this thread has opened, by their pools. */
const monitors = new WeakMap<SharedArrayBuffer, Monitor>();

/** Remembers who looks after a store that this thread has opened. */
export function keepMonitor(handle: StoreHandle, monitor: Monitor): void {
  monitors.set(handle.pool.control, monitor);
}

/** Who looks after a store, if this is the thread that has opened it. */
export function localMonitor(handle: StoreHandle): Monitor | undefined {
  return monitors.get(handle.pool.control);
}
