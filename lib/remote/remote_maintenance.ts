/**
 * What is done to a store as a whole in another process than the one that has the pool.
 *
 * @module
 */
import { resolve } from "node:path";
import { StoreClosedError } from "../core/errors.ts";
import type { RemoteClient } from "../gateway/remote_client.ts";
import type { ScaleReport } from "../mnode/node_manager.ts";
import type { SnapshotReport } from "../persistence/snapshot_writer.ts";
import { nearReplication } from "../store/arguments/arguments.ts";
import type { CompactReport } from "../store/maintenance/compaction.ts";
import type { StoreMaintenance } from "../store/maintenance/maintenance.ts";
import type { HostLink } from "./host_link.ts";
import type { RemoteCalls } from "./remote_calls.ts";

/** Maintains one store. */
export class RemoteMaintenance implements StoreMaintenance {
  readonly #client: RemoteClient;
  readonly #calls: RemoteCalls;
  readonly #link: HostLink;

  /** Asks by a link's connections. */
  constructor(client: RemoteClient, calls: RemoteCalls, link: HostLink) {
    this.#client = client;
    this.#calls = calls;
    this.#link = link;
  }

  async scale(nodes: number, signal?: AbortSignal): Promise<ScaleReport> {
    return await this.#calls.askOnce({ op: "scale", nodes }, signal) as ScaleReport;
  }

  /** Processes share near pools only. */
  replicate(): Promise<never> {
    return Promise.reject(nearReplication());
  }

  async snapshot(signal?: AbortSignal): Promise<SnapshotReport> {
    return await this.#calls.askOnce({ op: "snapshot" }, signal) as SnapshotReport;
  }

  async backup(path: string, signal?: AbortSignal): Promise<SnapshotReport> {
    // Relative to where this process is.
    return await this.#calls.askOnce(
      { op: "backup", path: resolve(path) },
      signal,
    ) as SnapshotReport;
  }

  async compact(): Promise<CompactReport> {
    return await this.#calls.askOnce({ op: "compact" }) as CompactReport;
  }

  async grow(capacityBytes: number): Promise<number> {
    return await this.#calls.askOnce({ op: "grow", capacityBytes }) as number;
  }

  /** What another host has not synced, the next one does. */
  async sync(): Promise<void> {
    await this.#calls.readOnce({ op: "sync" });
  }

  async close(hasFailed: () => boolean): Promise<void> {
    // Code that the store has called in the middle of an operation may have called this: the
    // operation is issued first.
    await Promise.resolve();
    if (!hasFailed()) await Promise.all([this.#client.whenIdle(), this.#calls.whenIdle()]);
    this.#client.close();
    this.#calls.failAll(new StoreClosedError("the store must be open, and has been closed"));
    await this.#link.close();
  }
}
