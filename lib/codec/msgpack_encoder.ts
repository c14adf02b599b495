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
import * as types from "node:util/types";
import { NESTING_MAX } from "../core/limits.ts";
import { isException, partsOf } from "./error_parts.ts";
import {
  Extension,
  isDecodable,
  MsgpackWriter,
  ONE_BYTE_RECORDS,
  OWN_STRUCTURE,
} from "./msgpack_writer.ts";
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

/** Structures that a value defines and refers to; the next is defined each time. */
const OWN_STRUCTURES_MAX = 16;

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
  readonly #writer = new MsgpackWriter();
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
    this.#writer.begin();
    this.#isMarked = false;
    this.#ownRoot = undefined;
    this.#ownCount = 0;
    this.#write(value, NESTING_MAX);
    this.bytes = this.#writer.bytes;
    this.start = this.#writer.start;
    this.end = this.#writer.end;
    if (this.#isMarked) this.bytes[--this.start] = MARK;
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
        return this.#writer.number(value);
      case "boolean":
        return this.#writer.byte(value ? 0xc3 : 0xc2);
      case "object":
        return value === null ? this.#writer.byte(0xc0) : this.#writeObject(value, depthLeft);
      case "undefined":
        return this.#writer.fixedExtension(0);
      case "bigint":
        return this.#writer.bigint(value);
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
    this.#writer.listHead(length);
    for (let i = 0; i < length; i++) this.#write(list[i], depthLeft);
    if (list.length < length) throw new Unstorable(list, "has changed while it was stored");
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
      this.#writer.recordHead(node.id);
      count = node.depth;
    } else {
      const names = Object.keys(object);
      if (!names.every(isRecordName)) return this.#writeProperties(object, names, depthLeft);
      const id = this.#structures.idOf(names);
      if (id !== UNSHARED) this.#writer.recordHead(id);
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
      this.#writer.recordDefinition(i);
      this.#writer.listHead(names.length);
      for (const name of names) this.#writeString(name);
    } else {
      this.#writer.definedRecord(i);
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
    if (types.isDate(value)) return this.#writer.date(Date.prototype.getTime.call(value));
    if (types.isMap(value)) return this.#writeMap(value, depthLeft);
    if (types.isSet(value)) {
      this.#writer.fixedExtension(Extension.SET);
      return this.#writeList([...Set.prototype.values.call(value)], depthLeft);
    }
    if (ArrayBuffer.isView(value)) return this.#writeView(value);
    if (types.isArrayBuffer(value)) return this.#writer.typed(ARRAY_BUFFER, new Uint8Array(value));
    if (types.isRegExp(value)) {
      this.#writer.fixedExtension(Extension.REG_EXP);
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
    if (count < 16) this.#writer.byte(0x80 | count);
    else this.#writer.head(0xde, count);
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
    this.#writer.listHead(2 + length);
    this.#writer.byte(MARK);
    this.#writer.byte(kind);
  }

  #writeString(text: string): void {
    if (!this.#writer.string(text)) this.#writeUnits(text);
  }

  /** A string that UTF-8 cannot say, or that would lose its byte order mark. */
  #writeUnits(text: string): void {
    const units = Uint16Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
    this.#writeMarkedHead(Special.STRING, 1);
    this.#writeView(units);
  }

  #writeView(value: ArrayBufferView): void {
    const { buffer, byteOffset, byteLength } = value;
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    const name: unknown = typedArrayTag.call(value);
    const code = name === undefined ? DATA_VIEW : TYPED_ARRAYS.get(name as string);
    if (code === undefined) {
      throw new Unstorable(value, `is a ${String(name)}, which not every runtime has`);
    }
    this.#writer.typed(code, bytes);
  }
}

/** Whether a record can have the name: msgpackr gives "__proto__" another. */
function isRecordName(name: string): boolean {
  return name !== "__proto__" && isDecodable(name);
}

function refusalOf(value: object, tag: string): string {
  if (types.isPromise(value)) return "is a Promise: await it first";
  const name: unknown = value.constructor?.name;
  const type = typeof name === "string" && name !== "" && name !== "Object"
    ? name
    : tag.slice("[object ".length, -1);
  return `is ${/^[AEIO]/.test(type) ? "an" : "a"} ${type}`;
}
