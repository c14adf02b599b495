/**
 * Values that msgpackr's decoder does not know: they are stored as *marked lists*, arrays whose
 * first item is the byte of MessagePack that is never used, and their second the kind. A value that
 * has any begins with that byte, too, so that all others are decoded without a look at what they
 * contain.
 *
 * @module
 */
import * as msgpackr from "msgpackr/unpack";
import { define, errorFrom, type ErrorParts, exceptionFrom } from "./error_parts.ts";

/** The byte of MessagePack that is never used. */
export const MARK = 0xc1;

/** What msgpackr decodes that byte to; its types lack it. */
const { C1 } = msgpackr as unknown as { readonly C1: object };

/** The kinds of marked lists. */
export const Special = {
  /** A string that is not well-formed: its UTF-16 code units, as a `Uint16Array`. */
  STRING: 0,
  /** An object with names that no record can hold: names and values in turn. */
  OBJECT: 1,
  /** An `Error`: name, message, stack, and names and values of other properties in turn. */
  ERROR: 2,
  /** A `DOMException`: name, message, stack. */
  DOM_EXCEPTION: 3,
} as const;

/**
 * Puts values in the place of marked lists, in what msgpackr has decoded; changes and returns it.
 *
 * @throws {TypeError} when a marked list is malformed
 */
export function revive(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    value.forEach((item, i) => value[i] = revive(item));
    return value[0] === C1 ? fromMarked(value) : value;
  }
  if (value instanceof Map) return reviveMap(value);
  if (value instanceof Set) return reviveSet(value);
  if (Object.getPrototypeOf(value) === Object.prototype) {
    const object = value as Record<string, unknown>;
    for (const name of Object.keys(object)) object[name] = revive(object[name]);
  }
  return value;
}

/** In place: a map is decoded to be its caller's. */
function reviveMap(map: Map<unknown, unknown>): Map<unknown, unknown> {
  const pairs = [...map];
  map.clear();
  for (const [key, item] of pairs) map.set(revive(key), revive(item));
  return map;
}

function reviveSet(set: Set<unknown>): Set<unknown> {
  const items = [...set];
  set.clear();
  for (const item of items) set.add(revive(item));
  return set;
}

/** The value that a marked list stands for; its items have been revived. */
function fromMarked([, kind, ...content]: unknown[]): unknown {
  switch (kind) {
    case Special.STRING:
      return textOf(content);
    case Special.OBJECT:
      return objectOf(content);
    case Special.ERROR:
      return errorOf(content);
    case Special.DOM_EXCEPTION:
      return exceptionOf(content);
    default:
      throw malformed(`of kind ${String(kind)}`);
  }
}

function textOf([units]: unknown[]): string {
  if (!(units instanceof Uint16Array)) throw malformed("without code units");
  // A call per unit: spread, many units would not fit the stack.
  return Array.from(units, (unit) => String.fromCharCode(unit)).join("");
}

function objectOf(content: unknown[]): object {
  const object = {};
  for (const [name, value] of pairsOf(content)) define(object, name, value, true);
  return object;
}

function errorOf(content: unknown[]): Error {
  const [name, message, stack, ...rest] = content;
  return errorFrom({ ...textsOf(name, message, stack), properties: pairsOf(rest) });
}

function exceptionOf([name, message, stack]: unknown[]): Error {
  return exceptionFrom(textsOf(name, message, stack));
}

function textsOf(name: unknown, message: unknown, stack: unknown): Omit<ErrorParts, "properties"> {
  const isText = typeof name === "string" && typeof message === "string";
  if (!isText || (typeof stack !== "string" && stack !== undefined)) {
    throw malformed("whose texts are none");
  }
  return { name, message, stack };
}

/** Names and values that come in turn. */
function pairsOf(content: readonly unknown[]): (readonly [string, unknown])[] {
  return Array.from({ length: content.length / 2 }, (_, i) => {
    const name = content[2 * i];
    if (typeof name !== "string") throw malformed("with a property that has no name");
    return [name, content[2 * i + 1]];
  });
}

function malformed(what: string): TypeError {
  return new TypeError(`a marked list must be one that this version writes, got one ${what}`);
}
