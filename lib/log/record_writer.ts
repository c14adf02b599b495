/**
 * Writes the records of puts and deletes, as they will stand in the log, but for their versions and
 * what they replace: into memory of this thread, or of a request, from which they are copied.
 *
 * @module
 */
import type { EncodedKey } from "../core/key_encoder.ts";
import {
  FLAG_EXPIRES,
  RECORD_CLIENT,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_REPLACES,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  recordWords,
  valueWord,
  writeExpiry,
} from "./record_layout.ts";

/**
 * Bytes up to which a loop copies faster than `TypedArray.set`, which has to make a subarray first.
 */
const LOOP_COPY_BYTES = 128;

/** Value bytes: `bytes[start]` to `bytes[end - 1]`. */
export interface ValueBytes {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** A record to be written. Key and value are valid until it has been. */
export interface RecordDraft {
  /** META word of the record. */
  readonly meta: number;
  readonly key: EncodedKey;
  readonly value: ValueBytes;
  /** In milliseconds since the epoch, or Infinity. */
  readonly expiresAtMs: number;
}

/** Words of the whole record. */
export function draftWords({ meta, value }: RecordDraft): number {
  return recordWords(meta, value.end - value.start);
}

/** Writes the records of one client. */
export class RecordWriter {
  readonly #clientId: number;
  /** The bytes of the last short value as words, and what they are a view of. */
  #valueView: Int32Array = new Int32Array(0);
  #viewed: Uint8Array = new Uint8Array(0);

  /** Writes records in the name of a client. */
  constructor(clientId: number) {
    this.#clientId = clientId;
  }

  /**
   * Writes a whole record, except its position.
   *
   * @param words where to, as words
   * @param bytes the same buffer as bytes
   * @param at index of its first word
   */
  write(draft: RecordDraft, words: Int32Array, bytes: Uint8Array, at: number): void {
    const end = at + draftWords(draft);
    words[end - 1] = 0;
    words[end - 2] = 0;
    this.writeHead(draft, words, at);
    const { value } = draft;
    if (value.end > value.start) this.#writeValue(bytes, words, at + valueWord(draft.meta), value);
  }

  /** Writes what is before the value. */
  writeHead(draft: RecordDraft, words: Int32Array, at: number): void {
    const { key, meta, value } = draft;
    const valueAt = at + valueWord(meta);
    // The words that may be padding, between key and expiry time or value; here were other records.
    words[valueAt - 3] = 0;
    words[valueAt - 1] = 0;
    words[at + RECORD_VALUE_BYTES] = value.end - value.start;
    words[at + RECORD_META] = meta;
    words[at + RECORD_HASH] = key.hash;
    words[at + RECORD_VERSION_LOW] = 0;
    words[at + RECORD_CLIENT] = this.#clientId;
    words[at + RECORD_REPLACES] = 0;
    const keyWords = key.words;
    const keyWordCount = (key.byteLength + 3) >>> 2;
    for (let i = 0; i < keyWordCount; i++) words[at + RECORD_KEY + i] = keyWords[i];
    if ((meta & FLAG_EXPIRES) !== 0) writeExpiry(words, valueAt - 2, draft.expiresAtMs);
  }

  /** Copies a value; the words of its padding are zero already. */
  #writeValue(target: Uint8Array, words: Int32Array, to: number, value: ValueBytes): void {
    const { bytes, start } = value;
    const length = value.end - start;
    if (length > LOOP_COPY_BYTES || ((bytes.byteOffset + start) & 3) !== 0) {
      const isWhole = start === 0 && length === bytes.length;
      target.set(isWhole ? bytes : bytes.subarray(start, value.end), to * 4);
      return;
    }
    const first = (bytes.byteOffset + start) >>> 2;
    const whole = length >>> 2;
    // Codecs reuse their buffer, so the view of it is made once; a resized buffer needs another
    // one.
    if (this.#viewed !== bytes || this.#valueView.length < first + whole) {
      this.#viewed = bytes;
      this.#valueView = new Int32Array(bytes.buffer, 0, bytes.buffer.byteLength >>> 2);
    }
    const source = this.#valueView;
    for (let i = 0; i < whole; i++) words[to + i] = source[first + i];
    for (let i = length & ~3; i < length; i++) target[to * 4 + i] = bytes[start + i];
  }
}
