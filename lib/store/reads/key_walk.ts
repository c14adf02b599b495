/**
 * Ways through the keys of a range, in steps, between which any time may pass.
 *
 * @module
 */
import type { Slot } from "../../core/brands.ts";
import type { Key, KeyEncoder, StoredKey } from "../../core/key_encoder.ts";
import { SLOT_COUNT } from "../../core/limits.ts";
import { keysOfSlot } from "../../index/key_count.ts";
import type { IndexPlace, OneSidedReader } from "../../index/one_sided_reader.ts";
import { RangeCursor } from "../../ordered/range_cursor.ts";
import type { Pool } from "../../pool/pool.ts";
import type { KeyRange } from "../arguments/key_range.ts";

/** A key that is collected costs as much as so many bytes that are copied. */
const COLLECTED_BYTES = 512;

/**
 * Cursors that are kept when no walk has them: some 30 KiB each. To make one takes as long as to go
 * through hundreds of keys.
 */
const CURSORS_KEPT = 64;

/** A way through some keys, some of which may have expired. */
export interface KeyWalk {
  /** Whether the last step has come to a key; otherwise it has only done some of the work. */
  readonly isAtKey: boolean;
  /** What the last step has cost, as bytes that are copied. */
  readonly stepBytes: number;
  /** Where the record of the key was found; undefined if it has not been looked for. */
  readonly place: IndexPlace | undefined;
  /** What finds the keys, some at one time; undefined if each is looked for by itself. */
  readonly cursor: RangeCursor | undefined;
  /** Goes on; false at the end. */
  step(): boolean;
  /** Encodes the key that it is at, which is returned as the application writes it. */
  take(encoder: KeyEncoder): Key;
  /** Says that it is not gone any further. */
  end(): void;
}

/** A way along which there is no key. */
export const NO_KEYS: KeyWalk = {
  isAtKey: false,
  stepBytes: 0,
  place: undefined,
  cursor: undefined,
  step: () => false,
  take: (encoder) => encoder.keyOf(encoder),
  end: () => {},
};

/** Slot by slot: in no order, and every key is looked at. */
export class SlotWalk implements KeyWalk {
  stepBytes = 0;
  readonly place = undefined;
  readonly cursor = undefined;
  readonly #pool: Pool;
  readonly #reader: OneSidedReader;
  readonly #range: KeyRange;
  #slot = 0;
  #keys: readonly StoredKey[] = [];
  #at = 0;

  /** Goes through the keys of a range that is all that begins with its prefix. */
  constructor(pool: Pool, reader: OneSidedReader, range: KeyRange) {
    this.#pool = pool;
    this.#reader = reader;
    this.#range = range;
  }

  get isAtKey(): boolean {
    return this.#at > 0;
  }

  step(): boolean {
    this.stepBytes = 0;
    if (this.#at < this.#keys.length) {
      this.#at += 1;
      return true;
    }
    this.#at = 0;
    this.#keys = [];
    for (let count = 0; count === 0; this.#slot++) {
      if (this.#slot === SLOT_COUNT) return false;
      const slot = this.#slot as Slot;
      count = keysOfSlot(this.#pool, slot);
      if (count === 0) continue;
      this.#keys = this.#collect(slot);
      this.stepBytes = count * COLLECTED_BYTES;
    }
    return true;
  }

  take(encoder: KeyEncoder): Key {
    const key = encoder.keyOf(this.#keys[this.#at - 1]);
    encoder.encode(key);
    return key;
  }

  end(): void {
    this.#keys = [];
  }

  #collect(slot: Slot): StoredKey[] {
    const { prefix, from } = this.#range;
    const keys = this.#reader.collectKeys(slot, prefix);
    // The prefix of a namespace is no key of the namespace.
    return prefix.length === 0 ? keys : keys.filter(({ bytes }) => bytes.length >= from.length);
  }
}

/** Cursors of one thread, of which a walk has one as long as it goes. */
export class Cursors {
  readonly #pool: Pool;
  readonly #free: RangeCursor[] = [];

  /** Makes cursors of an ordered pool when they are needed. */
  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Takes one. */
  take(): RangeCursor {
    return this.#free.pop() ?? new RangeCursor(this.#pool);
  }

  /** Takes one back. */
  giveBack(cursor: RangeCursor): void {
    if (this.#free.length < CURSORS_KEPT) this.#free.push(cursor);
  }
}

/** In the order of the keys, from the one end of a range: what is outside is not looked at. */
export class OrderedWalk implements KeyWalk {
  readonly isAtKey = true;
  readonly stepBytes = 0;
  readonly cursor: RangeCursor;
  readonly #cursors: Cursors;

  /** Goes through the keys of a range; values up to so many bytes are copied with their keys. */
  constructor(cursors: Cursors, { from, to, isReverse, limit }: KeyRange, valueBytesMax: number) {
    this.#cursors = cursors;
    this.cursor = cursors.take();
    this.cursor.seek({ lower: from, upper: to }, isReverse, limit, valueBytesMax);
  }

  get place(): IndexPlace {
    return this.cursor.key;
  }

  step(): boolean {
    return this.cursor.next();
  }

  take(encoder: KeyEncoder): Key {
    encoder.copy(this.cursor.key);
    return encoder.key;
  }

  end(): void {
    this.#cursors.giveBack(this.cursor);
  }
}
