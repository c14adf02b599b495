/**
 * The least that a `set` has to do that keeps the promises of a store of Dinomo in memory: visible
 * to all threads when it returns, versioned, in a log that can be copied, safe beside other
 * writers.
 *
 * It hashes the key, writes the record (header, key, text) behind all others into shared memory,
 * takes one lock, finds the key, gives the record a version, points the index at it by one store,
 * and unlocks by another. All that is in one function, without rings, owners, codecs or options;
 * keys are ASCII, no table grows, and what is overwritten is not cleaned: the log starts over
 * instead.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { halfSipHash13 } from "../../lib/core/half_sip_hash.ts";
import {
  keyEquals,
  metaKeyBytes,
  packMeta,
  RECORD_CLIENT,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_REPLACES,
  RECORD_REQUEST_POSITION,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  RecordKind,
  recordWords,
  valueWord,
} from "../../lib/log/record_layout.ts";

const LOG_BYTES = 48 * 2 ** 20;
/** Where the log starts over. */
const LOG_WORDS_MAX = LOG_BYTES / 4 - 2 ** 16;
const FIRST = 2;
const PAIRS = 2 ** 15;
const PAIR_MASK = 2 * PAIRS - 1;
const SLOT_SHIFT = 20;
/** Words of a slot: its lock, and its newest version. */
const SLOT_WORDS = 32;
const SLOTS = 2 ** (32 - SLOT_SHIFT);
const KEY_WORDS_MAX = 64;
const HASH_KEY = [0x12345678, 0x1abcdef0] as const;

const STORED = Promise.resolve(true);

/** What Buffers of all runtimes have, and their types lack. */
type Utf8Buffer = Buffer & { utf8Write(text: string, at: number, bytesMax: number): number };

/** Keys and texts in shared memory; no more than a third as many keys as there are pairs. */
export class LeastPuts {
  readonly #slots = new Int32Array(new SharedArrayBuffer(SLOTS * SLOT_WORDS * 4));
  readonly #index = new Int32Array(new SharedArrayBuffer(PAIRS * 8));
  readonly #log = new SharedArrayBuffer(LOG_BYTES);
  readonly #words = new Int32Array(this.#log);
  readonly #bytes = Buffer.from(this.#log) as Utf8Buffer;
  readonly #key = new Int32Array(KEY_WORDS_MAX);
  #next = FIRST;

  /** Stores a text. */
  set(key: string, text: string): Promise<boolean> {
    const words = this.#words;
    const slots = this.#slots;
    const index = this.#index;
    const keyWords = this.#key;
    const { length } = key;
    let word = 0;
    let seen = 0;
    for (let i = 0; i < length; i++) {
      const c = key.charCodeAt(i);
      seen |= c;
      word |= c << ((i & 3) << 3);
      if ((i & 3) !== 3) continue;
      keyWords[i >>> 2] = word;
      word = 0;
    }
    keyWords[length >>> 2] = word;
    if (seen > 0x7f || length >= 4 * KEY_WORDS_MAX) throw new Error("keys are short, and ASCII");
    const hash = halfSipHash13(HASH_KEY[0], HASH_KEY[1], keyWords, 0, length);
    const meta = packMeta(length, RecordKind.PUT, 0);
    const at = this.#next > LOG_WORDS_MAX ? FIRST : this.#next;
    const valueAt = at + valueWord(meta);
    const valueBytes = this.#bytes.utf8Write(text, valueAt * 4, 3 * text.length);
    words[at + RECORD_VALUE_BYTES] = valueBytes;
    words[at + RECORD_HASH] = hash;
    words[at + RECORD_CLIENT] = words[at + RECORD_REQUEST_POSITION] = 0;
    for (let i = 0; i <= length >>> 2; i++) words[at + RECORD_KEY + i] = keyWords[i]!;
    this.#next = at + recordWords(meta, valueBytes);
    const slot = (hash >>> SLOT_SHIFT) * SLOT_WORDS;
    while (Atomics.compareExchange(slots, slot, 0, 1) !== 0);
    let pair = (hash << 1) & PAIR_MASK;
    while (
      index[pair + 1] !== 0 &&
      (index[pair] !== hash || !keyEquals(words, index[pair + 1]!, keyWords, 0, length))
    ) pair = (pair + 2) & PAIR_MASK;
    words[at + RECORD_REPLACES] = index[pair + 1]!;
    words[at + RECORD_VERSION_LOW] = ++slots[slot + 1];
    words[at + RECORD_META] = meta;
    index[pair] = hash;
    Atomics.store(index, pair + 1, at);
    Atomics.store(slots, slot, 0);
    return STORED;
  }

  /** The text of a key; undefined if there is none. For the test. */
  textOf(key: string): string | undefined {
    const words = this.#words;
    for (let pair = 0; pair < 2 * PAIRS; pair += 2) {
      const at = this.#index[pair + 1]!;
      if (at === 0) continue;
      const meta = words[at + RECORD_META]!;
      const keyAt = (at + RECORD_KEY) * 4;
      if (this.#bytes.toString("latin1", keyAt, keyAt + metaKeyBytes(meta)) !== key) continue;
      const valueAt = (at + valueWord(meta)) * 4;
      return this.#bytes.toString("utf8", valueAt, valueAt + words[at + RECORD_VALUE_BYTES]!);
    }
    return undefined;
  }
}
