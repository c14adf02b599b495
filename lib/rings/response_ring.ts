/**
 * What far KNs answer to reads: one byte ring for each (client, KN), written by the KN and read by
 * the client, in the order of the requests.
 *
 * ```text
 *   word 0   length of the value in bytes
 *   word 1   version, bits 0-31
 *   word 2   version, bits 32-47
 *   word 3   expiry time in milliseconds, bits 0-31; both words are 0 if there is none
 *   word 4   expiry time, bits 32-47
 *   word 5   zero
 *   word 6   the value, zero-padded to a multiple of 8 bytes
 * ```
 *
 * Why nothing is overwritten that is still wanted: the KN claims space only up to what the client
 * has published as taken (RESPONSES_READ), and the client publishes that when it has copied the
 * value. A response is complete before the completion entry that names it, so a client that sees
 * the answer sees the value (I2). A client that takes the answers of a KN that is gone finds them
 * where they were: no other KN gets the ring before the client has let go of it.
 *
 * Responses do not wrap: what is left at the end is skipped. A response takes at most a quarter of
 * the ring, so an empty ring has room for it wherever it begins. Positions count words without
 * bound and wrap as u32; only differences are used.
 *
 * @module
 */
import { copyWords } from "../core/copy_words.ts";
import type { FoundValue } from "../log/record_view.ts";
import {
  RESPONSES,
  RESPONSES_READ,
  RESPONSES_WRITTEN,
  responseWordsOf,
  type RingHandle,
} from "./ring_layout.ts";

const RESPONSE_VALUE_BYTES = 0;
const RESPONSE_VERSION_LOW = 1;
const RESPONSE_VERSION_HIGH = 2;
const RESPONSE_EXPIRY_LOW = 3;
const RESPONSE_EXPIRY_HIGH = 4;
const RESPONSE_VALUE = 6;

/** Returned by {@linkcode ResponseWriter.write} when the ring is full. */
export const RESPONSES_FULL = -1;
/** Returned by it when the value is too large for the ring. */
export const RESPONSE_TOO_LARGE = -2;

/** The KN's end. One thread has it, from the beginning to the end of the KN. */
export class ResponseWriter {
  readonly #words: Int32Array;
  readonly #capacity: number;
  #written = 0;

  /** Opens the KN's end of a ring. */
  constructor(handle: RingHandle) {
    this.#words = responseWordsOf(handle);
    this.#capacity = handle.responseWords ?? 0;
    // Another KN may have had the ring before: no client wants what is left of it.
    this.#written = Atomics.load(this.#words, RESPONSES_READ);
  }

  /** Position behind the newest response. */
  get position(): number {
    return this.#written;
  }

  /**
   * Writes a response; returns its index, {@linkcode RESPONSES_FULL} or {@linkcode
   * RESPONSE_TOO_LARGE}.
   */
  write(found: FoundValue): number {
    const valueWords = ((found.valueBytes + 7) >>> 3) << 1;
    const length = RESPONSE_VALUE + valueWords;
    if (length > this.#capacity >>> 2) return RESPONSE_TOO_LARGE;
    const offset = this.#written & (this.#capacity - 1);
    const skipped = offset + length > this.#capacity ? this.#capacity - offset : 0;
    const used = (this.#written - Atomics.load(this.#words, RESPONSES_READ)) | 0;
    if (used + skipped + length > this.#capacity) return RESPONSES_FULL;
    this.#written = (this.#written + skipped) | 0;
    const at = RESPONSES + (this.#written & (this.#capacity - 1));
    const words = this.#words;
    const isExpiring = found.expiresAtMs !== Infinity;
    words[at + RESPONSE_VALUE_BYTES] = found.valueBytes;
    words[at + RESPONSE_VERSION_LOW] = found.version | 0;
    words[at + RESPONSE_VERSION_HIGH] = Math.floor(found.version / 2 ** 32);
    words[at + RESPONSE_EXPIRY_LOW] = isExpiring ? found.expiresAtMs | 0 : 0;
    words[at + RESPONSE_EXPIRY_HIGH] = isExpiring ? Math.floor(found.expiresAtMs / 2 ** 32) : 0;
    copyWords(found.words, found.valueAt, words, at + RESPONSE_VALUE, (found.valueBytes + 3) >>> 2);
    this.#written = (this.#written + length) | 0;
    words[RESPONSES_WRITTEN] = this.#written;
    return at;
  }

  /** Waits a bounded time for the client to take a response. */
  waitForRoom(timeoutMs: number): void {
    Atomics.wait(this.#words, RESPONSES_READ, Atomics.load(this.#words, RESPONSES_READ), timeoutMs);
  }
}

/** A value that was read. */
export interface ReadValue {
  /** A private copy of the value. */
  readonly bytes: Uint8Array;
  readonly version: number;
  /** In milliseconds since the epoch, or Infinity. */
  readonly expiresAtMs: number;
}

/** The client's end. */
export class ResponseReader {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  /** Opens the client's end of a ring. */
  constructor(handle: RingHandle) {
    this.#words = responseWordsOf(handle);
    const { buffer, byteOffset, byteLength } = this.#words;
    this.#bytes = new Uint8Array(buffer, byteOffset, byteLength);
    // What the ring's last client has left belongs to no client: it has no requests in flight any
    // more.
    Atomics.store(this.#words, RESPONSES_READ, this.#words[RESPONSES_WRITTEN]);
  }

  /**
   * Takes a response.
   *
   * @param at its index, as the completion says
   * @param end position behind it, as the completion says
   */
  take(at: number, end: number): ReadValue {
    const words = this.#words;
    const valueBytes = words[at + RESPONSE_VALUE_BYTES];
    const version = words[at + RESPONSE_VERSION_HIGH] * 2 ** 32 +
      (words[at + RESPONSE_VERSION_LOW] >>> 0);
    const expiry = words[at + RESPONSE_EXPIRY_HIGH] * 2 ** 32 +
      (words[at + RESPONSE_EXPIRY_LOW] >>> 0);
    const start = (at + RESPONSE_VALUE) * 4;
    const bytes = new Uint8Array(valueBytes);
    bytes.set(this.#bytes.subarray(start, start + valueBytes));
    // After the copy: from here on the KN may write there. It may wait for that.
    Atomics.store(words, RESPONSES_READ, end);
    Atomics.notify(words, RESPONSES_READ);
    return { bytes, version, expiresAtMs: expiry === 0 ? Infinity : expiry };
  }
}
