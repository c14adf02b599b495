/**
 * The operations in progress at one moment of a history, each in a slot of its own: a bit in the
 * masks of a configuration.
 *
 * @module
 */
import { isReading } from "./key_register.ts";
import { type KeyHistory, OperationKind } from "./operation.ts";

/** Slots that are taken, and what the operations in them can do. */
export class OpenOperations {
  /** Words of a mask. */
  readonly words: number;
  /** The taken slots are the first `count` of `slots`. */
  readonly slots: Int32Array;
  count = 0;
  /** The operation in each slot. */
  readonly operation: Int32Array;
  /** Operations that only read. */
  readonly reading: Int32Array;
  /** Puts: they may follow any state, and leave nothing of it. */
  readonly puts: Int32Array;
  /** Operations that are not puts: whether they may follow depends on the state. */
  readonly others: Int32Array;
  /** Operations that never return. */
  readonly pending: Int32Array;
  pendingCount = 0;
  /** Where in `slots` a slot is. */
  readonly #position: Int32Array;

  /** Makes room for so many operations at once. */
  constructor(slotCount: number) {
    this.words = Math.max(1, Math.ceil(slotCount / 32));
    this.slots = Int32Array.from({ length: slotCount }, (_, slot) => slot);
    this.#position = this.slots.slice();
    this.operation = new Int32Array(slotCount);
    this.reading = new Int32Array(this.words);
    this.puts = new Int32Array(this.words);
    this.others = new Int32Array(this.words);
    this.pending = new Int32Array(this.words);
  }

  /** Takes a slot for an operation that begins; returns the slot. */
  add(history: KeyHistory, operation: number): number {
    const slot = this.slots[this.count++];
    this.operation[slot] = operation;
    if (history.kind[operation] === OperationKind.PUT) setBit(this.puts, slot);
    else setBit(this.others, slot);
    if (isReading(history, operation)) setBit(this.reading, slot);
    if (history.returnAt[operation] === Infinity) {
      setBit(this.pending, slot);
      this.pendingCount += 1;
    }
    return slot;
  }

  /** Frees the slot of an operation that has returned, or is known to have taken effect. */
  remove(slot: number): void {
    const position = this.#position[slot];
    const last = this.slots[--this.count];
    this.slots[position] = last;
    this.#position[last] = position;
    this.slots[this.count] = slot;
    this.#position[slot] = this.count;
    if (hasBit(this.pending, slot)) this.pendingCount -= 1;
    clearBit(this.pending, slot);
    clearBit(this.puts, slot);
    clearBit(this.others, slot);
    clearBit(this.reading, slot);
  }
}

/** Whether a slot's bit is set. */
export function hasBit(mask: Int32Array, slot: number): boolean {
  return ((mask[slot >>> 5] >>> (slot & 31)) & 1) === 1;
}

/** Sets a slot's bit. */
export function setBit(mask: Int32Array, slot: number): void {
  mask[slot >>> 5] |= 1 << (slot & 31);
}

/** Clears a slot's bit. */
export function clearBit(mask: Int32Array, slot: number): void {
  mask[slot >>> 5] &= ~(1 << (slot & 31));
}
