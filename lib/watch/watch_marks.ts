/**
 * What the agent that changes a key does for the threads that watch it: it marks the key's part.
 *
 * Why no change is missed is argued in docs/protocols/watching.md; here, what that asks of an
 * agent:
 *
 * - It marks after what it has changed can be read. In the near placement that is the store of the
 *   index word; in the far one the record is logged, too.
 * - It sets a mark from below (MARKS, DIRTY, PENDING), and looks at SLEEPING last: the watcher
 *   stores SLEEPING before it looks at PENDING, so one of the two sees the other. What is set
 *   already it leaves as it is, but looks at all of them: so it relies on no other agent.
 * - If it dies in between it has the slot locked still, or the key's cell, and the M-node marks the
 *   whole slot in its place ({@linkcode markSlot}).
 *
 * @module
 */
import type { PoolAddress, Slot } from "../core/brands.ts";
import { SLOT_SHIFT } from "../core/limits.ts";
import { metaKind, RECORD_META, RecordKind } from "../log/record_layout.ts";
import { SLOT_WATCHERS, SLOT_WORDS } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import {
  partBit,
  PLACE_DIRTY,
  PLACE_LOST,
  PLACE_MARKS,
  PLACE_PENDING,
  PLACE_PREFIX_COUNT,
  PLACE_SLEEPING,
  PLACE_WANTED,
  placeAt,
} from "../pool/watch_layout.ts";
import { Bells, placesWithMemory } from "./bells.ts";
import { appendChange, isPrefixWatched, unlockRingForDead } from "./change_ring.ts";

/**
 * Tells the threads that watch a key, or a prefix of it, if there are any, that the index has
 * changed for it.
 *
 * @param agent that has the slot locked
 * @param address the record that was put, or is gone
 * @param kind one of `ChangeKind`
 */
export function tellChange(
  pool: Pool,
  agent: number,
  hash: number,
  address: PoolAddress,
  kind: number,
): void {
  // Pairs with the bit that a watcher sets before it reads.
  const watchersAt = pool.slots + (hash >>> SLOT_SHIFT) * SLOT_WORDS + SLOT_WATCHERS;
  const watchers = Atomics.load(pool.control, watchersAt);
  if (watchers === 0) return;
  markHash(pool, watchers, hash);
  tellPrefixes(pool, watchers, agent, address, kind);
}

/** Tells only those who watch the key: for a change that the index does not show yet. */
export function markKey(pool: Pool, hash: number): void {
  const watchersAt = pool.slots + (hash >>> SLOT_SHIFT) * SLOT_WORDS + SLOT_WATCHERS;
  const watchers = Atomics.load(pool.control, watchersAt);
  if (watchers !== 0) markHash(pool, watchers, hash);
}

function markHash(pool: Pool, watchers: number, hash: number): void {
  const slot = (hash >>> SLOT_SHIFT) as Slot;
  const bit = partBit(hash);
  while (watchers !== 0) {
    const place = 31 - Math.clz32(watchers);
    watchers &= ~(1 << place);
    const words = pool.watchWordsOf(place);
    if ((Atomics.load(words, placeAt(place) + PLACE_WANTED + slot) & bit) === 0) continue;
    mark(pool, words, place, slot, bit);
  }
}

function tellPrefixes(
  pool: Pool,
  watchers: number,
  agent: number,
  address: PoolAddress,
  kind: number,
): void {
  const words = pool.wordsOf(address);
  const record = pool.wordAt(address);
  // What is not a put shows something that readers pass through.
  if (metaKind(words[record + RECORD_META]) !== RecordKind.PUT) return;
  while (watchers !== 0) {
    const place = 31 - Math.clz32(watchers);
    watchers &= ~(1 << place);
    const watch = pool.watchWordsOf(place);
    const at = placeAt(place);
    if (!isPrefixWatched(watch, at, words, record)) continue;
    appendChange(pool, agent, watch, at, address, kind);
    announce(pool, watch, place);
  }
}

/**
 * Says to those who watch prefixes that changes may be missing, and frees the rings that an agent
 * has locked that has died.
 */
export function endRingsOf(pool: Pool, agent: number): void {
  const end = placesWithMemory(pool);
  for (let place = 0; place < end; place++) {
    const watch = pool.watchWordsOf(place);
    const at = placeAt(place);
    if (unlockRingForDead(watch, at, agent)) sayLost(pool, watch, place);
  }
}

function sayLost(pool: Pool, watch: Int32Array, place: number): void {
  const at = placeAt(place);
  if (Atomics.load(watch, at + PLACE_PREFIX_COUNT) === 0) return;
  Atomics.store(watch, at + PLACE_LOST, 1);
  announce(pool, watch, place);
}

/**
 * Marks all that is watched of a slot: for an agent that has died while it had the slot locked, and
 * may have marked nothing, or half.
 */
export function markSlot(pool: Pool, slot: Slot): void {
  let watchers = Atomics.load(pool.control, pool.slotAt(slot) + SLOT_WATCHERS);
  while (watchers !== 0) {
    const place = 31 - Math.clz32(watchers);
    watchers &= ~(1 << place);
    const words = pool.watchWordsOf(place);
    const wanted = Atomics.load(words, placeAt(place) + PLACE_WANTED + slot);
    if (wanted !== 0) mark(pool, words, place, slot, wanted);
    sayLost(pool, words, place);
  }
}

function mark(pool: Pool, words: Int32Array, place: number, slot: Slot, bits: number): void {
  const at = placeAt(place);
  setBits(words, at + PLACE_MARKS + slot, bits);
  setBits(words, at + PLACE_DIRTY + (slot >>> 5), 1 << (slot & 31));
  announce(pool, words, place);
}

/** Says that there is something for a watcher, which clears that before it takes it. */
function announce(pool: Pool, words: Int32Array, place: number): void {
  const at = placeAt(place);
  setBits(words, at + PLACE_PENDING, 1);
  const sleepingAt = at + PLACE_SLEEPING;
  if (Atomics.load(words, sleepingAt) === 0) return;
  if (Atomics.exchange(words, sleepingAt, 0) !== 0) Bells.of(pool).ringAfterStep(place);
}

/** A key that changes all the time finds them set, and need not write. */
function setBits(words: Int32Array, at: number, bits: number): void {
  if ((Atomics.load(words, at) & bits) !== bits) Atomics.or(words, at, bits);
}
