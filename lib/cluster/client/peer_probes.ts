/**
 * Asks nodes again and again whether they are there: those of which nothing else is asked, since
 * this thread waits for what they tell.
 *
 * @module
 */
import type { ClusterClock } from "../node/cluster_clock.ts";
import { RESEND_MS } from "../node/requests.ts";
import type { Peer } from "./node_peers.ts";

/** Pause between two questions. */
const PROBE_MS = 5000;

/** The nodes that are asked. */
export class PeerProbes {
  readonly #clock: ClusterClock;
  readonly #question: Uint8Array;
  /** Since when each has been asked and has not answered. */
  readonly #askedMs = new Map<Peer, number>();
  #nextMs = 0;

  /** Asks nobody yet. */
  constructor(clock: ClusterClock, question: Uint8Array) {
    this.#clock = clock;
    this.#question = question;
  }

  /** Asks, if it is time, and ends connections to those that have been silent for too long. */
  look(peers: ReadonlySet<Peer>): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [peer, askedMs] of this.#askedMs) {
      if (!peers.has(peer)) this.#askedMs.delete(peer);
      else if (nowMs - askedMs > RESEND_MS) peer.link.close();
    }
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + PROBE_MS;
    for (const peer of peers) if (!this.#askedMs.has(peer)) void this.#ask(peer, nowMs);
  }

  async #ask(peer: Peer, nowMs: number): Promise<void> {
    this.#askedMs.set(peer, nowMs);
    try {
      await peer.calls.call(this.#question).next();
    } catch {
      // Its connection has ended: who waits for what it tells hears of that.
    }
    this.#askedMs.delete(peer);
  }
}
