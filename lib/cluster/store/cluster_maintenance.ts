/**
 * What is done to a store of a cluster as a whole.
 *
 * @module
 */
import type { StoreMaintenance } from "../../store/maintenance.ts";
import type { KeptAgent } from "../agent/kept_agent.ts";
import type { ClusterClient } from "./cluster_client.ts";
import { notInCluster } from "./refusals.ts";

const NO_FILES = "the servers of the cluster keep its files";

/** Closes one store, and refuses everything else. */
export class ClusterMaintenance implements StoreMaintenance {
  readonly #client: ClusterClient;
  readonly #agent: KeptAgent;

  /** Maintains the store of a client. */
  constructor(client: ClusterClient, agent: KeptAgent) {
    this.#client = client;
    this.#agent = agent;
  }

  scale(): Promise<never> {
    return Promise.reject(
      notInCluster("scale", "it has the nodes whose processes have opened it"),
    );
  }

  replicate(): Promise<never> {
    return Promise.reject(notInCluster("replicate", "each key has one owner"));
  }

  snapshot(): Promise<never> {
    return Promise.reject(notInCluster("snapshot", NO_FILES));
  }

  backup(): Promise<never> {
    return Promise.reject(notInCluster("backup", NO_FILES));
  }

  compact(): Promise<never> {
    return Promise.reject(notInCluster("compact", NO_FILES));
  }

  grow(): Promise<never> {
    return Promise.reject(notInCluster("grow", NO_FILES));
  }

  /** What was acknowledged is stored by a majority of the servers. */
  sync(): Promise<void> {
    return Promise.resolve();
  }

  async close(hasFailed: () => boolean): Promise<void> {
    // Code that the store has called in the middle of an operation may have called this: the
    // operation is issued first.
    await Promise.resolve();
    if (!hasFailed()) await this.#client.whenIdle();
    this.#client.close();
    await this.#agent.close();
  }
}
