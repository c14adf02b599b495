/**
 * Values of its keys that a node shares with the thread that has started it: the node's part.
 *
 * What is shared is what the node's table holds: a value comes when a read of that thread has found
 * it, and is replaced or taken back **before** a change of its key is answered, before its slot is
 * served by another node, and before its place is used again. So what shared_reads.ts finds, it
 * finds while it holds. The argument is in docs/protocols/cluster.md, "Values that are shared".
 *
 * Entries stand in a ring: the oldest one goes when there is no room. One that is read often comes
 * again by the next read, which the node answers.
 *
 * @module
 */
import type { StoredKey } from "../../core/key_encoder.ts";
import { SLOT_COUNT, SLOT_SHIFT } from "../../core/limits.ts";
import { fence } from "../../platform/memory_order.ts";
import type { LogRecord } from "../messages/log_codec.ts";
import type { LeaseSpan } from "../node/lease.ts";
import type { ServedSlots } from "../node/slot_moves.ts";
import {
  BUCKET_ENTRIES,
  bucketOf,
  ENTRY_EXPIRY,
  ENTRY_HASH,
  ENTRY_KEY,
  ENTRY_KEY_BYTES,
  ENTRY_PERIOD,
  ENTRY_VALUE_BYTES,
  ENTRY_VERSION,
  entryAt,
  LEASE_CHANGES,
  LEASE_EPOCH,
  LEASE_MS,
  LEASE_SINCE,
  PERIODS,
  PIECE_BYTES,
  READS,
  type SharedView,
  valueAt,
  viewShared,
  WRITTEN_TO,
} from "./shared_layout.ts";

/** A value takes so much of the ring at most: others are to have room, too. */
const RING_SHARE_MAX = 1 / 8;
/** Positions below that are unsigned words. */
const POSITIONS = 2 ** 32;

/** Shares values of one node. */
export class SharedValues implements ServedSlots {
  readonly #view: SharedView;
  readonly #piecesMax: number;
  /** Where the next entry begins; no entry is at position 0. */
  #next: number;

  /**
   * Uses memory that was made for it, in which nothing is shared yet.
   *
   * @param next position of the first entry, a multiple of the ring's pieces; for tests
   */
  constructor(memory: SharedArrayBuffer, next?: number) {
    this.#view = viewShared(memory);
    this.#piecesMax = this.#view.pieces * RING_SHARE_MAX;
    this.#next = next ?? this.#view.pieces;
  }

  /**
   * Shares what a read has just found, which must be what the table has now.
   *
   * @returns whether it is shared
   */
  share(key: StoredKey, hash: number, record: LogRecord): boolean {
    const pieces = piecesOf(key, record);
    if (pieces > this.#piecesMax) return false;
    const found = this.#find(key, hash);
    this.#write(found === -1 ? this.#placeFor(hash) : found, pieces, key, hash, record);
    return true;
  }

  /** A record counts: what is shared of its key is replaced by it, or taken back. */
  change(hash: number, record: LogRecord): void {
    const { key, value, version } = record;
    const found = this.#find(key, hash);
    // Logs are read again: what is older changes nothing.
    if (found === -1 || this.#versionAt(found) >= version) return;
    const pieces = value === undefined ? Infinity : piecesOf(key, record);
    // Of a slot that is not served any more a record may come that another node has written.
    const isGone = pieces > this.#piecesMax || !this.#isOfPeriod(found, hash);
    if (isGone) Atomics.store(this.#view.words, found, 0);
    else this.#write(found, pieces, key, hash, record);
  }

  /** A slot is not served any more: nothing that is shared of it may be read. */
  end(slot: number): void {
    Atomics.add(this.#view.words, PERIODS + slot, 1);
  }

  /** No slot is. */
  endAll(): void {
    for (let slot = 0; slot < SLOT_COUNT; slot++) this.end(slot);
  }

  /** How long the node may answer, as it knows now. */
  prolong({ since, ms }: LeaseSpan): void {
    const { words, doubles } = this.#view;
    Atomics.add(words, LEASE_CHANGES, 1);
    fence();
    doubles[LEASE_SINCE] = since.monotonicMs;
    doubles[LEASE_EPOCH] = since.epochMs;
    doubles[LEASE_MS] = ms;
    Atomics.add(words, LEASE_CHANGES, 1);
  }

  /** How many reads the thread has answered. */
  get readCount(): number {
    return this.#view.doubles[READS]!;
  }

  /** Index of the position of what is shared of a key; -1: nothing. */
  #find({ bytes }: StoredKey, hash: number): number {
    const { words, bytes: memory } = this.#view;
    const bucket = bucketOf(this.#view, hash);
    for (let i = bucket; i < bucket + BUCKET_ENTRIES; i++) {
      const position = words[i]!;
      if (position === 0 || !this.#isIntact(position)) continue;
      const at = entryAt(this.#view, position);
      const isLike = words[at + ENTRY_HASH] === (hash | 0) &&
        words[at + ENTRY_KEY_BYTES] === bytes.length;
      if (isLike && isAt(memory, (at + ENTRY_KEY) * 4, bytes)) return i;
    }
    return -1;
  }

  /** Version of what a position leads to. */
  #versionAt(index: number): number {
    const { words, doubles } = this.#view;
    return doubles[entryAt(this.#view, words[index]!) / 2 + ENTRY_VERSION]!;
  }

  /** Whether what a position leads to was shared since its slot is served. */
  #isOfPeriod(index: number, hash: number): boolean {
    const { words } = this.#view;
    const period = words[entryAt(this.#view, words[index]!) + ENTRY_PERIOD];
    return period === words[PERIODS + (hash >>> SLOT_SHIFT)];
  }

  /**
   * Index of a position in the bucket of a hash: of one that leads to nothing, or the oldest one.
   */
  #placeFor(hash: number): number {
    const { words } = this.#view;
    const bucket = bucketOf(this.#view, hash);
    let oldest = bucket;
    for (let i = bucket; i < bucket + BUCKET_ENTRIES; i++) {
      const position = words[i]! >>> 0;
      if (position < words[oldest]! >>> 0) oldest = i;
    }
    return oldest;
  }

  /** Whether an entry has not been overwritten. */
  #isIntact(position: number): boolean {
    return this.#next - (position >>> 0) <= this.#view.pieces;
  }

  #write(
    index: number,
    pieces: number,
    key: StoredKey,
    hash: number,
    { value, version, expiresAtMs }: LogRecord,
  ): void {
    const { words, doubles, bytes } = this.#view;
    const position = this.#take(pieces);
    // Before the first byte of what stood there is overwritten.
    Atomics.store(words, WRITTEN_TO, this.#next);
    fence();
    const at = entryAt(this.#view, position);
    const keyBytes = key.bytes.length;
    const start = at + valueAt(keyBytes);
    words[at + ENTRY_HASH] = hash;
    words[at + ENTRY_PERIOD] = words[PERIODS + (hash >>> SLOT_SHIFT)]!;
    words[at + ENTRY_KEY_BYTES] = keyBytes;
    words[at + ENTRY_VALUE_BYTES] = value!.length;
    doubles[at / 2 + ENTRY_VERSION] = version;
    doubles[at / 2 + ENTRY_EXPIRY] = expiresAtMs;
    if ((keyBytes & 3) !== 0) words[start - 1] = 0;
    bytes.set(key.bytes, (at + ENTRY_KEY) * 4);
    bytes.set(value!, start * 4);
    // Publishes the entry; where there was an older one of the key, that is not found any more.
    Atomics.store(words, index, position);
  }

  /** Takes room for an entry; it does not go on at the beginning of the ring. */
  #take(count: number): number {
    const { words, pieces, ringAt } = this.#view;
    const left = pieces - (this.#next & (pieces - 1));
    let position = count > left ? this.#next + left : this.#next;
    if (position + count >= POSITIONS) {
      this.endAll();
      for (let i = PERIODS + SLOT_COUNT; i < ringAt; i++) Atomics.store(words, i, 0);
      position = pieces;
    }
    this.#next = position + count;
    return position;
  }
}

/** Whether bytes stand at a place. */
function isAt(memory: Uint8Array, start: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (memory[start + i] !== bytes[i]) return false;
  return true;
}

/** Pieces of the ring that an entry takes. */
function piecesOf({ bytes }: StoredKey, { value }: LogRecord): number {
  return Math.ceil((valueAt(bytes.length) * 4 + value!.length) / PIECE_BYTES);
}
