/**
 * Writes MessagePack into a buffer that grows: its numbers, strings and bytes, and the heads of
 * what contains others.
 *
 * @module
 */
import { Buffer } from "node:buffer";

const INITIAL_BYTES = 8192;
/** A larger buffer is not kept for the next value. */
const KEPT_BYTES_MAX = 1 << 22;
/** Bytes of a buffer that only `#reserve` may use, so that headers and numbers need not ask. */
const MARGIN_BYTES = 32;
/** Where values begin: words are copied faster from there, and the mark fits before it. */
const VALUE_START = 8;

/** Characters up to which a loop encodes a string faster than the runtime does. */
const LOOP_CHARS = 64;
/** Characters from which on a string's bytes are counted before there is room made for them. */
const COUNTED_CHARS = 4096;

const BYTE_ORDER_MARK = 0xfeff;

/** First byte of records: structures 0 to 31 in one byte, the others in two. */
export const RECORD = 0x40;
/** Structures whose number takes no byte of its own. */
export const ONE_BYTE_RECORDS = 32;
/** A record whose structure's number goes on in the next byte. */
export const LONG_RECORD = 0x60;
/**
 * Numbers of structures that a value defines for itself are `32 + (i << 5)` for i from this on:
 * beyond all shared ones, and decoded by way of shared structure 32, which must exist if a record
 * refers to one.
 */
export const OWN_STRUCTURE = 4;

/** Types of MessagePack's extensions, as msgpackr has them. */
export const Extension = {
  BIG_INT: 0x42,
  RECORD: 0x72,
  SET: 0x73,
  TYPED_ARRAY: 0x74,
  REG_EXP: 0x78,
  TIMESTAMP: 0xff,
} as const;

/** Writes one value after the other. */
export class MsgpackWriter {
  #target: Buffer;
  #view: DataView;
  #at = 0;
  /** Index from which on there may be no room for a header. */
  #limit = 0;

  /** Makes a writer with a small buffer. */
  constructor() {
    this.#target = Buffer.allocUnsafeSlow(INITIAL_BYTES);
    this.#view = viewOf(this.#target);
    this.#limit = INITIAL_BYTES - MARGIN_BYTES;
  }

  /** The buffer: the value begins at {@linkcode start}, or, if it is marked, one byte before. */
  get bytes(): Buffer {
    return this.#target;
  }

  /** Where the value begins. */
  get start(): number {
    return VALUE_START;
  }

  /** Where the value ends. */
  get end(): number {
    return this.#at;
  }

  /** Begins a value, over the one before. */
  begin(): void {
    if (this.#target.length > KEPT_BYTES_MAX) this.#grow(INITIAL_BYTES, 0);
    this.#at = VALUE_START;
  }

  /** The head of an array of so many items. */
  listHead(length: number): void {
    if (length < 16) this.byte(0x90 | length);
    else this.head(0xdc, length);
  }

  /** The head of an object of a shared structure. */
  recordHead(id: number): void {
    if (this.#at > this.#limit) this.#reserve(0);
    if (id < ONE_BYTE_RECORDS) {
      this.#target[this.#at++] = RECORD + id;
    } else {
      this.#target[this.#at++] = LONG_RECORD + ((id - ONE_BYTE_RECORDS) & 0x1f);
      this.#target[this.#at++] = (id - ONE_BYTE_RECORDS) >> 5;
    }
  }

  /**
   * A string; false, and nothing is written, if UTF-8 cannot say it, or msgpackr would change it.
   */
  string(text: string): boolean {
    const { length } = text;
    const bytesMax = length < COUNTED_CHARS ? 3 * length : Buffer.byteLength(text);
    if (this.#at + bytesMax > this.#limit) this.#reserve(bytesMax);
    const target = this.#target;
    // The header is as long as it has to be for one byte a character; otherwise it grows.
    const head = stringHead(bytesMax === 3 * length ? length : bytesMax);
    const from = this.#at + head;
    let byteLength: number;
    if (length < LOOP_CHARS) {
      let at = from;
      for (let i = 0; i < length; i++) {
        let unit = text.charCodeAt(i);
        if (unit < 0x80) {
          target[at++] = unit;
        } else if (unit < 0x800) {
          target[at++] = unit >> 6 | 0xc0;
          target[at++] = unit & 0x3f | 0x80;
        } else if ((unit & 0xf800) !== 0xd800) {
          if (unit === BYTE_ORDER_MARK && i === 0) return false;
          target[at++] = unit >> 12 | 0xe0;
          target[at++] = unit >> 6 & 0x3f | 0x80;
          target[at++] = unit & 0x3f | 0x80;
        } else {
          const low = text.charCodeAt(++i);
          if ((unit & 0x400) !== 0 || (low & 0xfc00) !== 0xdc00) return false;
          unit = 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff);
          target[at++] = unit >> 18 | 0xf0;
          target[at++] = unit >> 12 & 0x3f | 0x80;
          target[at++] = unit >> 6 & 0x3f | 0x80;
          target[at++] = unit & 0x3f | 0x80;
        }
      }
      byteLength = at - from;
    } else {
      if (!isDecodable(text)) return false;
      byteLength = target.write(text, from);
    }
    const needed = stringHead(byteLength);
    if (needed !== head) target.copyWithin(this.#at + needed, from, from + byteLength);
    this.#stringHead(byteLength);
    this.#at += byteLength;
    return true;
  }

  #stringHead(length: number): void {
    const target = this.#target;
    if (length < 0x20) {
      target[this.#at++] = 0xa0 | length;
    } else if (length < 0x100) {
      target[this.#at++] = 0xd9;
      target[this.#at++] = length;
    } else {
      this.head(0xda, length);
    }
  }

  /** A number, in as few bytes as it takes. */
  number(value: number): void {
    if (this.#at > this.#limit) this.#reserve(0);
    const target = this.#target;
    let at = this.#at;
    if (value >>> 0 === value && (value !== 0 || 1 / value > 0)) {
      if (value < 0x40) {
        target[at++] = value;
      } else if (value < 0x100) {
        target[at++] = 0xcc;
        target[at++] = value;
      } else if (value < 0x10000) {
        target[at++] = 0xcd;
        target[at++] = value >> 8;
        target[at++] = value;
      } else {
        target[at++] = 0xce;
        target[at++] = value >>> 24;
        target[at++] = value >>> 16;
        target[at++] = value >>> 8;
        target[at++] = value;
      }
    } else if (value >> 0 === value && value < 0) {
      if (value >= -0x20) {
        target[at++] = value;
      } else if (value >= -0x80) {
        target[at++] = 0xd0;
        target[at++] = value;
      } else if (value >= -0x8000) {
        target[at++] = 0xd1;
        target[at++] = value >> 8;
        target[at++] = value;
      } else {
        target[at++] = 0xd2;
        target[at++] = value >> 24;
        target[at++] = value >> 16;
        target[at++] = value >> 8;
        target[at++] = value;
      }
    } else {
      target[at] = 0xcb;
      this.#view.setFloat64(at + 1, value);
      at += 9;
    }
    this.#at = at;
  }

  /** A `bigint`: of 64 bits, or else an extension. */
  bigint(value: bigint): void {
    if (this.#at > this.#limit) this.#reserve(0);
    if (BigInt.asIntN(64, value) === value) {
      this.#target[this.#at] = 0xd3;
      this.#view.setBigInt64(this.#at + 1, value);
      this.#at += 9;
    } else if (BigInt.asUintN(64, value) === value) {
      this.#target[this.#at] = 0xcf;
      this.#view.setBigUint64(this.#at + 1, value);
      this.#at += 9;
    } else {
      this.#extension(Extension.BIG_INT, twosComplement(value));
    }
  }

  /** A timestamp of 4, 8 or 12 bytes; of 1 byte if the date is invalid. */
  date(timeMs: number): void {
    if (this.#at > this.#limit) this.#reserve(0);
    const target = this.#target;
    const view = this.#view;
    const seconds = Math.floor(timeMs / 1000);
    const nanoseconds = (timeMs - 1000 * seconds) * 1e6;
    if (Number.isNaN(timeMs)) {
      this.fixedExtension(Extension.TIMESTAMP, 0xff);
    } else if (nanoseconds === 0 && seconds >= 0 && seconds < 2 ** 32) {
      target[this.#at] = 0xd6;
      target[this.#at + 1] = Extension.TIMESTAMP;
      view.setUint32(this.#at + 2, seconds);
      this.#at += 6;
    } else if (seconds >= 0 && seconds < 2 ** 34) {
      target[this.#at] = 0xd7;
      target[this.#at + 1] = Extension.TIMESTAMP;
      view.setUint32(this.#at + 2, 4 * nanoseconds + Math.floor(seconds / 2 ** 32));
      view.setUint32(this.#at + 6, seconds);
      this.#at += 10;
    } else {
      target[this.#at] = 0xc7;
      target[this.#at + 1] = 12;
      target[this.#at + 2] = Extension.TIMESTAMP;
      view.setUint32(this.#at + 3, nanoseconds);
      view.setBigInt64(this.#at + 7, BigInt(seconds));
      this.#at += 15;
    }
  }

  /** A typed array, an `ArrayBuffer` or a `DataView`, by msgpackr's number of its type. */
  typed(code: number, bytes: Uint8Array): void {
    this.#extensionHead(Extension.TYPED_ARRAY, 1 + bytes.length);
    this.byte(code);
    this.#bytes(bytes);
  }

  #extension(type: number, bytes: Uint8Array): void {
    this.#extensionHead(type, bytes.length);
    this.#bytes(bytes);
  }

  #extensionHead(type: number, length: number): void {
    if (length < 0x100) {
      this.byte(0xc7);
      this.byte(length);
    } else {
      this.head(0xc8, length);
    }
    this.byte(type);
  }

  /** An extension of one byte: what it means follows, or is in the byte. */
  fixedExtension(type: number, content = 0): void {
    if (this.#at > this.#limit) this.#reserve(0);
    this.#target[this.#at++] = 0xd4;
    this.#target[this.#at++] = type;
    this.#target[this.#at++] = content;
  }

  /** A head with a length of 2 bytes, or with the next one's of 4. */
  head(head: number, length: number): void {
    if (this.#at > this.#limit) this.#reserve(0);
    if (length < 0x10000) {
      this.#target[this.#at] = head;
      this.#view.setUint16(this.#at + 1, length);
      this.#at += 3;
    } else {
      this.#target[this.#at] = head + 1;
      this.#view.setUint32(this.#at + 1, length);
      this.#at += 5;
    }
  }

  /** One byte. */
  byte(byte: number): void {
    if (this.#at > this.#limit) this.#reserve(0);
    this.#target[this.#at++] = byte;
  }

  #bytes(bytes: Uint8Array): void {
    if (this.#at + bytes.length > this.#limit) this.#reserve(bytes.length);
    this.#target.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Makes room for some bytes, and a header behind them. */
  #reserve(bytes: number): void {
    this.#grow(Math.max(2 * this.#target.length, this.#at + bytes + 2 * MARGIN_BYTES), this.#at);
  }

  #grow(size: number, kept: number): void {
    const old = this.#target;
    this.#target = Buffer.allocUnsafeSlow(size);
    this.#target.set(old.subarray(0, kept));
    this.#view = viewOf(this.#target);
    this.#limit = size - MARGIN_BYTES;
  }

  /** The head of an object that carries its names, which follow as an array. */
  recordDefinition(number: number): void {
    if (this.#at > this.#limit) this.#reserve(0);
    this.#target[this.#at++] = 0xd5;
    this.#target[this.#at++] = Extension.RECORD;
    this.#target[this.#at++] = LONG_RECORD;
    this.#target[this.#at++] = number;
  }

  /** The head of an object whose names {@linkcode recordDefinition} has defined. */
  definedRecord(number: number): void {
    if (this.#at > this.#limit) this.#reserve(0);
    this.#target[this.#at++] = LONG_RECORD;
    this.#target[this.#at++] = number;
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Bytes of the header of a string of so many bytes. */
function stringHead(length: number): number {
  if (length < 0x20) return 1;
  if (length < 0x100) return 2;
  return length < 0x10000 ? 3 : 5;
}

/** Whether UTF-8 can say a string, and msgpackr keeps its first character. */
export function isDecodable(text: string): boolean {
  return text.isWellFormed() && text.charCodeAt(0) !== BYTE_ORDER_MARK;
}

/** The bytes of a number that has more than 64 bits, the highest first. */
function twosComplement(value: bigint): Buffer {
  let byteLength = Math.ceil((value < 0n ? ~value : value).toString(16).length / 2);
  // The highest bit says whether it is negative.
  if (BigInt.asIntN(8 * byteLength, value) !== value) byteLength += 1;
  const digits = BigInt.asUintN(8 * byteLength, value).toString(16);
  return Buffer.from(digits.padStart(2 * byteLength, "0"), "hex");
}
