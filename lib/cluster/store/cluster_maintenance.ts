/**
 * What is done to a store of a cluster as a whole.
 *
 * @module
 */
import type { StoreMaintenance } from "../../store/maintenance/maintenance.ts";
import { StoreClosedError } from "../../core/errors.ts";
import type { SnapshotReport } from "../../persistence/snapshot_writer.ts";
import type { BackupOptions } from "../../store/arguments/copy_options.ts";
import type { KeptAgent } from "../agent/kept_agent.ts";
import type { ClusterClient } from "./cluster_client.ts";
import { notInCluster } from "./refusals.ts";

/** Writes a copy into a directory. */
export type BackUp = (directory: string, options: BackupOptions) => Promise<SnapshotReport>;

const NO_FILES = "the servers of the cluster keep its files";

/** Copies and closes one store, and refuses everything else. */
export class ClusterMaintenance implements StoreMaintenance {
  readonly #client: ClusterClient;
  readonly #agent: KeptAgent;
  readonly #backup: BackUp;
  /** Backups end when the store is closed. */
  readonly #closing = new AbortController();
  readonly #backups = new Set<Promise<unknown>>();

  /** Maintains the store of a client. */
  constructor(client: ClusterClient, agent: KeptAgent, backup: BackUp) {
    this.#client = client;
    this.#agent = agent;
    this.#backup = backup;
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

  async backup(
    directory: string,
    signal?: AbortSignal,
    onProgress?: (share: number) => void,
  ): Promise<SnapshotReport> {
    const signals = [this.#closing.signal, ...(signal === undefined ? [] : [signal])];
    const options = { signal: AbortSignal.any(signals), onProgress };
    // What this thread has changed before is in it.
    const backup = this.#client.whenIssuedEnded().then(() => this.#backup(directory, options));
    this.#backups.add(backup);
    try {
      return await backup;
    } finally {
      this.#backups.delete(backup);
    }
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
    this.#closing.abort(new StoreClosedError("the store must be open, and was closed meanwhile"));
    await Promise.allSettled(this.#backups);
    if (!hasFailed()) await this.#client.whenIdle();
    this.#client.close();
    await this.#agent.close();
  }
}
