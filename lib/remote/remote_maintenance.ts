/**
 * What is done to a store as a whole in another process than the one that has the pool.
 *
 * @module
 */
import type { RemoteClient } from "../gateway/remote_client.ts";
import type { StoreMaintenance } from "../store/maintenance.ts";
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

  async scale(): Promise<never> {
    return await Promise.resolve(this.#calls.refuse("scale"));
  }

  async replicate(): Promise<never> {
    return await Promise.resolve(this.#calls.refuse("replicate"));
  }

  async snapshot(): Promise<never> {
    return await Promise.resolve(this.#calls.refuse("snapshot"));
  }

  async backup(): Promise<never> {
    return await Promise.resolve(this.#calls.refuse("backup"));
  }

  async compact(): Promise<never> {
    return await Promise.resolve(this.#calls.refuse("compact"));
  }

  async grow(): Promise<never> {
    return await Promise.resolve(this.#calls.refuse("grow"));
  }

  async sync(): Promise<void> {
    return await Promise.resolve(this.#calls.refuse("flush"));
  }

  async close(hasFailed: () => boolean): Promise<void> {
    // Code that the store has called in the middle of an operation may have called this: the
    // operation is issued first.
    await Promise.resolve();
    if (!hasFailed()) await this.#client.whenIdle();
    this.#client.close();
    await this.#link.close();
  }
}
