/**
 * Numbers as the codecs store them, read and written where they are: a KN that adds to one has no
 * codec of its own.
 *
 * What is written is what the codec of the store writes for the same number, byte for byte.
 *
 * @module
 */
import { copyWords } from "../core/copy_words.ts";
import { MsgpackWriter } from "./msgpack_writer.ts";

/** How a store writes numbers. */
export const NumberForm = {
  /** As bytes that only the application understands. */
  NONE: 0,
  MSGPACK: 1,
  JSON: 2,
} as const;

/**
 * Bytes of the longest number, as JSON: one such as -0.0000012345678901234567. Smaller ones have an
 * exponent instead of zeros.
 */
export const NUMBER_BYTES_MAX = 25;
/** Words of the longest number, in whole numbers of 8 bytes. */
export const NUMBER_WORDS_MAX = 8;

const CHARACTER_MINUS = 0x2d;
const CHARACTER_0 = 0x30;
const CHARACTER_9 = 0x39;

/**
 * Numbers below it are one byte in MessagePack as msgpackr has it; from it on these are records.
 */
const FIXED_MAX = 0x40;
const FIXED_NEGATIVE_MIN = 0xe0;

/** Reads and writes the numbers of one thread. */
export class StoredNumbers {
  readonly #words: Int32Array = new Int32Array(NUMBER_WORDS_MAX);
  readonly #bytes: Uint8Array = new Uint8Array(this.#words.buffer);
  readonly #view: DataView = new DataView(this.#words.buffer);
  readonly #writer = new MsgpackWriter();

  /**
   * Reads a value; NaN if it is no number.
   *
   * @param form one of `NumberForm`
   * @param words where the value begins, at `at`, with whole words
   */
  read(form: number, words: Int32Array, at: number, byteLength: number): number {
    if (byteLength === 0 || byteLength > NUMBER_BYTES_MAX) return NaN;
    copyWords(words, at, this.#words, 0, (byteLength + 3) >>> 2);
    if (form === NumberForm.MSGPACK) return this.#readMsgpack(byteLength);
    return form === NumberForm.JSON ? this.#readJson(byteLength) : NaN;
  }

  /**
   * Writes a finite number to whole words at `at`, with zeros behind it up to a multiple of 8
   * bytes; returns its length in bytes. There must be room for {@linkcode NUMBER_WORDS_MAX}.
   */
  write(form: number, value: number, words: Int32Array, at: number): number {
    this.#words.fill(0);
    const byteLength = form === NumberForm.JSON ? this.#putJson(value) : this.#putMsgpack(value);
    copyWords(this.#words, 0, words, at, ((byteLength + 7) >>> 3) << 1);
    return byteLength;
  }

  #readMsgpack(byteLength: number): number {
    const view = this.#view;
    const first = this.#bytes[0];
    if (byteLength === 1) {
      if (first < FIXED_MAX) return first;
      return first >= FIXED_NEGATIVE_MIN ? first - 0x100 : NaN;
    }
    switch (first) {
      case 0xca:
        return byteLength === 5 ? view.getFloat32(1) : NaN;
      case 0xcb:
        return byteLength === 9 ? view.getFloat64(1) : NaN;
      case 0xcc:
        return byteLength === 2 ? view.getUint8(1) : NaN;
      case 0xcd:
        return byteLength === 3 ? view.getUint16(1) : NaN;
      case 0xce:
        return byteLength === 5 ? view.getUint32(1) : NaN;
      case 0xd0:
        return byteLength === 2 ? view.getInt8(1) : NaN;
      case 0xd1:
        return byteLength === 3 ? view.getInt16(1) : NaN;
      case 0xd2:
        return byteLength === 5 ? view.getInt32(1) : NaN;
      default:
        return NaN;
    }
  }

  #readJson(byteLength: number): number {
    const bytes = this.#bytes;
    const first = bytes[0];
    const isNumber = first === CHARACTER_MINUS || (first >= CHARACTER_0 && first <= CHARACTER_9);
    if (!isNumber) return NaN;
    let whole = 0;
    for (let i = 0; i < byteLength; i++) {
      const digit = bytes[i] - CHARACTER_0;
      // A sign, a fraction or an exponent, or too many digits to be added up.
      if (digit < 0 || digit > 9 || i === 15) {
        return Number(String.fromCharCode(...bytes.subarray(0, byteLength)));
      }
      whole = whole * 10 + digit;
    }
    return whole;
  }

  #putMsgpack(value: number): number {
    const writer = this.#writer;
    writer.begin();
    writer.number(value);
    const { bytes, start, end } = writer;
    for (let i = start; i < end; i++) this.#bytes[i - start] = bytes[i];
    return end - start;
  }

  #putJson(value: number): number {
    const text = JSON.stringify(value);
    for (let i = 0; i < text.length; i++) this.#bytes[i] = text.charCodeAt(i);
    return text.length;
  }
}
