/**
 * Encodes values as MessagePack that msgpackr decodes: with shared structures, and its extensions.
 *
 * The encoder is the store's own because what is acknowledged has to come back: msgpackr writes
 * much that cannot be read, or not on every runtime (values that are too deep, two dictionaries
 * with the same names), and turns into an empty object what it does not know. To look for that
 * before msgpackr encodes took 10 % to 20 % longer; here it is known anyway. See docs/values.md for
 * what comes back as what, and docs/deviations.md for the figures.
 *
 * Format: https://github.com/msgpack/msgpack/blob/master/spec.md, and for records
 * https://github.com/kriszyp/msgpackr#record--object-structures.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { types } from "node:util";
import { NESTING_MAX } from "../core/limits.ts";
import { isException, partsOf } from "./error_parts.ts";
import { type SharedStructures, StructureNode, UNSHARED } from "./shared_structures.ts";
import { MARK, Special } from "./special_values.ts";

/** A part of a value that cannot be stored; thrown in the middle of an encoding. */
export class Unstorable {
  /** The part itself. */
  readonly part: unknown;
  /** What is wrong, after "value.part ". */
  readonly reason: string;

  /** Refuses a part of a value. */
  constructor(part: unknown, reason: string) {
    this.part = part;
    this.reason = reason;
  }
}

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
const RECORD = 0x40;
const ONE_BYTE_RECORDS = 32;
/** A record whose structure's number goes on in the next byte. */
const LONG_RECORD = 0x60;
/**
 * Numbers of structures that a value defines for itself are `32 + (i << 5)` for i from this on:
 * beyond all shared ones, and decoded by way of shared structure 32, which must exist if a record
 * refers to one.
 */
const OWN_STRUCTURE = 4;
/** Structures that a value defines and refers to; the next is defined each time. */
const OWN_STRUCTURES_MAX = 16;

/** Types of MessagePack's extensions, as msgpackr has them. */
const Extension = {
  BIG_INT: 0x42,
  RECORD: 0x72,
  SET: 0x73,
  TYPED_ARRAY: 0x74,
  REG_EXP: 0x78,
  TIMESTAMP: 0xff,
} as const;

/** msgpackr's numbers of binary types. */
const TYPED_ARRAYS: ReadonlyMap<string, number> = new Map(
  [
    "Int8Array",
    "Uint8Array",
    "Uint8ClampedArray",
    "Int16Array",
    "Uint16Array",
    "Int32Array",
    "Uint32Array",
    "Float32Array",
    "Float64Array",
    "BigInt64Array",
    "BigUint64Array",
  ].map((name, i) => [name, i]),
);
const ARRAY_BUFFER = 0x10;
const DATA_VIEW = 0x11;

/** Instances of these are stored as what their `toJSON` returns; other built-in types are not. */
const JSON_TAG = /^\[object (?:Object|URL|Temporal\..+)\]$/;

const { getPrototypeOf, prototype: objectPrototype } = Object;
const { hasOwnProperty, toString } = objectPrototype;
// Of a map of any realm, and whatever a class that extends it has made of them.
const mapEntries = Map.prototype.entries;
const mapSize = Object.getOwnPropertyDescriptor(Map.prototype, "size")!.get!;
const typedArrayTag = Object.getOwnPropertyDescriptor(
  getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)!.get!;

/** Encodes the values of one thread. */
export class MsgpackEncoder {
  /** The buffer of the last encoded value, which is `bytes[start]` to `bytes[end - 1]`. */
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  readonly #structures: SharedStructures;
  /** The buffer that is written to. */
  #target: Buffer;
  #view: DataView;
  #at = 0;
  /** Index from which on there may be no room for a header. */
  #limit = 0;
  #isEncoding = false;
  /** Generation of the structures whose numbers are written. */
  #generation = 0;
  #isMarked = false;
  /** Structures that are not shared, of the value that is encoded. */
  #ownRoot: StructureNode | undefined;
  #ownCount = 0;

  /** Makes an encoder that uses a pool's structures. */
  constructor(structures: SharedStructures) {
    this.#structures = structures;
    this.#target = Buffer.allocUnsafeSlow(INITIAL_BYTES);
    this.#view = viewOf(this.#target);
    this.#limit = INITIAL_BYTES - MARGIN_BYTES;
  }

  /**
   * Encodes a value.
   *
   * @throws {Unstorable} when a part of it cannot be stored
   */
  encode(value: unknown): void {
    // A getter or toJSON has called the store in the middle of an encoding.
    if (this.#isEncoding) return this.#encodeWithin(value);
    this.#isEncoding = true;
    const structureCount = this.#structures.count;
    try {
      if (this.#target.length > KEPT_BYTES_MAX) this.#grow(INITIAL_BYTES, 0);
      do this.#encodeOnce(value); while (!this.#isCurrent());
    } catch (error) {
      this.#structures.forget(structureCount);
      throw error;
    } finally {
      this.#isEncoding = false;
      this.#ownRoot = undefined;
    }
  }

  #encodeWithin(value: unknown): void {
    const encoder = new MsgpackEncoder(this.#structures);
    encoder.encode(value);
    this.bytes = encoder.bytes;
    this.start = encoder.start;
    this.end = encoder.end;
  }

  #encodeOnce(value: unknown): void {
    this.#generation = this.#structures.generation;
    this.#at = VALUE_START;
    this.#isMarked = false;
    this.#ownRoot = undefined;
    this.#ownCount = 0;
    this.#write(value, NESTING_MAX);
    this.start = VALUE_START;
    if (this.#isMarked) this.#target[--this.start] = MARK;
    this.bytes = this.#target;
    this.end = this.#at;
  }

  /** Whether the numbers of structures that were written are those of the pool. */
  #isCurrent(): boolean {
    const { bytes, start, end } = this;
    const isCurrent = this.#structures.save() && this.#structures.generation === this.#generation;
    // Saving waits, and may call listeners that store something.
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    return isCurrent;
  }

  #write(value: unknown, depthLeft: number): void {
    switch (typeof value) {
      case "string":
        return this.#writeString(value);
      case "number":
        return this.#writeNumber(value);
      case "boolean":
        return this.#writeByte(value ? 0xc3 : 0xc2);
      case "object":
        return value === null ? this.#writeByte(0xc0) : this.#writeObject(value, depthLeft);
      case "undefined":
        return this.#writeFixedExtension(0);
      case "bigint":
        return this.#writeBigInt(value);
      default:
        throw new Unstorable(value, `is a ${typeof value}`);
    }
  }

  #writeObject(value: object, depthLeft: number): void {
    if (depthLeft === 0) {
      throw new Unstorable(
        undefined,
        `is nested more than ${NESTING_MAX} levels deep, or refers to itself`,
      );
    }
    const prototype: unknown = getPrototypeOf(value);
    if (prototype === objectPrototype) return this.#writeRecord(value, depthLeft - 1);
    if (Array.isArray(value)) return this.#writeList(value, depthLeft - 1);
    this.#writeOther(value, depthLeft - 1);
  }

  #writeList(list: readonly unknown[], depthLeft: number): void {
    const { length } = list;
    this.#writeListHead(length);
    for (let i = 0; i < length; i++) this.#write(list[i], depthLeft);
    if (list.length < length) throw new Unstorable(list, "has changed while it was stored");
  }

  #writeListHead(length: number): void {
    if (length < 16) this.#writeByte(0x90 | length);
    else this.#writeHead(0xdc, length);
  }

  /** An object whose own enumerable properties are stored. */
  #writeRecord(object: object, depthLeft: number): void {
    let node: StructureNode | undefined = this.#structures.root;
    for (const name in object) {
      if (!hasOwnProperty.call(object, name)) continue;
      node = node.next(name);
      if (node === undefined) break;
    }
    let count: number;
    if (node !== undefined && node.id !== UNSHARED) {
      this.#writeRecordHead(node.id);
      count = node.depth;
    } else {
      const names = Object.keys(object);
      if (!names.every(isRecordName)) return this.#writeProperties(object, names, depthLeft);
      const id = this.#structures.idOf(names);
      if (id !== UNSHARED) this.#writeRecordHead(id);
      else this.#writeOwnRecordHead(names);
      count = names.length;
    }
    for (const name in object) {
      if (!hasOwnProperty.call(object, name)) continue;
      count -= 1;
      this.#write((object as Record<string, unknown>)[name], depthLeft);
    }
    if (count !== 0) throw new Unstorable(object, "has changed while it was stored");
  }

  #writeRecordHead(id: number): void {
    if (this.#at > this.#limit) this.#reserve(0);
    if (id < ONE_BYTE_RECORDS) {
      this.#target[this.#at++] = RECORD + id;
    } else {
      this.#target[this.#at++] = LONG_RECORD + ((id - ONE_BYTE_RECORDS) & 0x1f);
      this.#target[this.#at++] = (id - ONE_BYTE_RECORDS) >> 5;
    }
  }

  /** The head of an object that carries its names, or refers to one before that does. */
  #writeOwnRecordHead(names: readonly string[]): void {
    this.#ownRoot ??= new StructureNode(0);
    const node = this.#ownRoot.reach(names);
    let i = node.id;
    if (i === UNSHARED) {
      const canRefer = this.#structures.count > ONE_BYTE_RECORDS &&
        this.#ownCount < OWN_STRUCTURES_MAX;
      i = OWN_STRUCTURE + (canRefer ? this.#ownCount++ : OWN_STRUCTURES_MAX);
      if (canRefer) node.id = i;
      if (this.#at > this.#limit) this.#reserve(0);
      this.#target[this.#at++] = 0xd5;
      this.#target[this.#at++] = Extension.RECORD;
      this.#target[this.#at++] = LONG_RECORD;
      this.#target[this.#at++] = i;
      this.#writeListHead(names.length);
      for (const name of names) this.#writeString(name);
    } else {
      if (this.#at > this.#limit) this.#reserve(0);
      this.#target[this.#at++] = LONG_RECORD;
      this.#target[this.#at++] = i;
    }
  }

  /** An object with names that msgpackr would change, or that UTF-8 cannot say. */
  #writeProperties(object: object, names: readonly string[], depthLeft: number): void {
    this.#writeMarkedHead(Special.OBJECT, 2 * names.length);
    for (const name of names) {
      this.#writeString(name);
      this.#write((object as Record<string, unknown>)[name], depthLeft);
    }
  }

  /** An object that is neither an array nor a plain one. */
  #writeOther(value: object, depthLeft: number): void {
    if (types.isDate(value)) return this.#writeDate(Date.prototype.getTime.call(value));
    if (types.isMap(value)) return this.#writeMap(value, depthLeft);
    if (types.isSet(value)) {
      this.#writeFixedExtension(Extension.SET);
      return this.#writeList([...Set.prototype.values.call(value)], depthLeft);
    }
    if (ArrayBuffer.isView(value)) return this.#writeView(value);
    if (types.isArrayBuffer(value)) return this.#writeTyped(ARRAY_BUFFER, new Uint8Array(value));
    if (types.isRegExp(value)) {
      this.#writeFixedExtension(Extension.REG_EXP);
      return this.#writeList([value.source, value.flags], depthLeft);
    }
    if (types.isNativeError(value) || value instanceof Error) {
      return this.#writeError(value as Error, depthLeft);
    }
    const tag = toString.call(value);
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === "function" && JSON_TAG.test(tag)) {
      const json: unknown = toJSON.call(value, "");
      if (json !== value) return this.#write(json, depthLeft);
    }
    if (tag !== "[object Object]") throw new Unstorable(value, refusalOf(value, tag));
    this.#writeRecord(value, depthLeft);
  }

  #writeMap(map: Map<unknown, unknown>, depthLeft: number): void {
    let count = mapSize.call(map) as number;
    if (count < 16) this.#writeByte(0x80 | count);
    else this.#writeHead(0xde, count);
    for (const [key, value] of mapEntries.call(map)) {
      count -= 1;
      this.#write(key, depthLeft);
      this.#write(value, depthLeft);
    }
    if (count !== 0) throw new Unstorable(map, "has changed while it was stored");
  }

  #writeError(error: Error, depthLeft: number): void {
    const { name, message, stack, properties } = partsOf(error);
    const kind = isException(error) ? Special.DOM_EXCEPTION : Special.ERROR;
    this.#writeMarkedHead(kind, 3 + 2 * properties.length);
    this.#writeString(name);
    this.#writeString(message);
    this.#write(stack, depthLeft);
    for (const [key, value] of properties) {
      this.#writeString(key);
      this.#write(value, depthLeft);
    }
  }

  /** The head of a marked list, and its first two items. */
  #writeMarkedHead(kind: number, length: number): void {
    this.#isMarked = true;
    this.#writeListHead(2 + length);
    this.#writeByte(MARK);
    this.#writeByte(kind);
  }

  #writeString(text: string): void {
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
          if (unit === BYTE_ORDER_MARK && i === 0) return this.#writeUnits(text);
          target[at++] = unit >> 12 | 0xe0;
          target[at++] = unit >> 6 & 0x3f | 0x80;
          target[at++] = unit & 0x3f | 0x80;
        } else {
          const low = text.charCodeAt(++i);
          if ((unit & 0x400) !== 0 || (low & 0xfc00) !== 0xdc00) return this.#writeUnits(text);
          unit = 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff);
          target[at++] = unit >> 18 | 0xf0;
          target[at++] = unit >> 12 & 0x3f | 0x80;
          target[at++] = unit >> 6 & 0x3f | 0x80;
          target[at++] = unit & 0x3f | 0x80;
        }
      }
      byteLength = at - from;
    } else {
      if (!isDecodable(text)) return this.#writeUnits(text);
      byteLength = target.write(text, from);
    }
    const needed = stringHead(byteLength);
    if (needed !== head) target.copyWithin(this.#at + needed, from, from + byteLength);
    this.#writeStringHead(byteLength);
    this.#at += byteLength;
  }

  #writeStringHead(length: number): void {
    const target = this.#target;
    if (length < 0x20) {
      target[this.#at++] = 0xa0 | length;
    } else if (length < 0x100) {
      target[this.#at++] = 0xd9;
      target[this.#at++] = length;
    } else {
      this.#writeHead(0xda, length);
    }
  }

  /** A string that UTF-8 cannot say, or that would lose its byte order mark. */
  #writeUnits(text: string): void {
    const units = Uint16Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
    this.#writeMarkedHead(Special.STRING, 1);
    this.#writeView(units);
  }

  #writeNumber(value: number): void {
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

  #writeBigInt(value: bigint): void {
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
      this.#writeExtension(Extension.BIG_INT, twosComplement(value));
    }
  }

  /** A timestamp of 4, 8 or 12 bytes; of 1 byte if the date is invalid. */
  #writeDate(timeMs: number): void {
    if (this.#at > this.#limit) this.#reserve(0);
    const target = this.#target;
    const view = this.#view;
    const seconds = Math.floor(timeMs / 1000);
    const nanoseconds = (timeMs - 1000 * seconds) * 1e6;
    if (Number.isNaN(timeMs)) {
      this.#writeFixedExtension(Extension.TIMESTAMP, 0xff);
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

  #writeView(value: ArrayBufferView): void {
    const { buffer, byteOffset, byteLength } = value;
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    const name: unknown = typedArrayTag.call(value);
    const code = name === undefined ? DATA_VIEW : TYPED_ARRAYS.get(name as string);
    if (code === undefined) {
      throw new Unstorable(value, `is a ${String(name)}, which not every runtime has`);
    }
    this.#writeTyped(code, bytes);
  }

  #writeTyped(code: number, bytes: Uint8Array): void {
    this.#writeExtensionHead(Extension.TYPED_ARRAY, 1 + bytes.length);
    this.#writeByte(code);
    this.#writeBytes(bytes);
  }

  #writeExtension(type: number, bytes: Uint8Array): void {
    this.#writeExtensionHead(type, bytes.length);
    this.#writeBytes(bytes);
  }

  #writeExtensionHead(type: number, length: number): void {
    if (length < 0x100) {
      this.#writeByte(0xc7);
      this.#writeByte(length);
    } else {
      this.#writeHead(0xc8, length);
    }
    this.#writeByte(type);
  }

  /** An extension of one byte: what it means follows, or is in the byte. */
  #writeFixedExtension(type: number, content = 0): void {
    if (this.#at > this.#limit) this.#reserve(0);
    this.#target[this.#at++] = 0xd4;
    this.#target[this.#at++] = type;
    this.#target[this.#at++] = content;
  }

  /** A head with a length of 2 bytes, or with the next one's of 4. */
  #writeHead(head: number, length: number): void {
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

  #writeByte(byte: number): void {
    if (this.#at > this.#limit) this.#reserve(0);
    this.#target[this.#at++] = byte;
  }

  #writeBytes(bytes: Uint8Array): void {
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

/** Whether a record can have the name: msgpackr gives "__proto__" another. */
function isRecordName(name: string): boolean {
  return name !== "__proto__" && isDecodable(name);
}

/** Whether UTF-8 can say a string, and msgpackr keeps its first character. */
function isDecodable(text: string): boolean {
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

function refusalOf(value: object, tag: string): string {
  if (types.isPromise(value)) return "is a Promise: await it first";
  const name: unknown = value.constructor?.name;
  const type = typeof name === "string" && name !== "" && name !== "Object"
    ? name
    : tag.slice("[object ".length, -1);
  return `is ${/^[AEIO]/.test(type) ? "an" : "a"} ${type}`;
}
