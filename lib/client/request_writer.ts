/**
 * Writes requests: the header, and the log record as the KN will copy it.
 *
 * @module
 */
import {
  FLAG_EXPIRES,
  RECORD_CLIENT,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_REPLACES,
  RECORD_REQUEST_POSITION,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  sessionName,
  valueWord,
  writeExpiry,
} from "../log/record_layout.ts";
import { commitHeadWords, entryCount } from "../rings/commit_words.ts";
import {
  REQUEST_ARGUMENT,
  REQUEST_LENGTH,
  REQUEST_OPERATION,
  REQUEST_RECORD,
  REQUEST_VERSION_HIGH,
  REQUEST_VERSION_LOW,
} from "../rings/ring_layout.ts";
import { type RequestDraft, requestLength, type ValueBytes } from "./request_draft.ts";

/**
 * Bytes up to which a loop copies faster than `TypedArray.set`, which has to make a subarray first.
 */
const LOOP_COPY_BYTES = 128;

/** Puts the name of a session, and its number there, into a request that begins at an index. */
export function nameRequest(words: Int32Array, at: number, session: number, number: number): void {
  words[at + REQUEST_RECORD + RECORD_CLIENT] = sessionName(session);
  words[at + REQUEST_RECORD + RECORD_REQUEST_POSITION] = number;
}

/** Writes the requests of one client. */
export class RequestWriter {
  readonly #clientId: number;
  #valueView: Int32Array = new Int32Array(0);

  /** Writes requests in the name of a client. */
  constructor(clientId: number) {
    this.#clientId = clientId;
  }

  /**
   * Writes a whole request, except its length, owner word and position.
   *
   * @param words where to, as words
   * @param bytes the same buffer as bytes
   * @param at index of its first word
   */
  write(draft: RequestDraft, words: Int32Array, bytes: Uint8Array, at: number): void {
    const end = at + requestLength(draft);
    words[end - 1] = 0;
    words[end - 2] = 0;
    this.#writeHead(draft, words, at);
    if (draft.value.end > draft.value.start) {
      this.#writeValue(bytes, words, at + REQUEST_RECORD + valueWord(draft.meta), draft.value);
    }
  }

  /** Puts the name of the client into a request that another one has written. */
  sign(words: Int32Array): void {
    words[REQUEST_RECORD + RECORD_CLIENT] = this.#clientId;
  }

  /**
   * The same of an atomic commit.
   *
   * @param session in whose name its entries are, with numbers from that of the commit on; 0: in the
   *   name of the client
   */
  signCommit(words: Int32Array, session: number): void {
    this.sign(words);
    const end = words[REQUEST_LENGTH];
    let number = words[REQUEST_RECORD + RECORD_REQUEST_POSITION];
    for (
      let at = commitHeadWords(entryCount(words, 0));
      at < end;
      at += words[at + REQUEST_LENGTH]
    ) {
      if (session === 0) words[at + REQUEST_RECORD + RECORD_CLIENT] = this.#clientId;
      else nameRequest(words, at, session, number++);
    }
  }

  /** Makes a request outside the ring, to be held. */
  copy(draft: RequestDraft): Int32Array {
    const words = new Int32Array(requestLength(draft));
    words[REQUEST_LENGTH] = words.length;
    this.write(draft, words, new Uint8Array(words.buffer), 0);
    return words;
  }

  /**
   * Makes a request that ends where its value would begin, for a value that does not travel through
   * the ring.
   */
  copyWithoutValue(draft: RequestDraft): Int32Array {
    const words = new Int32Array(REQUEST_RECORD + valueWord(draft.meta));
    words[REQUEST_LENGTH] = words.length;
    this.#writeHead(draft, words, 0);
    return words;
  }

  #writeHead(draft: RequestDraft, words: Int32Array, at: number): void {
    const { key, meta, expectedVersion } = draft;
    words[at + REQUEST_OPERATION] = draft.operation;
    words[at + REQUEST_VERSION_LOW] = expectedVersion | 0;
    words[at + REQUEST_VERSION_HIGH] = Math.floor(expectedVersion / 2 ** 32);
    words[at + REQUEST_ARGUMENT] = 0;
    const record = at + REQUEST_RECORD;
    const valueAt = record + valueWord(meta);
    // The words that may be padding, between key and expiry time or value; the ring holds older
    // requests.
    words[valueAt - 3] = 0;
    words[valueAt - 1] = 0;
    words[record + RECORD_VALUE_BYTES] = draft.value.end - draft.value.start;
    words[record + RECORD_META] = meta;
    words[record + RECORD_HASH] = key.hash;
    words[record + RECORD_VERSION_LOW] = 0;
    words[record + RECORD_CLIENT] = this.#clientId;
    words[record + RECORD_REPLACES] = 0;
    const keyWords = key.words;
    const keyWordCount = (key.byteLength + 3) >>> 2;
    for (let i = 0; i < keyWordCount; i++) words[record + RECORD_KEY + i] = keyWords[i];
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
    if (this.#valueView.buffer !== bytes.buffer || this.#valueView.length < first + whole) {
      this.#valueView = new Int32Array(bytes.buffer, 0, bytes.buffer.byteLength >>> 2);
    }
    const source = this.#valueView;
    for (let i = 0; i < whole; i++) words[to + i] = source[first + i];
    for (let i = length & ~3; i < length; i++) target[to * 4 + i] = bytes[start + i];
  }
}
