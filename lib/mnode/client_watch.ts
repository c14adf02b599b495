/**
 * Frees the places of attached clients whose threads have ended without giving them back.
 *
 * What such a client has sent is executed like anything else, and its answers are not taken. When
 * the KNs have taken all of it, the reservations of its large values are given up, and its rings
 * are free for the next client. A KN for which it was executing when it ended has failed, and is
 * dealt with first.
 *
 * @module
 */
import { NODE_COUNT_MAX } from "../core/limits.ts";
import { hasThreadEnded } from "../platform/thread_identity.ts";
import type { Pool } from "../pool/pool.ts";
import { disconnectRing, isConnected } from "../rings/ring_layout.ts";
import { attachedRing, hasAttachedRing, type RingRegion } from "../rings/ring_region.ts";
import {
  attachedCount,
  ClientState,
  clientState,
  clientThread,
  HOST_CLIENT,
  markClientDead,
  packRecordClient,
  releaseClient,
} from "../routing/client_registry.ts";
import { Bells } from "../watch/bells.ts";
import { releasePlacesOf } from "../watch/watch_place.ts";
import type { NodeManager } from "./node_manager.ts";

/** What the watch works with. */
export interface ClientWatchOptions {
  readonly pool: Pool;
  readonly region: RingRegion;
  readonly nodes: NodeManager;
  /** Called when a place is free again. */
  readonly onLost: (client: number) => void;
}

/**
 * Asking the operating system costs ten microseconds per client, so it is done once in so many
 * looks.
 */
const LOOKS_PER_QUESTION = 5;

/** Watches the clients of one pool. */
export class ClientWatch {
  readonly #options: ClientWatchOptions;
  #lookCount = 0;

  /** Makes a watch. */
  constructor(options: ClientWatchOptions) {
    this.#options = options;
  }

  /** Number of attached clients. */
  get attachedCount(): number {
    return attachedCount(this.#options.pool);
  }

  /** Looks once at all of them. */
  look(): void {
    const { pool, region } = this.#options;
    const asks = this.#lookCount++ % LOOKS_PER_QUESTION === 0;
    for (let client = HOST_CLIENT + 1; client < region.clientCount; client++) {
      const state = clientState(pool, client);
      if (state === ClientState.ACTIVE && asks && hasThreadEnded(clientThread(pool, client))) {
        markClientDead(pool, client);
      }
      if (clientState(pool, client) === ClientState.DEAD) this.#free(client);
    }
  }

  #free(client: number): void {
    const { pool, region, nodes, onLost } = this.#options;
    // Its reservations are found by its name in their records, which the next client will not have.
    if (!nodes.haveTakenAll(client) || !nodes.repair()) return;
    for (let agent = 0; agent < NODE_COUNT_MAX; agent++) {
      if (!hasAttachedRing(region, client, agent)) continue;
      const ring = attachedRing(region, client, agent);
      if (isConnected(ring)) disconnectRing(ring);
    }
    releasePlacesOf(pool, packRecordClient(pool, client));
    // It may have been about to ring some when it ended.
    Bells.of(pool).ringAll();
    releaseClient(pool, client);
    onLost(client);
  }
}
