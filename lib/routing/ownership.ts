/**
 * Owner words: which KN owns a slot, since which change, and which agent has it locked.
 *
 * ```text
 *   31                 18 17            8 7              0
 *   +--------------------+---------------+----------------+
 *   | ownership version  | owner KN (10) | holder + 1, or |
 *   | (14)               |               | 0: not locked  |
 *   +--------------------+---------------+----------------+
 * ```
 *
 * The word exists twice. The **owner table** holds it without a holder; clients load it to route,
 * and put what they saw into the request. The **slot's lock word** is the truth: a KN locks the
 * slot by swapping exactly the request's word for the same word with the number of its agent block.
 * That one compare-and-swap takes the lock, proves that this KN owns the slot, and proves that the
 * client routed under the current ownership version:
 *
 * - I1: the M-node moves a slot by swapping the *unlocked* word, so it waits for an operation in
 *   progress, and every later attempt of the old owner fails, whatever the old owner believes.
 * - I4: a request that was routed before a move fails even when the slot has come back to the same
 *   KN since, so it cannot overtake an earlier request that was refused in between.
 * - The word names the holder, so that the locks of a thread that has died are found, and those of
 *   no other are cleared.
 *
 * No agent waits for a lock for longer than {@linkcode LOCK_POLLS_MAX} attempts: the holder may
 * have been descheduled, or may never go on. The version has 14 bits; it would have to wrap while
 * one request waits in a ring, that is, while its KN is neither alive, which answers it, nor taken
 * for dead, which takes it back.
 *
 * @module
 */
import type { NodeId, OwnerWord, Slot } from "../core/brands.ts";
import { NODE_ID_COUNT, SLOT_COUNT } from "../core/limits.ts";
import { sleepSync } from "../platform/sleep_sync.ts";
import { assert } from "../core/assert.ts";
import { AGENT_COUNT, OWNER_TABLE, SLOT_LOCK, SLOT_WORDS } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { NO_NODE } from "./node_directory.ts";

/** Bits of a lock word that name the holder. */
export const HOLDER_MASK = 0xff;
/**
 * What an owner table word has in their place while the slot moves: clients hold their requests.
 */
export const MOVING = HOLDER_MASK;
const OWNER_SHIFT = 8;
const OWNER_MASK = NODE_ID_COUNT - 1;
const VERSION_SHIFT = 18;
/**
 * Attempts to take a lock: about a millisecond, a thousand times as long as most locks are held.
 */
export const LOCK_POLLS_MAX = 1 << 14;

assert(
  VERSION_SHIFT - OWNER_SHIFT === Math.log2(NODE_ID_COUNT),
  "the owner's bits end at the version's",
);
assert(AGENT_COUNT < MOVING, "a holder is never taken for the mark of a move");

/** How an attempt to lock a slot has ended. */
export const Lock = {
  TAKEN: 0,
  /** The slot has another owner, or had in between. */
  MOVED: 1,
  /** Another agent holds it, for longer than one waits. */
  BUSY: 2,
} as const;

/** The KN that a word names. */
export function ownerOf(word: OwnerWord): NodeId {
  return ((word >>> OWNER_SHIFT) & OWNER_MASK) as NodeId;
}

/** How often the slot has changed owners, modulo 2^14. */
export function ownershipVersionOf(word: OwnerWord): number {
  return word >>> VERSION_SHIFT;
}

/** The agent that holds a lock word; -1 if none does. */
export function holderOf(word: number): number {
  return (word & HOLDER_MASK) - 1;
}

/** A lock word as it is when an agent holds it. */
export function heldBy(word: OwnerWord, agent: number): number {
  return word | (agent + 1);
}

/** The word for a slot's first owner. */
export function firstOwnerWord(owner: NodeId): OwnerWord {
  return (owner << OWNER_SHIFT) as OwnerWord;
}

/** The word after `word` that gives the slot to `owner`. */
export function nextOwnerWord(word: OwnerWord, owner: NodeId): OwnerWord {
  return (((ownershipVersionOf(word) + 1) << VERSION_SHIFT) | (owner << OWNER_SHIFT)) as OwnerWord;
}

/** The table's word for a slot: what a client routes by. Published by {@linkcode tryMoveSlot}. */
export function loadOwner(pool: Pool, slot: Slot): OwnerWord {
  return Atomics.load(pool.control, OWNER_TABLE + slot) as OwnerWord;
}

/** Sets the first owner of a slot, before any other thread can see the pool. */
export function initialiseOwner(pool: Pool, slot: Slot, owner: NodeId): void {
  const word = firstOwnerWord(owner);
  pool.control[pool.slotAt(slot) + SLOT_LOCK] = word;
  pool.control[OWNER_TABLE + slot] = word;
}

/**
 * Sets the first owners of all slots, before any other thread can see the pool.
 *
 * @param owners of each slot, or of all: most stores are opened with one KN
 */
export function initialiseOwners(pool: Pool, owners: readonly NodeId[] | NodeId): void {
  const { control } = pool;
  let lock = pool.slotAt(0 as Slot) + SLOT_LOCK;
  // Loops without calls, and as short as they can be: each is run once, by code that is not
  // compiled yet.
  if (typeof owners === "number") {
    const word = firstOwnerWord(owners);
    control.fill(word, OWNER_TABLE, OWNER_TABLE + SLOT_COUNT);
    for (const end = lock + SLOT_COUNT * SLOT_WORDS; lock < end; lock += SLOT_WORDS) {
      control[lock] = word;
    }
    return;
  }
  for (let slot = 0; slot < SLOT_COUNT; slot++, lock += SLOT_WORDS) {
    // As firstOwnerWord says.
    control[lock] = control[OWNER_TABLE + slot] = owners[slot]! << OWNER_SHIFT;
  }
}

/**
 * Gives a slot to another KN. Only the M-node calls this.
 *
 * The old owner takes no part: once the lock word is swapped, its next attempt to lock fails. The
 * table is marked first so that clients stop sending requests that would only be refused. Nothing
 * is copied (I7).
 *
 * @returns false when an agent holds the slot for longer than an operation takes; nothing has
 *   changed then
 */
export function tryMoveSlot(pool: Pool, slot: Slot, owner: NodeId): boolean {
  const control = pool.control;
  const lock = pool.slotAt(slot) + SLOT_LOCK;
  const before = loadOwner(pool, slot);
  // The owner changes nowhere else. (The table may say that no KN owns the slot.)
  const old = (Atomics.load(control, lock) & ~HOLDER_MASK) as OwnerWord;
  const next = nextOwnerWord(old, owner);
  Atomics.store(control, OWNER_TABLE + slot, before | MOVING);
  for (let i = 0; i < LOCK_POLLS_MAX; i++) {
    if (Atomics.compareExchange(control, lock, old, next) !== old) continue;
    Atomics.store(control, OWNER_TABLE + slot, next);
    return true;
  }
  Atomics.store(control, OWNER_TABLE + slot, before);
  return false;
}

/**
 * Tells clients and KNs that a slot cannot be written: its holder does not let it go. Undone by
 * {@linkcode tryMoveSlot}, or by {@linkcode markAvailable}.
 */
export function markUnavailable(pool: Pool, slot: Slot): void {
  const word = loadOwner(pool, slot) & ~(OWNER_MASK << OWNER_SHIFT);
  Atomics.store(pool.control, OWNER_TABLE + slot, word | (NO_NODE << OWNER_SHIFT));
}

/**
 * Takes {@linkcode markUnavailable} back for a slot that stays with its owner: its holder has let
 * it go.
 */
export function markAvailable(pool: Pool, slot: Slot): void {
  const word = Atomics.load(pool.control, pool.slotAt(slot) + SLOT_LOCK) & ~HOLDER_MASK;
  Atomics.store(pool.control, OWNER_TABLE + slot, word);
}

/**
 * Whether the M-node has said that a slot cannot be written. A KN that finds it locked then refuses
 * requests for it.
 */
export function isUnavailable(pool: Pool, slot: Slot): boolean {
  return ownerOf(loadOwner(pool, slot)) === NO_NODE;
}

/** The agent that holds a slot's lock; -1 if none does. */
export function slotHolder(pool: Pool, slot: Slot): number {
  return holderOf(Atomics.load(pool.control, pool.slotAt(slot) + SLOT_LOCK));
}

/** The KN that owns a slot, whatever the table says. */
export function slotOwner(pool: Pool, slot: Slot): NodeId {
  return ownerOf(Atomics.load(pool.control, pool.slotAt(slot) + SLOT_LOCK) as OwnerWord);
}

/**
 * Locks a slot on behalf of a request.
 *
 * @param word the owner word that the request was routed by
 * @param agent the agent that will hold the lock
 * @returns one of {@linkcode Lock}
 */
export function lockSlot(
  control: Int32Array,
  lock: number,
  word: OwnerWord,
  agent: number,
): number {
  const held = heldBy(word, agent);
  for (let i = 0; i < LOCK_POLLS_MAX; i++) {
    const seen = Atomics.compareExchange(control, lock, word, held);
    if (seen === word) return Lock.TAKEN;
    if ((seen & ~HOLDER_MASK) !== word) return Lock.MOVED;
  }
  return Lock.BUSY;
}

/**
 * Locks a slot whichever KN owns it: for the cleaner, which changes where a record is but not what
 * it says.
 *
 * @returns the owner word to unlock it with, or undefined when another agent holds it for longer
 *   than one waits
 */
export function lockAnySlot(
  control: Int32Array,
  lock: number,
  agent: number,
): OwnerWord | undefined {
  for (let i = 0; i < LOCK_POLLS_MAX; i++) {
    const word = (Atomics.load(control, lock) & ~HOLDER_MASK) as OwnerWord;
    if (Atomics.compareExchange(control, lock, word, heldBy(word, agent)) === word) return word;
  }
  return undefined;
}

/**
 * Locks a slot whichever KN owns it, waiting asleep for so long; undefined when others have held it
 * all the time.
 */
export function waitForAnySlot(
  control: Int32Array,
  lock: number,
  agent: number,
  waitMsMax: number,
): OwnerWord | undefined {
  for (let waitedMs = 0; waitedMs < waitMsMax; waitedMs++) {
    const owner = lockAnySlot(control, lock, agent);
    if (owner !== undefined) return owner;
    sleepSync(1);
  }
  return undefined;
}

/** Unlocks a slot. Publishes everything done under the lock to the next holder. */
export function unlockSlot(control: Int32Array, lock: number, word: OwnerWord): void {
  Atomics.store(control, lock, word);
}

/** Unlocks a slot in the place of a holder that has died. */
export function unlockForDead(control: Int32Array, lock: number): void {
  unlockSlot(control, lock, (Atomics.load(control, lock) & ~HOLDER_MASK) as OwnerWord);
}
