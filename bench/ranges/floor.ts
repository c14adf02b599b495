/**
 * What a range of ten keys costs at least whose records are found by the hash index: the words of
 * memory that have to be loaded, each when it is known where they are, and the values and keys that
 * have to be decoded, with nothing around them. No version is checked, no bound compared, no key
 * verified, and nothing is counted.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Packr, type Unpackr } from "msgpackr";

const KEYS = 10;
const LINE_WORDS = 16;
/**
 * Bytes of a record, of a key's share in the buckets, and of the line of a slot that is looked at.
 */
const RECORD_BYTES = 112;
const BUCKET_BYTES = 24;
const SLOT_COUNT = 4096;
const SLOT_WORDS = 64;
/** Words of a page of the tree, how many entries it has, and how many levels there are. */
const PAGE_WORDS = 256;
const PAGE_ENTRIES = 42;
const ENTRY_WORDS = 3;
const LEVELS = 3;

/** Does parts of a range of ten keys. */
export class RangeFloor {
  readonly #slots = words(SLOT_COUNT * SLOT_WORDS);
  readonly #buckets: Int32Array;
  readonly #records: Int32Array;
  /** The pages of each level. */
  readonly #levels: Int32Array[];
  readonly #unpackr: Unpackr;
  readonly #values: Buffer[];
  readonly #keys: Buffer;
  readonly #buckets10 = new Int32Array(KEYS);
  readonly #records10 = new Int32Array(KEYS);
  #state = 1;

  /** Prepares memory for so many keys, and values like one. */
  constructor(keyCount: number, key: string, value: unknown) {
    this.#buckets = words(keyCount * BUCKET_BYTES / 4);
    this.#records = words(keyCount * RECORD_BYTES / 4 + LINE_WORDS);
    this.#levels = Array.from({ length: LEVELS }, (_, i) => {
      const pageCount = Math.ceil(keyCount / PAGE_ENTRIES ** (LEVELS - i));
      const pages = words(pageCount * PAGE_WORDS);
      for (let at = 0; at < pages.length; at++) pages[at] = at % PAGE_WORDS;
      return pages;
    });
    const packr = new Packr({ structures: [] });
    this.#values = Array.from({ length: KEYS }, () => Buffer.from(packr.pack(value)));
    this.#unpackr = packr;
    this.#keys = Buffer.from(key.repeat(KEYS));
  }

  /** Searches a page of each level, one after the other. */
  search(): number {
    let seen = 0;
    for (const pages of this.#levels) {
      const page = this.#next(pages.length / PAGE_WORDS) * PAGE_WORDS;
      const wanted = this.#next(PAGE_ENTRIES) * ENTRY_WORDS;
      let from = 0;
      let to = PAGE_ENTRIES;
      while (from < to) {
        const middle = (from + to) >>> 1;
        if (pages[page + middle * ENTRY_WORDS]! < wanted) from = middle + 1;
        else to = middle;
      }
      seen += from;
    }
    return seen;
  }

  /** Loads the line of each key's slot, then those of the buckets, then two of each record. */
  load(): number {
    const slots = this.#slots;
    const buckets = this.#buckets;
    const records = this.#records;
    const buckets10 = this.#buckets10;
    const records10 = this.#records10;
    for (let i = 0; i < KEYS; i++) {
      const word = slots[this.#next(SLOT_COUNT) * SLOT_WORDS]!;
      buckets10[i] = this.#next(buckets.length / LINE_WORDS) * LINE_WORDS + word;
    }
    for (let i = 0; i < KEYS; i++) {
      const word = buckets[buckets10[i]!]!;
      records10[i] = this.#next(records.length / LINE_WORDS - 1) * LINE_WORDS + word;
    }
    let seen = 0;
    for (let i = 0; i < KEYS; i++) {
      seen ^= records[records10[i]!]! ^ records[records10[i]! + LINE_WORDS]!;
    }
    return seen;
  }

  /** Decodes the values. */
  decode(): number {
    let count = 0;
    for (const bytes of this.#values) if (this.#unpackr.unpack(bytes) !== undefined) count += 1;
    return count;
  }

  /** Makes strings of the keys. */
  text(): number {
    const keys = this.#keys;
    const step = keys.length / KEYS;
    let length = 0;
    for (let i = 0; i < keys.length; i += step) {
      length += keys.toString("latin1", i, i + step).length;
    }
    return length;
  }

  /** A number below a limit, anyhow. */
  #next(limit: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor(this.#state / 2 ** 32 * limit);
  }
}

function words(count: number): Int32Array {
  const lines = Math.ceil(count / LINE_WORDS);
  return new Int32Array(new SharedArrayBuffer(lines * LINE_WORDS * 4));
}
