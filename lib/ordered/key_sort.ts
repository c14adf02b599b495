/**
 * Sorts records by their keys, for a tree that is built at once.
 *
 * Records are sorted by a few bytes of their keys, and those that tie by the next few, and so on.
 * Each time the bytes are packed into one number together with the record's place, so that numbers
 * are sorted, which runtimes do fast, and no key is compared with another one (a radix sort from
 * the first bytes on; McIlroy, Bostic, McIlroy, Computing Systems 1993).
 *
 * @module
 */
import type { PoolAddress } from "../core/brands.ts";
import { metaKeyBytes, RECORD_KEY, RECORD_META } from "../log/record_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { compareRecordKeys, keySlice } from "./key_order.ts";

/** Records that are compared with each other rather than sorted by bytes. */
const COMPARED_MAX = 12;
/** A number holds 53 bits: bytes of the key, and behind them the record's place. */
const SLICE_BYTES = 4;
const PLACES_MAX = 2 ** 21;
/** The same for more records than that. */
const SHORT_SLICE_BYTES = 3;
const SHORT_PLACES_MAX = 2 ** 29;

/** Records whose keys are the same in their first bytes, so that the bytes behind them decide. */
export interface TiedRecords {
  /** The first of them, in the array. */
  readonly from: number;
  /** Behind the last of them. */
  readonly to: number;
  /** How many bytes of the keys are the same. */
  readonly offset: number;
}

/** Sorts records of one pool. */
export class KeySort {
  readonly #pool: Pool;
  readonly #records: Int32Array;
  #numbers = new Float64Array(0);
  #moved = new Int32Array(0);

  /** Sorts an array of addresses, in place; each key is there once. */
  constructor(pool: Pool, records: Int32Array) {
    this.#pool = pool;
    this.#records = records;
  }

  /** Sorts some of the records. */
  sort(tied: TiedRecords): void {
    const open = [tied];
    for (let next = open.pop(); next !== undefined; next = open.pop()) this.split(next, open);
  }

  /**
   * Sorts some of the records as far as a few bytes more tell them apart.
   *
   * @param open gets those that still tie, from left to right
   */
  split(tied: TiedRecords, open: TiedRecords[]): void {
    const { from, to } = tied;
    const offset = tied.offset + this.#sharedBytes(tied);
    const count = to - from;
    const isShort = count > PLACES_MAX;
    const sliceBytes = isShort ? SHORT_SLICE_BYTES : SLICE_BYTES;
    const places = isShort ? SHORT_PLACES_MAX : PLACES_MAX;
    this.#grow(count);
    const numbers = this.#numbers.subarray(0, count);
    for (let i = 0; i < count; i++) {
      const slice = (this.#sliceAt(this.#records[from + i], offset) ^ (1 << 31)) >>> 0;
      numbers[i] = (isShort ? slice >>> 8 : slice) * places + i;
    }
    numbers.sort();
    const moved = this.#moved;
    for (let i = 0; i < count; i++) moved[i] = this.#records[from + numbers[i] % places];
    for (let i = 0; i < count; i++) this.#records[from + i] = moved[i];
    for (let i = 1, first = 0; i <= count; i++) {
      const slice = Math.floor(numbers[first] / places);
      if (i < count && Math.floor(numbers[i] / places) === slice) continue;
      const tie = { from: from + first, to: from + i, offset: offset + sliceBytes };
      if (i - first > 1) this.#settleOrPush(tie, open);
      first = i;
    }
  }

  #settleOrPush(tied: TiedRecords, open: TiedRecords[]): void {
    if (tied.to - tied.from <= COMPARED_MAX) return this.#sortByComparing(tied);
    const from = this.#sortEnded(tied);
    if (tied.to - from > 1) open.push({ ...tied, from });
  }

  /**
   * Puts the keys that are no longer than `offset` in front, by their length: what they have in
   * common with the others is theirs with zeros behind it. Returns where the others begin.
   */
  #sortEnded({ from, to, offset }: TiedRecords): number {
    const records = this.#records;
    let end = from;
    for (let i = from; i < to; i++) {
      if (this.#keyBytes(records[i]) > offset) continue;
      const record = records[i];
      records[i] = records[end];
      records[end] = record;
      end += 1;
    }
    this.#sortByComparing({ from, to: end, offset });
    return end;
  }

  #sortByComparing({ from, to }: TiedRecords): void {
    const records = this.#records;
    for (let i = from + 1; i < to; i++) {
      const record = records[i];
      let at = i;
      for (; at > from && this.#isBehind(records[at - 1], record); at--) {
        records[at] = records[at - 1];
      }
      records[at] = record;
    }
  }

  #isBehind(one: number, other: number): boolean {
    return compareRecordKeys(this.#pool, one as PoolAddress, other as PoolAddress) > 0;
  }

  /** How many bytes behind `offset` all keys have in common, as far as that is whole slices. */
  #sharedBytes({ from, to, offset }: TiedRecords): number {
    const first = this.#records[from];
    let shared = Math.max(0, this.#keyBytes(first) - offset);
    for (let i = from + 1; i < to && shared > 0; i++) {
      const record = this.#records[i];
      shared = Math.min(shared, Math.max(0, this.#keyBytes(record) - offset));
      for (let same = 0; same < shared; same += SLICE_BYTES) {
        const slice = this.#sliceAt(record, offset + same);
        if (slice !== this.#sliceAt(first, offset + same)) shared = same;
      }
    }
    return shared;
  }

  #sliceAt(record: number, offset: number): number {
    const words = this.#pool.wordsOf(record as PoolAddress);
    const at = this.#pool.wordAt(record as PoolAddress);
    return keySlice(words, at + RECORD_KEY, metaKeyBytes(words[at + RECORD_META]), offset);
  }

  #keyBytes(record: number): number {
    const words = this.#pool.wordsOf(record as PoolAddress);
    return metaKeyBytes(words[this.#pool.wordAt(record as PoolAddress) + RECORD_META]);
  }

  #grow(count: number): void {
    if (this.#numbers.length >= count) return;
    this.#numbers = new Float64Array(count);
    this.#moved = new Int32Array(count);
  }
}
