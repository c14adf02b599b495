/**
 * The ring in which a thread that watches prefixes is told which keys have changed, and how.
 *
 * ```text
 *   change   word 0   words of the key (0-15) | kind (16) | the key was given as bytes (17)
 *            word 1   bytes of the key
 *            word 2   version, low 32 bits
 *            word 3   version, high bits
 *            word 4   the key, zero-padded
 * ```
 *
 * Any agent may append, one at a time: the one that has the ring's lock, which names it. It appends
 * while it has the slot of the key locked, so the changes of a key are in the order in which they
 * were made. The watcher takes them without a lock: what is before TAIL is complete.
 *
 * **Nothing waits for the watcher, or for another agent.** If the ring is full, or its lock is not
 * to be had within a bound, or an agent dies that has the lock or a slot, LOST is set: changes may
 * be missing. The watcher tells its consumers so, after the changes that it has found in the ring.
 * A lock is taken away only from an agent that is known to be dead, and the ring is as it was
 * before, since TAIL is stored last. So what the watcher takes is never half a change.
 *
 * @module
 */
import type { PoolAddress } from "../core/brands.ts";
import { COMPARED_PREFIX_BYTES_MAX } from "../core/limits.ts";
import {
  FLAG_BINARY_KEY,
  metaKeyBytes,
  metaVersionHigh,
  RECORD_KEY,
  RECORD_META,
  RECORD_VERSION_LOW,
} from "../log/record_layout.ts";
import { sleepSync } from "../platform/sleep_sync.ts";
import type { Pool } from "../pool/pool.ts";
import {
  PLACE_LOST,
  PLACE_PREFIX_COUNT,
  PLACE_RING,
  PLACE_RING_HEAD,
  PLACE_RING_LOCK,
  PLACE_RING_TAIL,
  PREFIX_BYTES,
  PREFIX_LENGTH,
  prefixAt,
  RING_WORDS,
} from "../pool/watch_layout.ts";

/** What has happened to a key: it has a new record, or none any more. */
export const ChangeKind = { PUT: 0, DELETE: 1 } as const;

/** A change, as the watcher takes it. */
export interface TakenChange {
  readonly bytes: Uint8Array;
  readonly isBinary: boolean;
  readonly isDelete: boolean;
  /** Version of the record that was put, or is gone. */
  readonly version: number;
}

const HEADER_WORDS = 4;
const KEY_WORDS_MASK = 0xffff;
const KIND_SHIFT = 16;
const BINARY_SHIFT = 17;
const INDEX_MASK = RING_WORDS - 1;
/** How often an agent tries to get the lock: as long as a few changes take. */
const LOCK_POLLS_MAX = 1000;
/**
 * How often it sleeps then, for a holder that waits for a processor, unless a change is lost
 * anyway.
 */
const LOCK_NAPS_MAX = 4;
const LOCK_NAP_MS = 1;

/** Whether the key of a record begins like a prefix that the place at an index watches. */
export function isPrefixWatched(
  watch: Int32Array,
  at: number,
  words: Int32Array,
  record: number,
): boolean {
  const count = Atomics.load(watch, at + PLACE_PREFIX_COUNT);
  const keyBytes = metaKeyBytes(words[record + RECORD_META]);
  // The store's own key is nobody else's.
  if (keyBytes === 0) return false;
  for (let i = 0; i < count; i++) {
    const prefix = at + prefixAt(i);
    const length = Atomics.load(watch, prefix + PREFIX_LENGTH);
    if (length < 0 || length > keyBytes) continue;
    const compared = Math.min(length, COMPARED_PREFIX_BYTES_MAX);
    if (startsWith(words, record + RECORD_KEY, watch, prefix + PREFIX_BYTES, compared)) return true;
  }
  return false;
}

function startsWith(
  words: Int32Array,
  from: number,
  prefix: Int32Array,
  prefixFrom: number,
  bytes: number,
): boolean {
  const whole = bytes >>> 2;
  for (let i = 0; i < whole; i++) if (words[from + i] !== prefix[prefixFrom + i]) return false;
  const rest = (1 << (8 * (bytes & 3))) - 1;
  return ((words[from + whole] ^ prefix[prefixFrom + whole]) & rest) === 0;
}

/** Appends a change of a record's key, or says that one is missing. */
export function appendChange(
  pool: Pool,
  agent: number,
  watch: Int32Array,
  at: number,
  address: PoolAddress,
  kind: number,
): void {
  if (!lockRing(watch, at, agent)) {
    Atomics.store(watch, at + PLACE_LOST, 1);
    return;
  }
  const words = pool.wordsOf(address);
  const record = pool.wordAt(address);
  const meta = words[record + RECORD_META];
  const keyBytes = metaKeyBytes(meta);
  const keyWords = (keyBytes + 3) >>> 2;
  const length = HEADER_WORDS + keyWords;
  const tail = watch[at + PLACE_RING_TAIL];
  const usedWords = (tail - Atomics.load(watch, at + PLACE_RING_HEAD)) | 0;
  if (usedWords + length > RING_WORDS) Atomics.store(watch, at + PLACE_LOST, 1);
  else {
    const isBinary = (meta & FLAG_BINARY_KEY) === 0 ? 0 : 1;
    const ring = at + PLACE_RING;
    watch[ring + (tail & INDEX_MASK)] = keyWords | (kind << KIND_SHIFT) |
      (isBinary << BINARY_SHIFT);
    watch[ring + ((tail + 1) & INDEX_MASK)] = keyBytes;
    watch[ring + ((tail + 2) & INDEX_MASK)] = words[record + RECORD_VERSION_LOW];
    watch[ring + ((tail + 3) & INDEX_MASK)] = metaVersionHigh(meta);
    for (let i = 0; i < keyWords; i++) {
      watch[ring + ((tail + HEADER_WORDS + i) & INDEX_MASK)] = words[record + RECORD_KEY + i];
    }
    // Publishes the change; pairs with the watcher's load.
    Atomics.store(watch, at + PLACE_RING_TAIL, (tail + length) | 0);
  }
  Atomics.store(watch, at + PLACE_RING_LOCK, 0);
}

function lockRing(watch: Int32Array, at: number, agent: number): boolean {
  const lock = at + PLACE_RING_LOCK;
  for (let i = 0; i < LOCK_POLLS_MAX; i++) {
    if (Atomics.compareExchange(watch, lock, 0, agent + 1) === 0) return true;
  }
  for (let i = 0; i < LOCK_NAPS_MAX && Atomics.load(watch, at + PLACE_LOST) === 0; i++) {
    sleepSync(LOCK_NAP_MS);
    if (Atomics.compareExchange(watch, lock, 0, agent + 1) === 0) return true;
  }
  return false;
}

/** Takes the lock of a ring away from an agent that has died; false if it does not have it. */
export function unlockRingForDead(watch: Int32Array, at: number, agent: number): boolean {
  return Atomics.compareExchange(watch, at + PLACE_RING_LOCK, agent + 1, 0) === agent + 1;
}

/**
 * Takes all changes out of a ring; for the watcher.
 *
 * @returns whether others may be missing
 */
export function takeChanges(
  watch: Int32Array,
  at: number,
  visit: (change: TakenChange) => void,
): boolean {
  // Before TAIL is loaded: what is lost from here on is said the next time.
  const isLost = Atomics.load(watch, at + PLACE_LOST) !== 0 &&
    Atomics.exchange(watch, at + PLACE_LOST, 0) !== 0;
  const tail = Atomics.load(watch, at + PLACE_RING_TAIL);
  let head = watch[at + PLACE_RING_HEAD];
  const ring = at + PLACE_RING;
  while (head !== tail) {
    const header = watch[ring + (head & INDEX_MASK)];
    const keyWords = header & KEY_WORDS_MASK;
    const key = new Int32Array(keyWords);
    for (let i = 0; i < keyWords; i++) {
      key[i] = watch[ring + ((head + HEADER_WORDS + i) & INDEX_MASK)];
    }
    const low = watch[ring + ((head + 2) & INDEX_MASK)];
    const high = watch[ring + ((head + 3) & INDEX_MASK)];
    visit({
      bytes: new Uint8Array(key.buffer, 0, watch[ring + ((head + 1) & INDEX_MASK)]),
      isBinary: ((header >>> BINARY_SHIFT) & 1) !== 0,
      isDelete: ((header >>> KIND_SHIFT) & 1) === ChangeKind.DELETE,
      version: high * 2 ** 32 + (low >>> 0),
    });
    head = (head + HEADER_WORDS + keyWords) | 0;
  }
  // Gives the room back.
  Atomics.store(watch, at + PLACE_RING_HEAD, head);
  return isLost;
}
