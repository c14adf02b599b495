/**
 * The key of a record, where it stands.
 *
 * @module
 */
import { metaKeyBytes, RECORD_HASH, RECORD_KEY, RECORD_META } from "./record_layout.ts";

/** A key: its hash, and its bytes as words, zero-padded, from an index. */
export interface KeyWords {
  readonly hash: number;
  readonly words: Int32Array;
  readonly start: number;
  readonly byteLength: number;
}

/** The key of one record after the other. */
export class RecordKey implements KeyWords {
  hash = 0;
  words: Int32Array = new Int32Array(0);
  start = 0;
  byteLength = 0;

  /** Shows the key of the record at an index; returns this. */
  show(words: Int32Array, at: number): this {
    this.hash = words[at + RECORD_HASH];
    this.words = words;
    this.start = at + RECORD_KEY;
    this.byteLength = metaKeyBytes(words[at + RECORD_META]);
    return this;
  }
}
