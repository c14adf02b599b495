/**
 * What an application thread has on its way for each slot, and what waits to be sent, or to be sent
 * again: see cluster_carrier.ts for the order that this keeps.
 *
 * @module
 */
import type { Slot } from "../../core/brands.ts";
import { SLOT_COUNT } from "../../core/limits.ts";
import type { ClusterParcel } from "./node_peers.ts";
import type { OwnerView } from "./owner_view.ts";

/** The slots of one thread. */
export class SlotTraffic {
  /** How many requests of each slot are on their way, and by which assignment. */
  readonly #inFlight = new Int32Array(SLOT_COUNT);
  readonly #routedAt = new Float64Array(SLOT_COUNT);
  /** What waits, of slots whose owner does not take it now. */
  readonly #stalled = new Map<Slot, ClusterParcel[]>();

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
    return stalled.sort((a, b) => a.number - b.number);
  }

  /** Forgets what waits. */
  clear(): void {
    this.#stalled.clear();
  }
}
