/**
 * The version of a slot's newest record, in the slot's words (I9). It changes under the slot's
 * lock, or before any thread uses the pool.
 *
 * @module
 */
import { SLOT_VERSION_HIGH, SLOT_VERSION_LOW } from "./control_layout.ts";

/** Version of the slot whose descriptor is at an index of the control words. */
export function slotVersion(control: Int32Array, slotAt: number): number {
  return control[slotAt + SLOT_VERSION_HIGH] * 2 ** 32 + (control[slotAt + SLOT_VERSION_LOW] >>> 0);
}

/** Raises the slot's version, if it is lower, to one that a record of the slot has. */
export function raiseSlotVersion(control: Int32Array, slotAt: number, version: number): void {
  if (version <= slotVersion(control, slotAt)) return;
  control[slotAt + SLOT_VERSION_LOW] = version | 0;
  control[slotAt + SLOT_VERSION_HIGH] = Math.floor(version / 2 ** 32);
}
