/**
 * Values as JSON, with tags for what JSON cannot say. docs/command.md describes the tags.
 *
 * An object with exactly one property, whose name begins with "$", is a tag. An ordinary object
 * that looks like one is wrapped: `{ "$object": { "$date": 1 } }`.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { errorFrom, type ErrorParts, exceptionFrom, isException, partsOf } from "./error_parts.ts";
import { describe } from "../core/errors.ts";
import { BadDataError } from "./bad_data_error.ts";

/** Names of what `$typed` can hold, beside `ArrayBuffer` and `DataView`. */
const TYPED_ARRAYS: Readonly<Record<string, new (buffer: ArrayBuffer) => ArrayBufferView>> = {
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
};

type Texts = Omit<ErrorParts, "properties">;

const NUMBERS: Readonly<Record<string, number>> = {
  NaN: NaN,
  Infinity: Infinity,
  "-Infinity": -Infinity,
  "-0": -0,
};

/**
 * Writes a value as JSON with tags.
 *
 * @throws {BadDataError} for what no codec of the store makes, such as an instance of a class
 */
export function toTaggedJson(value: unknown): string {
  switch (typeof value) {
    case "string":
    case "boolean":
      return JSON.stringify(value);
    case "number":
      if (Number.isFinite(value) && !Object.is(value, -0)) return String(value);
      return tag("number", JSON.stringify(Object.is(value, -0) ? "-0" : String(value)));
    case "bigint":
      return tag("bigint", `"${value}"`);
    case "undefined":
      return tag("undefined", "true");
    case "object":
      return value === null ? "null" : objectToJson(value);
    default:
      throw new BadDataError(`value must be data, got one that contains ${describe(value)}`);
  }
}

function objectToJson(value: object): string {
  if (Array.isArray(value)) return listToJson(value);
  if (value instanceof Uint8Array) return tag("bytes", base64Of(value));
  if (value instanceof Map) {
    return tag("map", `[${Array.from(value, (pair) => listToJson(pair)).join(",")}]`);
  }
  if (value instanceof Set) return tag("set", listToJson([...value]));
  if (value instanceof Date) return tag("date", JSON.stringify(value.getTime()));
  if (value instanceof RegExp) return tag("regexp", JSON.stringify([value.source, value.flags]));
  if (value instanceof Error) return errorToJson(value);
  if (value instanceof ArrayBuffer) {
    return tag("typed", `["ArrayBuffer",${base64Of(new Uint8Array(value))}]`);
  }
  if (ArrayBuffer.isView(value)) {
    return tag("typed", `["${value.constructor.name}",${base64Of(value)}]`);
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new BadDataError(`value must be data, got one that contains ${describe(value)}`);
  }
  return plainToJson(value);
}

function plainToJson(value: object): string {
  const names = Object.keys(value);
  const properties = names.map((name) =>
    `${JSON.stringify(name)}:${toTaggedJson((value as Record<string, unknown>)[name])}`
  );
  const json = `{${properties.join(",")}}`;
  return names.length === 1 && names[0].startsWith("$") ? tag("object", json) : json;
}

function listToJson(list: readonly unknown[]): string {
  // Not map: it would skip holes.
  return `[${Array.from(list, toTaggedJson).join(",")}]`;
}

function errorToJson(error: Error): string {
  const { name, message, stack, properties } = partsOf(error);
  const json = listToJson([name, message, stack ?? null, ...properties]);
  return tag(isException(error) ? "exception" : "error", json);
}

function tag(name: string, json: string): string {
  return `{"$${name}":${json}}`;
}

function base64Of({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  return `"${Buffer.from(buffer, byteOffset, byteLength).toString("base64")}"`;
}

/** Puts values in the place of tags. */
export class TagReader {
  /** A tag that says what JSON cannot; undefined while there was none. */
  foreignTag: string | undefined;

  /**
   * Puts values in the place of tags, in what `JSON.parse` returned; changes and returns it.
   *
   * @throws {BadDataError} for a tag that is unknown or malformed
   */
  read(parsed: unknown): unknown {
    if (typeof parsed !== "object" || parsed === null) return parsed;
    if (Array.isArray(parsed)) return this.#readList(parsed);
    const names = Object.keys(parsed);
    if (names.length !== 1 || !names[0].startsWith("$")) return this.#readProperties(parsed);
    const [name] = names;
    const content = (parsed as Record<string, unknown>)[name];
    if (name === "$object" && typeof content === "object" && content !== null) {
      return this.#readProperties(content);
    }
    this.foreignTag ??= name;
    const value = this.#readTag(name, content);
    if (value === REFUSED) {
      throw new BadDataError(
        `an object whose only property begins with "$" must be a tag, got ${
          JSON.stringify(parsed).slice(0, 60)
        }`,
      );
    }
    return value;
  }

  #readProperties(object: object): object {
    const properties = object as Record<string, unknown>;
    for (const name of Object.keys(properties)) {
      const old = properties[name];
      const value = this.read(old);
      if (value !== old) properties[name] = value;
    }
    return object;
  }

  #readList(list: unknown[]): unknown[] {
    list.forEach((item, i) => list[i] = this.read(item));
    return list;
  }

  /** The value of a tag; REFUSED if it is not one. */
  #readTag(name: string, content: unknown): unknown {
    switch (name) {
      case "$number":
        return typeof content === "string" && Object.hasOwn(NUMBERS, content)
          ? NUMBERS[content]
          : REFUSED;
      case "$undefined":
        return content === true ? undefined : REFUSED;
      case "$bigint":
        return typeof content === "string" && /^-?\d+$/.test(content) ? BigInt(content) : REFUSED;
      case "$date":
        return readDate(content);
      case "$bytes":
        return readBase64(content);
      default:
        return Array.isArray(content) ? this.#readListTag(name, content) : REFUSED;
    }
  }

  #readListTag(name: string, content: unknown[]): unknown {
    switch (name) {
      case "$map":
        if (!content.every((pair) => Array.isArray(pair) && pair.length === 2)) return REFUSED;
        return new Map(this.#readList(content) as [unknown, unknown][]);
      case "$set":
        return new Set(this.#readList(content));
      case "$regexp":
        return readRegExp(content);
      case "$error":
        return this.#readError(content);
      case "$exception":
        return readException(content);
      case "$typed":
        return readTyped(content);
      default:
        return REFUSED;
    }
  }

  #readError(content: unknown[]): unknown {
    const texts = readErrorTexts(content);
    const pairs = content.slice(3);
    if (texts === undefined || !pairs.every(isNamedPair)) return REFUSED;
    return errorFrom({
      ...texts,
      properties: pairs.map(([name, item]) => [name, this.read(item)]),
    });
  }
}

/** Stands for a tag that says nothing. */
const REFUSED = Symbol("refused");

function readDate(content: unknown): unknown {
  if (content === null) return new Date(NaN);
  const date = typeof content === "number" ? new Date(content) : undefined;
  return date?.getTime() === content ? date : REFUSED;
}

function readBase64(content: unknown): Uint8Array<ArrayBuffer> | typeof REFUSED {
  if (typeof content !== "string") return REFUSED;
  const bytes = Buffer.from(content, "base64");
  return bytes.toString("base64") === content ? new Uint8Array(bytes) : REFUSED;
}

function readRegExp([source, flags, ...others]: unknown[]): unknown {
  if (typeof source !== "string" || typeof flags !== "string" || others.length > 0) return REFUSED;
  try {
    return new RegExp(source, flags);
  } catch {
    return REFUSED;
  }
}

function readErrorTexts([name, message, stack]: unknown[]): Texts | undefined {
  if (typeof name !== "string" || typeof message !== "string") return undefined;
  if (typeof stack !== "string" && stack !== null) return undefined;
  return { name, message, stack: stack ?? undefined };
}

function isNamedPair(pair: unknown): pair is [string, unknown] {
  return Array.isArray(pair) && pair.length === 2 && typeof pair[0] === "string";
}

function readException(content: unknown[]): unknown {
  const texts = readErrorTexts(content);
  return texts === undefined || content.length !== 3 ? REFUSED : exceptionFrom(texts);
}

function readTyped([name, content, ...others]: unknown[]): unknown {
  const bytes = readBase64(content);
  if (bytes === REFUSED || others.length > 0) return REFUSED;
  if (name === "ArrayBuffer") return bytes.buffer;
  if (name === "DataView") return new DataView(bytes.buffer);
  if (typeof name !== "string" || !Object.hasOwn(TYPED_ARRAYS, name)) return REFUSED;
  try {
    return new TYPED_ARRAYS[name](bytes.buffer);
  } catch {
    return REFUSED;
  }
}
