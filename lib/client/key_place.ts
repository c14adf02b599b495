/**
 * Where the key of a request is, by which its way is chosen.
 *
 * @module
 */
import { metaKeyBytes, RECORD_HASH, RECORD_KEY, RECORD_META } from "../log/record_layout.ts";
import { REQUEST_RECORD } from "../rings/ring_layout.ts";

/** A key: its hash, and its bytes as words, zero-padded, from an index. A `KeyEncoder` is one. */
export interface KeyPlace {
  readonly hash: number;
  readonly words: Int32Array;
  readonly start: number;
  readonly byteLength: number;
}

/** Where the key of a request is. */
export function keyOfRequest(words: Int32Array): KeyPlace {
  return {
    hash: words[REQUEST_RECORD + RECORD_HASH],
    words,
    start: REQUEST_RECORD + RECORD_KEY,
    byteLength: metaKeyBytes(words[REQUEST_RECORD + RECORD_META]),
  };
}
