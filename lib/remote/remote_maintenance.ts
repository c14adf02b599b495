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

  scale(): Promise<never> {
    return this.#refuse("scale");
  }

  replicate(): Promise<never> {
    return this.#refuse("replicate");
  }

  snapshot(): Promise<never> {
    return this.#refuse("snapshot");
  }

  backup(): Promise<never> {
    return this.#refuse("backup");
  }

  compact(): Promise<never> {
    return this.#refuse("compact");
  }

  grow(): Promise<never> {
    return this.#refuse("grow");
  }

  sync(): Promise<void> {
    return this.#refuse("flush");
  }

  async close(hasFailed: () => boolean): Promise<void> {
    // Code that the store has called in the middle of an operation may have called this: the
    // operation is issued first.
    await Promise.resolve();
    if (!hasFailed()) await this.#client.whenIdle();
    this.#client.close();
    await this.#link.close();
  }

  #refuse(method: string): Promise<never> {
    return new Promise(() => this.#calls.refuse(method));
  }
}
