/**
 * The sockets of a store that is open: for other processes that use it, and for those that look at
 * it.
 *
 * @module
 */
import type { Key } from "../core/key_encoder.ts";
import type { LiveServer } from "../live/live_server.ts";
import type { CodecName } from "../persistence/checkpoint_layout.ts";
import type { PoolLock } from "../persistence/pool_lock.ts";
import type { ReadyHost } from "../remote/successor.ts";
import type { ResolvedOptions } from "./options/resolved_options.ts";
import type { StoreHandle } from "./parts/handle.ts";
import { controlsOf, type Store } from "./store.ts";

export type { ReadyHost };

/** The thread for other processes. */
export interface Gateway {
  close(): Promise<void>;
}

/**
 * Checks what can be known about a store's socket before anything is done.
 *
 * @throws {PathError} when Deno may not listen where it will be
 */
export async function assertMayListenAt(path: string, use: "INSPECTED" | "GATEWAY"): Promise<void> {
  const { resolve } = await import("node:path");
  const places = await import("../persistence/socket_place.ts");
  places.assertMayListen(resolve(path), places[use]);
}

/**
 * Lets other processes use a store.
 *
 * @throws {PathError} when it cannot be; the store is closed then
 * @throws {NodeFailedError} when the thread for it cannot be started; the same
 */
export async function admit<V, K extends Key>(
  store: Store<V, K>,
  resolved: ResolvedOptions<V>,
  lock: PoolLock,
  idle: ReadyHost["gateway"] | undefined,
): Promise<Gateway> {
  try {
    const { GatewayThread } = await import("../remote/gateway_thread.ts");
    const { sharedOptionsOf } = await import("../remote/shared_options.ts");
    return await GatewayThread.start(
      resolved.workers.gateway,
      {
        handle: store.share() as StoreHandle,
        directory: lock.held,
        shared: sharedOptionsOf(resolved),
      },
      {
        stats: () => store.stats(),
        readPicture: controlsOf(store).readPicture,
        flush: () => store.flush(),
        scale: (nodes, options) => store.scale(nodes, options),
        snapshot: (options) => store.snapshot(options),
        backup: (path, options) => store.backup(path, options),
        compact: () => store.compact(),
        grow: (capacityBytes) => store.grow(capacityBytes),
        addEventListener: (type, listener) => store.addEventListener(type, listener),
        removeEventListener: (type, listener) => store.removeEventListener(type, listener),
      },
      idle,
    );
  } catch (error) {
    await store.close();
    throw error;
  }
}

/**
 * Lets other processes look at a store.
 *
 * @throws {PathError} when it cannot be; the store is closed then
 */
export async function serve<V, K extends Key>(
  store: Store<V, K>,
  isWritable: boolean,
  lock: PoolLock,
  codec: CodecName,
): Promise<LiveServer> {
  try {
    const { serveLive } = await import("../live/live_server.ts");
    const keys = controlsOf(store).keyTypes()!;
    return await serveLive(lock.held, {
      path: lock.held.path,
      keys,
      codec,
      isWritable,
      useStore: () => Promise.resolve(store),
      readStats: () => store.readStats(),
    });
  } catch (error) {
    await store.close();
    throw error;
  }
}
