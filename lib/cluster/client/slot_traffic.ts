/**
 * What an application thread has on its way for each slot, and what waits to be sent, or to be sent
 * again: see cluster_carrier.ts for the order that this keeps.
 *
 * @module
 */
import type { Slot } from "../../core/brands.ts";
import { SLOT_COUNT } from "../../core/limits.ts";
import type { ClusterClock } from "../node/cluster_clock.ts";
import type { ClusterParcel } from "./node_peers.ts";
import type { OwnerView } from "./owner_view.ts";

/**
 * Who gives a request back owns the slot no more, or not for long: nearly always another view is
 * coming, and comes before that.
 */
const REFUSED_MS = 200;

/** The slots of one thread. */
export class SlotTraffic {
  readonly #clock: ClusterClock;
  /** How many requests of each slot are on their way, and by which assignment. */
  readonly #inFlight = new Int32Array(SLOT_COUNT);
  readonly #routedAt = new Float64Array(SLOT_COUNT);
  /** What waits, of slots whose owner does not take it now. */
  readonly #stalled = new Map<Slot, ClusterParcel[]>();
  /** When an owner has given something back, of slots of which something waits since. */
  readonly #refusedMs = new Map<Slot, number>();

  constructor(clock: ClusterClock) {
    this.#clock = clock;
  }

  /** Whether something of a slot is on its way. */
  isBusy(slot: Slot): boolean {
    return this.#inFlight[slot]! > 0;
  }

  /** Whether what is on its way for a slot, or was last, was not routed as a view says. */
  isSuperseded(slot: Slot, { assignedAt }: OwnerView): boolean {
    return this.#routedAt[slot] !== assignedAt[slot];
  }

  /** Something is sent, routed by a view. */
  begin(slot: Slot, { assignedAt }: OwnerView): void {
    this.#inFlight[slot]! += 1;
    this.#routedAt[slot] = assignedAt[slot]!;
  }

  /** Something that was on its way was answered, or has come back. */
  end(slot: Slot): void {
    this.#inFlight[slot]! -= 1;
  }

  /** The owner of a slot has given something of it back. */
  refuse(slot: Slot): void {
    this.#refusedMs.set(slot, this.#clock.monotonicMs());
  }

  /**
   * Whether an owner would give back again what waits of a slot: it has done so not long ago, and
   * no view says yet what has become of the slot.
   */
  isRefused(slot: Slot, view: OwnerView): boolean {
    const sinceMs = this.#clock.monotonicMs() - (this.#refusedMs.get(slot) ?? -Infinity);
    return sinceMs < REFUSED_MS && !this.isSuperseded(slot, view);
  }

  /** Whether something of a slot waits. */
  isStalled(slot: Slot): boolean {
    return this.#stalled.has(slot);
  }

  /** All slots of which something waits. */
  stalledSlots(): Slot[] {
    return [...this.#stalled.keys()];
  }

  /** A request waits, with others of its slot or as the first one. */
  stall(parcel: ClusterParcel): void {
    const stalled = this.#stalled.get(parcel.slot);
    if (stalled === undefined) this.#stalled.set(parcel.slot, [parcel]);
    else stalled.push(parcel);
  }

  /** Takes out what waits of a slot, in the order in which it was issued. */
  takeStalled(slot: Slot): ClusterParcel[] {
    const stalled = this.#stalled.get(slot)!;
    this.#stalled.delete(slot);
    this.#refusedMs.delete(slot);
    return stalled.sort((a, b) => a.number - b.number);
  }

  /** Forgets what waits. */
  clear(): void {
    this.#stalled.clear();
    this.#refusedMs.clear();
  }
}
