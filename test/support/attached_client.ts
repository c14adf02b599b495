/**
 * What a thread has that uses a store, without the store's public class: its client and its reader.
 *
 * @module
 */
import { epochMs } from "../../lib/platform/runtime.ts";
import { thisThread } from "../../lib/platform/thread_identity.ts";
import type { Key } from "../../lib/core/key_encoder.ts";
import { OneSidedReader } from "../../lib/index/one_sided_reader.ts";
import { openLogFile } from "../../lib/persistence/open_log.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { attachedRing } from "../../lib/rings/ring_region.ts";
import { claimClient, releaseClient } from "../../lib/routing/client_registry.ts";
import { makeClientParts } from "../../lib/store/opening/client_parts.ts";
import { checkHandle, type StoreHandle } from "../../lib/store/parts/handle.ts";
import type { Client } from "../../lib/client/client.ts";

/** Such a client. */
export interface AttachedClient {
  readonly pool: Pool;
  readonly client: Client;
  readonly reader: OneSidedReader;
  readonly clientId: number;
  close(): Promise<void>;
}

/** Takes a place among the clients of a store. */
export async function attachClient<V, K extends Key>(
  handle: StoreHandle<V, K>,
): Promise<AttachedClient> {
  const shared = checkHandle(handle);
  const { region } = shared;
  const pool = Pool.attach(shared.pool);
  const clientId = claimClient(pool, region.clientCount, thisThread())!;
  const file = shared.log === undefined ? undefined : openLogFile(pool, shared.log);
  const { client, connector } = await makeClientParts({
    pool,
    clientId,
    leases: shared.leases,
    codec: "binary",
    ringOf: (agent) => attachedRing(region, clientId, agent),
    help: shared.help,
    spinMicros: shared.spinMicros,
    cacheBytes: undefined,
    file,
    onFlush: () => {},
    onBlocked: () => {},
    onPoll: () => {},
    statistics: shared.statistics,
  });
  connector.update(client.carrier);
  const close = async () => {
    await client.whenIdle();
    client.close();
    connector.close();
    file?.close();
    releaseClient(pool, clientId);
  };
  return { pool, client, reader: new OneSidedReader(pool, epochMs), clientId, close };
}
