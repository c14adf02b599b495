/**
 * Reads pages of keys in the process that has the pool.
 *
 * **Why every key that is there all the time is in one page, and no key in two.** Pages go through
 * the keys in an order that does not change: in an ordered pool that of their bytes, in another one
 * that of their slots, and of their bytes within a slot. A page has the keys that are there from
 * its position on, up to the one that it names, which is the position of the next. So the positions
 * divide all keys that there can be, and each is looked for in one page. Within a page of an
 * unordered pool the keys of a slot are collected as of one moment (OneSidedReader, `collectKeys`);
 * in an ordered one a cursor has gone past every key between two positions (RangeCursor). A key has
 * the same slot in every life of a pool, so all of this holds for pages of different hosts, too.
 *
 * A page is bounded in bytes, beyond which it has one value, and in time: it ends with the turn of
 * the event loop, unless it has nothing yet.
 *
 * @module
 */
import type { Slot } from "../../core/brands.ts";
import { InvalidArgumentError } from "../../core/errors.ts";
import { KeyEncoder, keyOf, type StoredKey } from "../../core/key_encoder.ts";
import { KEY_BYTES_MAX, PAGE_BYTES, SLOT_COUNT } from "../../core/limits.ts";
import { keysOfSlot } from "../../index/key_count.ts";
import type { IndexPlace, OneSidedReader } from "../../index/one_sided_reader.ts";
import { isOrdered } from "../../ordered/ordered_index.ts";
import { loopTurn } from "../../platform/loop_turn.ts";
import type { Pool } from "../../pool/pool.ts";
import { compareBytes, isEmptyRange, nextBytes } from "../../store/arguments/key_range.ts";
import { Cursors } from "../../store/reads/key_walk.ts";
import type { PagePosition, PageRequest } from "./call_requests.ts";
import { EntryListWriter } from "../../wire/entry_list.ts";
import { encodePage } from "./key_page.ts";

/** What looking at a key costs, as bytes that are copied. */
const LOOK_BYTES = 512;
const NO_KEY = new Uint8Array(0);

/** A way through keys, from a position on. */
interface PageWalk {
  /** Behind which key, and in which slot, it is. */
  readonly position: PagePosition;
  /** What the last step has cost, as bytes that are copied. */
  readonly stepBytes: number;
  /** Goes to the next key, and encodes it; "on" if it has only come nearer. */
  step(encoder: KeyEncoder): "key" | "on" | "end";
  /** Where the record of the key was found; undefined if it has not been looked for. */
  readonly place: IndexPlace | undefined;
  end(): void;
}

/** Reads pages of one pool. */
export class PageReader {
  readonly #pool: Pool;
  readonly #reader: OneSidedReader;
  readonly #cursors: Cursors | undefined;

  /** Reads a near pool. */
  constructor(pool: Pool, reader: OneSidedReader) {
    this.#pool = pool;
    this.#reader = reader;
    this.#cursors = isOrdered(pool) ? new Cursors(pool) : undefined;
  }

  /**
   * Reads a page.
   *
   * @throws {InvalidArgumentError} when it is asked for what there cannot be
   */
  async read(request: PageRequest, signal: AbortSignal): Promise<Uint8Array> {
    assertRequest(request);
    const walk = this.#walk(request);
    const list = new EntryListWriter();
    const encoder = new KeyEncoder(...this.#pool.hashKey);
    let state: "key" | "on" | "end" = "on";
    try {
      while (list.count < request.keysMax && list.byteLength < PAGE_BYTES && !signal.aborted) {
        if (loopTurn.count(walk.stepBytes)) {
          if (list.count > 0) break;
          await loopTurn.next();
        }
        state = walk.step(encoder);
        if (state === "end") break;
        if (state === "key") this.#add(list, encoder, walk.place, request.withValues);
      }
      return encodePage(list.bytes, state === "end" ? undefined : walk.position);
    } finally {
      walk.end();
    }
  }

  #add(
    list: EntryListWriter,
    encoder: KeyEncoder,
    place: IndexPlace | undefined,
    withValues: boolean,
  ): void {
    const reader = this.#reader;
    // A scan says nothing about what will be read again.
    reader.raisesCounts = false;
    try {
      const found = place && reader.readFound(encoder, place, withValues);
      if (!(found ?? reader.read(encoder, withValues))) return;
      const { version, expiresAtMs, valueBytes } = reader;
      const value = withValues ? reader.value.subarray(0, valueBytes) : undefined;
      list.add(encoder, value, { version, expiresAtMs });
      if (withValues) reader.shrinkScratch();
    } finally {
      reader.raisesCounts = true;
    }
  }

  #walk(request: PageRequest): PageWalk {
    if (this.#cursors !== undefined) return new OrderedPageWalk(this.#cursors, request);
    return new SlotPageWalk(this.#pool, this.#reader, request);
  }
}

/** Slot by slot, and in a slot in the order of bytes. */
class SlotPageWalk implements PageWalk {
  readonly place = undefined;
  stepBytes = 0;
  readonly #pool: Pool;
  readonly #reader: OneSidedReader;
  readonly #request: PageRequest;
  #slot: number;
  #last: Uint8Array;
  /** What is left of the slot; undefined before its keys are collected. */
  #keys: StoredKey[] | undefined;
  #at = 0;

  constructor(pool: Pool, reader: OneSidedReader, request: PageRequest) {
    this.#pool = pool;
    this.#reader = reader;
    this.#request = request;
    this.#slot = request.position?.slot ?? 0;
    this.#last = request.position?.key ?? NO_KEY;
  }

  get position(): PagePosition {
    return { slot: this.#slot, key: this.#last };
  }

  step(encoder: KeyEncoder): "key" | "on" | "end" {
    this.stepBytes = LOOK_BYTES;
    if (this.#keys === undefined) return this.#collect();
    const key = this.#keys[this.#at++];
    if (key === undefined) {
      this.#keys = undefined;
      this.#last = NO_KEY;
      // The position is behind this slot; behind the last one there is nothing.
      if (this.#slot === SLOT_COUNT - 1) return "end";
      this.#slot += 1;
      return "on";
    }
    encoder.encode(keyOf(key));
    this.#last = key.bytes;
    return "key";
  }

  #collect(): "on" | "end" {
    while (keysOfSlot(this.#pool, this.#slot as Slot) === 0) {
      this.#last = NO_KEY;
      if (this.#slot === SLOT_COUNT - 1) return "end";
      this.#slot += 1;
    }
    const { prefix, from } = this.#request;
    const last = this.#last;
    const keys = this.#reader.collectKeys(this.#slot as Slot, prefix);
    this.stepBytes = LOOK_BYTES * (1 + keys.length);
    // The prefix of a namespace is no key of the namespace.
    this.#keys = keys.filter(({ bytes }) =>
      bytes.length >= from.length && compareBytes(bytes, last) > 0
    ).sort((one, other) => compareBytes(one.bytes, other.bytes));
    this.#at = 0;
    return "on";
  }

  end(): void {
    this.#keys = undefined;
  }
}

/** In the order of the keys, from the one end of a range. */
class OrderedPageWalk implements PageWalk {
  readonly stepBytes = LOOK_BYTES;
  readonly #cursors: Cursors;
  readonly #cursor;
  readonly #isEmpty: boolean;
  readonly #first: Uint8Array;
  #hasStepped = false;

  constructor(cursors: Cursors, request: PageRequest) {
    const { from, to, isReverse, position, keysMax } = request;
    this.#cursors = cursors;
    this.#cursor = cursors.take();
    this.#first = position?.key ?? NO_KEY;
    const lower = position === undefined || isReverse ? from : nextBytes(position.key);
    const upper = position === undefined || !isReverse ? to : position.key;
    this.#isEmpty = isEmptyRange({ from: lower, to: upper, limit: keysMax });
    this.#cursor.seek({ lower, upper }, isReverse, keysMax);
  }

  get place(): IndexPlace {
    return this.#cursor.key;
  }

  get position(): PagePosition {
    const { words, byteLength } = this.#cursor.key;
    if (!this.#hasStepped) return { slot: 0, key: this.#first };
    return { slot: 0, key: new Uint8Array(words.buffer, words.byteOffset, byteLength).slice() };
  }

  step(encoder: KeyEncoder): "key" | "end" {
    if (this.#isEmpty || !this.#cursor.next()) return "end";
    encoder.copy(this.#cursor.key);
    this.#hasStepped = true;
    return "key";
  }

  end(): void {
    this.#cursors.giveBack(this.#cursor);
  }
}

function assertRequest(request: PageRequest): void {
  const { prefix, from, to, isReverse, position, keysMax, withValues } = request;
  const isPossible = isBytes(prefix, KEY_BYTES_MAX) && isBytes(from, KEY_BYTES_MAX + 1) &&
    (to === undefined || isBytes(to, KEY_BYTES_MAX + 1)) && typeof isReverse === "boolean" &&
    typeof withValues === "boolean" && (keysMax === Infinity || Number.isSafeInteger(keysMax)) &&
    keysMax >= 1 && (position === undefined || isPosition(position));
  if (!isPossible) throw new InvalidArgumentError("a page must be one of a range of keys");
}

function isPosition(position: unknown): position is PagePosition {
  if (typeof position !== "object" || position === null) return false;
  const { slot, key } = position as Partial<PagePosition>;
  return Number.isInteger(slot) && slot! >= 0 && slot! < SLOT_COUNT && isBytes(key, KEY_BYTES_MAX);
}

function isBytes(value: unknown, bytesMax: number): boolean {
  return value instanceof Uint8Array && value.length <= bytesMax;
}
