/**
 * Decodes parts of values: goes through the bytes of a value up to the last part that is wanted,
 * skips what is not, and has msgpackr decode the parts.
 *
 * What is not read here is decoded whole, and picked then: values that are marked
 * (special_values.ts), parts in which an object refers to names before it, and bytes that are no
 * value, which thereby fail as they do without a pick.
 *
 * It ends, whatever lengths bytes claim that are no value: what is skipped takes at least one byte,
 * and nothing begins behind the last one.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { ValueDecoder } from "./codec.ts";
import {
  Extension,
  isDecodable,
  LONG_RECORD,
  ONE_BYTE_RECORDS,
  OWN_STRUCTURE,
  RECORD,
} from "./msgpack_writer.ts";
import { type PickedParts, pickFrom } from "./picked_parts.ts";
import { MARK } from "./special_values.ts";

/** What a picker needs of the codec of its store. */
export interface MsgpackSource {
  /** Decodes a value. */
  decode(bytes: Uint8Array, length: number): unknown;
  /** Decodes `bytes[start]` to `bytes[end - 1]`, which is a part of a value. */
  decodePart(bytes: Uint8Array, start: number, end: number): unknown;
  /** The names of the structures that the pool has now, by their numbers. */
  structures(): readonly (readonly string[])[];
}

/** Thrown where bytes are not such as are read here. */
const UNREAD = new Error("the bytes are to be decoded whole");

/** Where the parts of an object are among its values. */
interface Shape {
  /** How many values are skipped before each part. */
  readonly gaps: readonly number[];
  readonly parts: readonly Part[];
  /** How many values are behind the last part. */
  readonly rest: number;
}

/** A property that is picked, and where its parts are in the objects that were its value. */
class Part {
  readonly name: string;
  /** Undefined if it is picked whole. */
  readonly parts: readonly Part[] | undefined;
  /** By number of the structure. */
  readonly shapes: Shape[] = [];
  readonly #nameBytes: Uint8Array;
  /** Two names that UTF-8 cannot say would have the same bytes, which is that of a third. */
  readonly #isDecodable: boolean;

  constructor(name: string, parts: PickedParts | undefined) {
    this.name = name;
    this.parts = parts && Array.from(parts.values(), (part) => new Part(part.name, part.parts));
    this.#nameBytes = Buffer.from(name);
    this.#isDecodable = isDecodable(name);
  }

  /** Whether it has the name that begins at `bytes[start]`. */
  isNamed(bytes: Uint8Array, start: number, length: number): boolean {
    const nameBytes = this.#nameBytes;
    if (nameBytes.length !== length || !this.#isDecodable) return false;
    for (let i = 0; i < length; i++) if (nameBytes[i] !== bytes[start + i]) return false;
    return true;
  }

  /** Where its parts are in an object of so many values; `find` finds the part of each. */
  shapeOf(count: number, find: (parts: readonly Part[], i: number) => Part | undefined): Shape {
    const gaps: number[] = [];
    const parts: Part[] = [];
    let next = 0;
    for (let i = 0; i < count; i++) {
      const part = find(this.parts!, i);
      if (part === undefined) continue;
      gaps.push(i - next);
      parts.push(part);
      next = i + 1;
    }
    return { gaps, parts, rest: count - next };
  }
}

/** The first byte of an object that defines a structure: its number and the names follow. */
const DEFINITION = 0xd5;
/** Bytes of a definition before the array of names. */
const DEFINITION_BYTES = 4;

/** Bytes behind the first one, of items that have always as many. */
const FIXED_BYTES: Readonly<Record<number, number>> = {
  0xc0: 0, // null
  0xc2: 0, // false
  0xc3: 0, // true
  0xca: 4, // numbers
  0xcb: 8,
  0xcc: 1,
  0xcd: 2,
  0xce: 4,
  0xcf: 8,
  0xd0: 1,
  0xd1: 2,
  0xd2: 4,
  0xd3: 8,
  0xd6: 5, // dates
  0xd7: 9,
};
/** More has to be read to know how long an item is. */
const LONG = -1;

/** How many bytes are behind the first one of an item, by that; or {@linkcode LONG}. */
const BYTES_BEHIND = Int8Array.from({ length: 256 }, (_, token) => {
  if (token < RECORD || token >= 0xe0) return 0;
  if (token >= 0xa0 && token < 0xc0) return token - 0xa0;
  return FIXED_BYTES[token] ?? LONG;
});

/** Picks the same parts of one value after the other. */
export class MsgpackPicker implements ValueDecoder<unknown> {
  readonly #source: MsgpackSource;
  readonly #parts: PickedParts;
  readonly #root: Part;
  #structures: readonly (readonly string[])[] = [];
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;
  /** How many names the structures have that the value has defined so far, by their numbers. */
  readonly #ownCounts: number[] = [];

  /** Makes a picker of some parts. */
  constructor(source: MsgpackSource, parts: PickedParts) {
    this.#source = source;
    this.#parts = parts;
    this.#root = new Part("", parts);
  }

  decode(bytes: Uint8Array, length: number): unknown {
    if (bytes[0] !== MARK) {
      try {
        return this.#pick(bytes, length);
      } catch {
        // To decode it whole finds out whether there is anything wrong with it.
      }
    }
    return pickFrom(this.#source.decode(bytes, length), this.#parts);
  }

  #pick(bytes: Uint8Array, length: number): unknown {
    this.#bytes = bytes;
    this.#at = 0;
    this.#end = length;
    this.#ownCounts.length = 0;
    return this.#read(this.#root, true);
  }

  /** Reads what is picked of the next value; `isLast` if nothing is read behind it. */
  #read(part: Part, isLast: boolean): unknown {
    if (this.#at >= this.#end) throw UNREAD;
    const shape = part.parts === undefined ? undefined : this.#enter(part);
    if (shape === undefined) return this.#readWhole();
    const { gaps, parts, rest } = shape;
    const picked: Record<string, unknown> = {};
    for (let i = 0; i < parts.length; i++) {
      const inner = parts[i]!;
      this.#skip(gaps[i]!, true);
      picked[inner.name] = this.#read(inner, isLast && i === parts.length - 1);
    }
    if (!isLast) this.#skip(rest, true);
    return picked;
  }

  #readWhole(): unknown {
    const start = this.#at;
    this.#skip(1, false);
    return this.#source.decodePart(this.#bytes, start, this.#at);
  }

  /** Goes to the first value of an object; undefined, and goes nowhere, if there is none. */
  #enter(part: Part): Shape | undefined {
    const bytes = this.#bytes;
    const token = bytes[this.#at]!;
    if (token === DEFINITION) return this.#enterOwn(part);
    if (token < RECORD || token >= LONG_RECORD + ONE_BYTE_RECORDS) return undefined;
    const id = this.#readNumber();
    return part.shapes[id] ??= this.#shapeOf(part, this.#namesOf(id));
  }

  /** Goes behind the number of a shared structure. */
  #readNumber(): number {
    const token = this.#bytes[this.#at++]!;
    if (token < LONG_RECORD) return token - RECORD;
    const high = this.#bytes[this.#at++]!;
    if (high >= OWN_STRUCTURE) throw UNREAD;
    return ONE_BYTE_RECORDS + (high << 5) + token - LONG_RECORD;
  }

  #namesOf(id: number): readonly string[] {
    if (id >= this.#structures.length) this.#structures = this.#source.structures();
    const names = this.#structures[id];
    if (names === undefined) throw UNREAD;
    return names;
  }

  #shapeOf(part: Part, names: readonly string[]): Shape {
    const find = (parts: readonly Part[], i: number) => parts.find(({ name }) => name === names[i]);
    return part.shapeOf(names.length, find);
  }

  /** Goes to the first value of an object that carries its names. */
  #enterOwn(part: Part): Shape {
    const bytes = this.#bytes;
    return part.shapeOf(this.#readDefinition(), (parts) => {
      const length = this.#readTextHead();
      const start = this.#at;
      this.#at += length;
      if (this.#at > this.#end) throw UNREAD;
      return parts.find((part) => part.isNamed(bytes, start, length));
    });
  }

  /** Goes to the first byte of a string; returns how many there are. */
  #readTextHead(): number {
    const token = this.#bytes[this.#at++]!;
    if (token >= 0xa0 && token < 0xc0) return token - 0xa0;
    if (token === 0xd9) return this.#uint(1);
    if (token === 0xda) return this.#uint(2);
    if (token === 0xdb) return this.#uint(4);
    throw UNREAD;
  }

  /** Goes to the first name of a structure that is defined here; returns how many there are. */
  #readDefinition(): number {
    const bytes = this.#bytes;
    const at = this.#at;
    if (bytes[at + 1] !== Extension.RECORD || bytes[at + 2] !== LONG_RECORD) throw UNREAD;
    this.#at += DEFINITION_BYTES;
    const head = bytes[this.#at++]!;
    let count: number;
    if (head >= 0x90 && head < 0xa0) count = head - 0x90;
    else if (head === 0xdc) count = this.#uint(2);
    else if (head === 0xdd) count = this.#uint(4);
    else throw UNREAD;
    this.#ownCounts[bytes[at + 3]!] = count;
    return count;
  }

  /** Skips some values; `mayRefer` if one may be an object that refers to names before it. */
  #skip(count: number, mayRefer: boolean): void {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.#at;
    for (let left = count; left > 0; left--) {
      if (at >= end) throw UNREAD;
      const behind = BYTES_BEHIND[bytes[at]!]!;
      if (behind >= 0) {
        at += 1 + behind;
      } else {
        this.#at = at;
        left += this.#skipLong(mayRefer);
        at = this.#at;
      }
    }
    if (at > end) throw UNREAD;
    this.#at = at;
  }

  /** Skips an item whose length its first byte does not say; returns how many are within it. */
  #skipLong(mayRefer: boolean): number {
    const token = this.#bytes[this.#at]!;
    if (token >= RECORD && token < 0x80) return this.#skipRecord(mayRefer);
    if (token === DEFINITION && this.#bytes[this.#at + 1] === Extension.RECORD) {
      return 2 * this.#readDefinition();
    }
    this.#at += 1;
    if (token < 0x90) return 2 * (token - 0x80);
    if (token < 0xa0) return token - 0x90;
    switch (token) {
      case 0xc7:
        return this.#skipBytes(1 + this.#uint(1));
      case 0xc8:
        return this.#skipBytes(1 + this.#uint(2));
      case 0xc9:
        return this.#skipBytes(1 + this.#uint(4));
      case 0xd4: {
        const type = this.#bytes[this.#at];
        this.#at += 2;
        // Their content is an array behind them.
        return type === Extension.SET || type === Extension.REG_EXP ? 1 : 0;
      }
      case 0xd9:
        return this.#skipBytes(this.#uint(1));
      case 0xda:
        return this.#skipBytes(this.#uint(2));
      case 0xdb:
        return this.#skipBytes(this.#uint(4));
      case 0xdc:
        return this.#uint(2);
      case 0xdd:
        return this.#uint(4);
      case 0xde:
        return 2 * this.#uint(2);
      case 0xdf:
        return 2 * this.#uint(4);
      default:
        throw UNREAD;
    }
  }

  #skipRecord(mayRefer: boolean): number {
    const token = this.#bytes[this.#at]!;
    const number = this.#bytes[this.#at + 1]!;
    if (token !== LONG_RECORD || number < OWN_STRUCTURE) {
      return this.#namesOf(this.#readNumber()).length;
    }
    const count = this.#ownCounts[number];
    // Where a part is decoded, the definition may not be in it.
    if (!mayRefer || count === undefined) throw UNREAD;
    this.#at += 2;
    return count;
  }

  #skipBytes(count: number): 0 {
    this.#at += count;
    return 0;
  }

  /** Reads a length of so many bytes. */
  #uint(byteCount: number): number {
    let value = 0;
    for (let i = 0; i < byteCount; i++) value = value * 0x100 + this.#bytes[this.#at++]!;
    return value;
  }
}
