/**
 * A network in which each process reaches each node by a proxy of its own, so that single pairs can
 * be cut off from each other.
 *
 * All nodes say that they are at 127.0.0.1. A process connects to the same ports of another address
 * of loopback (../../loopback.ts), where there are proxies for it alone.
 *
 * @module
 */
import process from "node:process";
import { TcpProxy } from "../../tcp_proxy.ts";

/** Elsewhere loopback has one address only: nobody knows there who connects. */
export const KNOWS_PAIRS: boolean = process.platform === "linux";

/** A process, and its node. */
export interface Place {
  readonly id: number;
  /** Where the node says that it is. */
  readonly advertisedPort: number;
  /** Where it is. */
  readonly port: number;
}

/** Proxies between processes and nodes. */
export class PairNetwork {
  #places: Place[] = [];
  readonly #proxies = new Map<string, TcpProxy>();

  /** From where a process connects; undefined: from where all do. */
  hostOf(id: number): string | undefined {
    return KNOWS_PAIRS ? `127.1.${id >> 8}.${id & 255}` : undefined;
  }

  /** A process and its node come. */
  async join(place: Place): Promise<void> {
    this.#places.push(place);
    if (!KNOWS_PAIRS) return;
    for (const other of this.#places) {
      await this.#connect(place, other);
      if (other !== place) await this.#connect(other, place);
    }
  }

  /** They are gone. */
  leave(id: number): void {
    this.#places = this.#places.filter((place) => place.id !== id);
    for (const [pair, proxy] of this.#proxies) {
      if (!pair.split(" ").includes(`${id}`)) continue;
      proxy.close();
      this.#proxies.delete(pair);
    }
  }

  /** What is between a process and the node of one. */
  between(from: number, to: number): TcpProxy | undefined {
    return this.#proxies.get(`${from} ${to}`);
  }

  /** Ends all proxies. */
  close(): void {
    for (const proxy of this.#proxies.values()) proxy.close();
  }

  async #connect(from: Place, to: Place): Promise<void> {
    const at = { host: this.hostOf(from.id)!, port: to.advertisedPort };
    this.#proxies.set(`${from.id} ${to.id}`, await TcpProxy.start(to.port, at));
  }
}
