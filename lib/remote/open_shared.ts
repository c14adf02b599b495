/**
 * Opens a store whose pool several processes use: in this one, or in the one that has it open.
 *
 * @module
 */
import { resolve } from "node:path";
import { MsgpackCodec } from "../codec/msgpack_codec.ts";
import type { Key } from "../core/key_encoder.ts";
import { type Hello, PROCESS_FORMAT } from "../gateway/handshake.ts";
import type { HostConnection } from "../gateway/host_connection.ts";
import { makeRemoteClient } from "../gateway/remote_client.ts";
import { assertMayListen, GATEWAY } from "../persistence/socket_place.ts";
import { OperationCounters } from "../pool/operation_counters.ts";
import type { Leases } from "../routing/load_leases.ts";
import { makeCodec } from "../store/opening/client_parts.ts";
import type { Standby } from "../store/opening/standby.ts";
import type { ResolvedOptions } from "../store/options/resolved_options.ts";
import { controlsOf, Store } from "../store/store.ts";
import { tellEvents } from "./calls/remote_events.ts";
import { findHost } from "./find_host.ts";
import { HostLink } from "./host_link.ts";
import { RemoteCalls } from "./remote_calls.ts";
import { RemoteMaintenance } from "./remote_maintenance.ts";
import { RemotePool } from "./remote_pool.ts";
import { RemoteStructures } from "./remote_structures.ts";
import { sharedOptionsOf } from "./shared_options.ts";
import { type ReadyHost, Successor } from "./successor.ts";

/** Loads in other processes are not waited for. */
const NO_LEASES: Leases = {
  take: () => true,
  give: () => {},
  isOfOtherKey: () => false,
  letGo: () => {},
};

/** A gateway answers sooner, or it waits for something else. */
const TURNS_MICROS_MAX = 100;

/** How long a store's thread has its event loop turn while it waits for an answer. */
function turnsMsOf<V>({ spinMicros, processorCount }: ResolvedOptions<V>): number {
  // The gateway needs a processor, too.
  return processorCount > 1 ? Math.min(spinMicros, TURNS_MICROS_MAX) / 1000 : 0;
}

/** How a store is opened whose pool is in this process. */
export interface HereOpening<V, K extends Key> {
  /** Opens it. @throws {PoolLockedError} when another process has it open */
  readonly openHere: () => Promise<Store<V, K>>;
  /**
   * Opens it when the process that had it open has ended, with the capacity that it has by then:
   * one that an application has given it is not taken back.
   *
   * @throws {PoolLockedError} when another process has it open
   */
  readonly takeOver: (ready: ReadyHost | undefined) => Promise<Store<V, K>>;
  /** Prepares what restores it ahead, to be taken over. */
  readonly prepareStandby: () => Promise<Standby>;
}

/**
 * Opens a store.
 *
 * @throws {PoolLockedError} when a process has it open that does not let others use it
 */
export async function openShared<V, K extends Key>(
  resolved: ResolvedOptions<V>,
  { openHere, takeOver, prepareStandby }: HereOpening<V, K>,
): Promise<Store<V, K>> {
  const directory = resolve(resolved.path!);
  assertMayListen(directory, GATEWAY);
  const hello: Hello = { ...sharedOptionsOf(resolved), format: PROCESS_FORMAT };
  const search = { directory, hello: () => hello };
  const found = await findHost({ ...search, open: openHere, isOpening: true });
  if (found.host !== undefined) return found.host;
  const successor = new Successor({
    open: async (ready) => {
      const host = await takeOver(ready);
      return { isOpen: () => controlsOf(host).isOpen(), close: () => host.close() };
    },
    prepare: async () => {
      const { IdleGateway } = await import("./gateway_thread.ts");
      const standby = await prepareStandby();
      return { standby, gateway: new IdleGateway(resolved.workers.gateway) };
    },
  }, resolved.standby);
  return await openRemote(resolved, found.connection, { directory, hello, successor });
}

async function openRemote<V, K extends Key>(
  resolved: ResolvedOptions<V>,
  connection: HostConnection,
  { directory, hello, successor }: {
    readonly directory: string;
    readonly hello: Hello;
    readonly successor: Successor;
  },
): Promise<Store<V, K>> {
  const { welcome } = connection;
  const { segmentBytes, hashKey, ordered } = welcome;
  const client = makeRemoteClient({ segmentBytes }, turnsMsOf(resolved));
  const calls = new RemoteCalls();
  const updateCodec = () => {
    if (codec instanceof MsgpackCodec) codec.updateStructures();
  };
  let structures: RemoteStructures | undefined;
  const codec = makeCodec(resolved.codec, () => {
    return structures = new RemoteStructures(client, hashKey, updateCodec);
  });
  const ask = () => ({ ...hello, previous: client.carrier.previous });
  const link = new HostLink({
    search: { directory, hello: ask, open: () => successor.open() },
    client,
    calls,
    onConnected: () => {
      successor.follow();
      void structures?.refresh().catch(() => {});
    },
    onClosing: () => successor.close(),
    onLost: (error) => {
      successor.close();
      calls.failAll(error);
      controlsOf(store).fail(error);
    },
  }, connection);
  const source = { client, calls, structures, isOrdered: ordered };
  const store: Store<V, K> = new Store<V, K>({
    pool: new RemotePool(welcome, source),
    client,
    codec,
    cache: undefined,
    leases: NO_LEASES,
    counters: OperationCounters.apart(),
    recovery: undefined,
    maintenance: () => new RemoteMaintenance(client, calls, link),
  });
  try {
    await structures?.refresh();
  } catch (error) {
    await store.close();
    throw error;
  }
  successor.follow();
  void tellEvents(calls, controlsOf(store).emit);
  if (resolved.keepAlive) controlsOf(store).keepAlive();
  return store;
}
