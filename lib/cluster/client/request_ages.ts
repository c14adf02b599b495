/**
 * How old the requests of an application thread are: how long they are sent again, and how long a
 * node is waited for. They grow old while this machine is suspended, too.
 *
 * @module
 */
import type { Slot } from "../../core/brands.ts";
import type { ClusterClock } from "../node/cluster_clock.ts";
import { RequestClock } from "../node/request_clock.ts";
import { RESEND_MS } from "../node/requests.ts";
import type { ClusterParcel, Peer } from "./node_peers.ts";

/**
 * How long a node that has lost a slot may take to answer what it was sent before, in milliseconds:
 * one that stands still never does.
 */
const SUPERSEDED_MS_MAX = 500;

/** The ages of the requests of one thread. */
export class RequestAges {
  readonly #clock: RequestClock;

  constructor(clock: ClusterClock) {
    this.#clock = new RequestClock(clock);
  }

  /** A request is issued. */
  begin(parcel: ClusterParcel): void {
    parcel.issuedMs = this.#clock.nowMs();
  }

  /** What a node is told of the age of a request that is sent to it, in milliseconds. */
  ageMs({ issuedMs }: ClusterParcel): number {
    return Math.ceil(this.#clock.nowMs() - issuedMs);
  }

  /** Which requests may be sent again, and which are too old for that; both in their order. */
  divide(parcels: readonly ClusterParcel[]): { live: ClusterParcel[]; over: ClusterParcel[] } {
    const earliestMs = this.#clock.nowMs() - RESEND_MS;
    const live: ClusterParcel[] = [];
    const over: ClusterParcel[] = [];
    for (const parcel of parcels) (parcel.issuedMs < earliestMs ? over : live).push(parcel);
    return { live, over };
  }

  /**
   * Whether a node is not waited for any more: it has not answered what is too old by now, or does
   * not say what became of requests of slots that have gone from it. To be asked often.
   */
  isLate(peer: Peer, hasGone: (slot: Slot) => boolean): boolean {
    const nowMs = this.#clock.nowMs();
    let isLate = false;
    let isSuperseded = false;
    for (const { slot, issuedMs } of peer.sent.all()) {
      isLate ||= nowMs - issuedMs > RESEND_MS;
      isSuperseded ||= hasGone(slot);
    }
    peer.supersededMs = isSuperseded ? Math.min(peer.supersededMs, nowMs) : Infinity;
    return isLate || nowMs - peer.supersededMs > SUPERSEDED_MS_MAX;
  }
}
