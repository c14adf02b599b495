/**
 * Connects a thread to nodes: to those of the same machine and user by their sockets there
 * (near_place.ts), to others by TCP.
 *
 * What is at a socket is believed no more than what is at a port. If a connection by the one has
 * ended, however soon, the next one is by the other: so a name that was left behind, or a process
 * that is not the node, costs an attempt, and the node is reached all the same.
 *
 * @module
 */
import { connect } from "node:net";
import type { TlsIdentity } from "../../core/cluster_identity.ts";
import type { ByteStream } from "./byte_stream.ts";
import { isNear, nearPlaceOf } from "./near_place.ts";
import { connectTcp } from "./node_link.ts";
import { TurningStream } from "./turning_stream.ts";

/** Connects for one thread. */
export class NearConnector {
  readonly #hashKey: readonly number[];
  /** Sockets by which the last connection to their nodes was made. */
  readonly #tried = new Set<string>();

  readonly #folder: string | undefined;

  /**
   * Connects to nodes of a cluster.
   *
   * @param folder for tests
   */
  constructor(hashKey: readonly number[], folder?: string) {
    this.#hashKey = hashKey;
    this.#folder = folder;
  }

  /** Connects to the node at an address. */
  connect(host: string, port: number, tls: TlsIdentity | undefined): ByteStream {
    const place = nearPlaceOf(this.#hashKey, { host, port }, this.#folder);
    if (place === undefined || this.#tried.delete(place.path) || !isNear(place)) {
      return connectTcp(host, port, tls);
    }
    this.#tried.add(place.path);
    return new TurningStream(connect(place.path));
  }
}
