/**
 * A thread's place among those that use a store: its client, its reader, and what it has open.
 *
 * @module
 */
import type { CodecOption } from "../../codec/codec.ts";
import { TooManyClientsError } from "../../core/errors.ts";
import type { LogFile } from "../../persistence/log_file.ts";
import { thisThread } from "../../platform/thread_identity.ts";
import { Pool } from "../../pool/pool.ts";
import { attachedRing } from "../../rings/ring_region.ts";
import {
  claimClient,
  releaseClient,
  setStoreState,
  StoreState,
  storeState,
} from "../../routing/client_registry.ts";
import { closedByHost, localMonitor, type SharedParts } from "../parts/handle.ts";
import { type ClientParts, makeClientParts } from "./client_parts.ts";
import { HostWatch } from "./host_watch.ts";

/** How a thread uses a store. */
export interface AttachedThreadOptions<V> {
  readonly codec: CodecOption<V>;
  readonly cacheBytes: number | undefined;
  /** Called, perhaps several times, when the store has been closed for all. */
  readonly onClosed: () => void;
}

/** The place of a thread. */
export class AttachedThread<V> {
  readonly pool: Pool;
  readonly clientId: number;
  readonly parts: ClientParts<V>;
  /** The image, if writes are logged. */
  readonly file: LogFile | undefined;

  private constructor(
    pool: Pool,
    clientId: number,
    parts: ClientParts<V>,
    file: LogFile | undefined,
  ) {
    this.pool = pool;
    this.clientId = clientId;
    this.parts = parts;
    this.file = file;
  }

  /**
   * Takes a place.
   *
   * @throws {StoreClosedError} when the store is not open
   * @throws {TooManyClientsError} when all places are taken
   */
  static async take<V>(
    shared: SharedParts,
    { codec, cacheBytes, onClosed }: AttachedThreadOptions<V>,
  ): Promise<AttachedThread<V>> {
    const { region } = shared;
    const pool = Pool.attach(shared.pool);
    if (storeState(pool) !== StoreState.OPEN) throw closedByHost(pool);
    const clientId = claimClient(pool, region.clientCount, thisThread());
    if (clientId === undefined) throw tooManyClients(region.clientCount);
    let file: LogFile | undefined;
    const host = new HostWatch(pool);
    try {
      if (shared.log !== undefined) {
        const { openLogFile } = await import("../../persistence/open_log.ts");
        file = openLogFile(pool, shared.log);
      }
      const parts = await makeClientParts<V>({
        pool,
        clientId,
        leases: shared.leases,
        codec,
        ringOf: (agent) => attachedRing(region, clientId, agent),
        help: shared.help,
        spinMicros: shared.spinMicros,
        cacheBytes,
        file,
        statistics: shared.statistics,
        onFlush: () => {},
        // In the host's thread the monitor could not look after the KNs meanwhile.
        onBlocked: () => localMonitor(shared)?.lookWhileBlocked(),
        onPoll: () => {
          // The others hear of it, too, and no operation begins that would wait for the M-node.
          if (host.hasEnded()) setStoreState(pool, StoreState.ORPHANED);
          if (storeState(pool) >= StoreState.CLOSED) onClosed();
        },
      });
      // Before the first operation: how much fits a ring is known when there is one.
      parts.connector.update(parts.client.carrier);
      return new AttachedThread(pool, clientId, parts, file);
    } catch (error) {
      file?.close();
      releaseClient(pool, clientId);
      throw error;
    }
  }

  /** Gives the place back; nothing of it is in progress any more. */
  leave(): void {
    const { client, connector } = this.parts;
    client.close();
    connector.close();
    this.file?.close();
    releaseClient(this.pool, this.clientId);
  }
}

function tooManyClients(count: number): TooManyClientsError {
  return new TooManyClientsError(
    `at most ${count} threads may use the store, the one that opened it included, ` +
      "and all places are taken: close the store in another thread, or open it with more clients",
  );
}
