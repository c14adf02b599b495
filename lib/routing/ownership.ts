/**
 * Owner words: who owns a slot, since which change, and whether it is locked.
 *
 * ```text
 *   31                      12 11              2   1        0
 *   +-------------------------+----------------+--------+--------+
 *   | ownership version (20)  | owner KN (10)  | moving | locked |
 *   +-------------------------+----------------+--------+--------+
 * ```
 *
 * The word exists twice. The **owner table** holds it without the lock bit; clients load it to route, and
 * put what they saw into the request. The **slot's lock word** is the truth: a KN locks the slot by
 * swapping exactly the request's word for the same word with the lock bit. That one compare-and-swap
 * takes the lock, proves that this KN owns the slot, and proves that the client routed under the current
 * ownership version:
 *
 * - I1: the M-node moves a slot by swapping the *unlocked* word, so it waits for an operation in progress,
 *   and every later attempt of the old owner fails, whatever the old owner believes.
 * - I4: a request that was routed before a move fails even when the slot has come back to the same KN since,
 *   so it cannot overtake an earlier request that was refused in between.
 *
 * @module
 */
import type { NodeId, OwnerWord, Slot } from "../core/brands.ts";
import { NODE_ID_COUNT } from "../core/limits.ts";
import { assert } from "../core/assert.ts";
import { OWNER_TABLE, SLOT_LOCK } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";

/** Bit of a lock word that is set while somebody changes the slot. */
export const LOCKED = 1;
/** Bit of an owner table word that tells clients to hold their requests. */
export const MOVING = 2;
const OWNER_SHIFT = 2;
const OWNER_MASK = NODE_ID_COUNT - 1;
const VERSION_SHIFT = 12;

assert(
  VERSION_SHIFT - OWNER_SHIFT === Math.log2(NODE_ID_COUNT),
  "the owner's bits end at the version's",
);

/** The KN that a word names. */
export function ownerOf(word: OwnerWord): NodeId {
  return ((word >>> OWNER_SHIFT) & OWNER_MASK) as NodeId;
}

/** How often the slot has changed owners, modulo 2^20. */
export function ownershipVersionOf(word: OwnerWord): number {
  return word >>> VERSION_SHIFT;
}

/** The word for a slot's first owner. */
export function firstOwnerWord(owner: NodeId): OwnerWord {
  return (owner << OWNER_SHIFT) as OwnerWord;
}

/** The word after `word` that gives the slot to `owner`. */
export function nextOwnerWord(word: OwnerWord, owner: NodeId): OwnerWord {
  return (((ownershipVersionOf(word) + 1) << VERSION_SHIFT) | (owner << OWNER_SHIFT)) as OwnerWord;
}

/** The table's word for a slot: what a client routes by. Published by {@linkcode moveSlot}. */
export function loadOwner(pool: Pool, slot: Slot): OwnerWord {
  return Atomics.load(pool.control, OWNER_TABLE + slot) as OwnerWord;
}

/** Sets the first owner of a slot, before any other thread can see the pool. */
export function initialiseOwner(pool: Pool, slot: Slot, owner: NodeId): void {
  const word = firstOwnerWord(owner);
  Atomics.store(pool.control, pool.slotAt(slot) + SLOT_LOCK, word);
  Atomics.store(pool.control, OWNER_TABLE + slot, word);
}

/**
 * Gives a slot to another KN. Only the M-node calls this.
 *
 * The old owner takes no part: once the lock word is swapped, its next attempt to lock fails. The table is
 * marked first so that clients stop sending requests that would only be refused. Nothing is copied (I7).
 */
export function moveSlot(pool: Pool, slot: Slot, owner: NodeId): void {
  const control = pool.control;
  const lock = pool.slotAt(slot) + SLOT_LOCK;
  const old = loadOwner(pool, slot);
  const next = nextOwnerWord(old, owner);
  Atomics.store(control, OWNER_TABLE + slot, old | MOVING);
  // A lock is held for one operation on one slot, a microsecond or two.
  while (Atomics.compareExchange(control, lock, old, next) !== old);
  Atomics.store(control, OWNER_TABLE + slot, next);
}

/**
 * Locks a slot on behalf of a request.
 *
 * @param word the owner word that the request was routed by
 * @returns whether the slot is locked; false means that its ownership has changed
 */
export function lockSlot(control: Int32Array, lock: number, word: OwnerWord): boolean {
  for (;;) {
    const seen = Atomics.compareExchange(control, lock, word, word | LOCKED);
    if (seen === word) return true;
    if (seen !== (word | LOCKED)) return false;
  }
}

/** Locks a slot whoever owns it: for the cleaner, which changes where a record is but not what it says. */
export function lockSlotAsCleaner(control: Int32Array, lock: number): OwnerWord {
  for (;;) {
    const word = Atomics.load(control, lock) & ~LOCKED;
    if (Atomics.compareExchange(control, lock, word, word | LOCKED) === word) {
      return word as OwnerWord;
    }
  }
}

/** Unlocks a slot. Publishes everything done under the lock to the next holder. */
export function unlockSlot(control: Int32Array, lock: number, word: OwnerWord): void {
  Atomics.store(control, lock, word);
}
