/**
 * Which keys a `list` of Deno KV is of.
 *
 * @module
 */
import { describe } from "../core/errors.ts";
import { KEY_BYTES_MAX } from "../core/limits.ts";
import { encodeKey, endOfPrefix, type KvKey } from "./tuple_key.ts";

/** Which keys to list: those that begin with the parts of one, or from one to another. */
export type KvListSelector =
  | { prefix: KvKey }
  | { prefix: KvKey; start: KvKey }
  | { prefix: KvKey; end: KvKey }
  | { start: KvKey; end: KvKey };

/** Bounds as bytes: from the first, without the last. */
export interface KvRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  /** What all keys in it begin with, and cursors leave out. */
  readonly common: Uint8Array;
}

/** The same as the store takes it. */
export interface KvBounds {
  readonly gt?: Uint8Array;
  readonly gte?: Uint8Array;
  readonly lt?: Uint8Array;
  readonly lte?: Uint8Array;
}

/** Behind a key, and in front of all that begin with it: no part of a key begins so. */
const NO_PART = Uint8Array.of(0);

/**
 * The range of a selector.
 *
 * @throws {TypeError} when it is none
 */
export function rangeOf(selector: KvListSelector): KvRange {
  const { prefix, start, end } = selector as { prefix?: KvKey; start?: KvKey; end?: KvKey };
  if (prefix !== undefined) {
    if (start !== undefined && end !== undefined) {
      throw new TypeError("a selector must not have prefix, start and end together");
    }
    assertBegins("start", start, prefix);
    assertBegins("end", end, prefix);
    const bytes = encodeKey(prefix);
    return {
      // The key that is the prefix itself does not begin with it.
      start: start === undefined ? behind(bytes) : encodeKey(start),
      end: end === undefined ? endOfPrefix(bytes) : encodeKey(end),
      common: bytes,
    };
  }
  if (start === undefined || end === undefined) {
    throw new TypeError("a selector must have a prefix, or both start and end");
  }
  const [from, to] = [encodeKey(start), encodeKey(end)];
  if (compareBytes(from, to) > 0) {
    throw new TypeError("the start of a selector must not be greater than its end");
  }
  return { start: from, end: to, common: commonStart(from, to) };
}

/**
 * The rest of a range behind the key of a cursor.
 *
 * @throws {TypeError} when it is no cursor, or one of another range
 */
export function rangeBehind(range: KvRange, cursor: string, reverse: boolean): KvRange {
  const { common } = range;
  const key = joined(common, bytesOfCursor(cursor));
  const rest = reverse ? { ...range, end: key } : { ...range, start: behind(key) };
  const isWithin = compareBytes(rest.start, range.start) >= 0 &&
    compareBytes(rest.end, range.end) <= 0 && compareBytes(rest.start, rest.end) <= 0;
  if (!isWithin) throw new TypeError("cursor must be one of a list with the same selector");
  return rest;
}

/**
 * The cursor behind a key, as Deno's own: what the key has beyond what all keys of the range have.
 * It is empty when no key can follow.
 */
export function cursorBehind({ common }: KvRange, key: Uint8Array, reverse: boolean): string {
  // The first key of a range may be what all others begin with. For Deno's own a list ends with it.
  if (key.length === common.length) return reverse ? "" : toBase64Url(NO_PART);
  return toBase64Url(key.subarray(common.length));
}

/**
 * A range in the words of the store, which takes no bounds that are longer than keys may be: behind
 * the first bytes of such a one comes what is not below it.
 */
export function boundsOf({ start, end }: KvRange): KvBounds {
  const lower = start.length > KEY_BYTES_MAX
    ? { gt: start.subarray(0, KEY_BYTES_MAX) }
    : { gte: start };
  const upper = end.length > KEY_BYTES_MAX ? { lte: end.subarray(0, KEY_BYTES_MAX) } : { lt: end };
  return { ...lower, ...upper };
}

function bytesOfCursor(cursor: string): Uint8Array {
  try {
    const base64 = cursor.replaceAll("-", "+").replaceAll("_", "/");
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  } catch (cause) {
    throw new TypeError(`cursor must be one of a list, got ${describe(cursor)}`, { cause });
  }
}

/** The first bytes behind some. */
function behind(bytes: Uint8Array): Uint8Array {
  return joined(bytes, NO_PART);
}

function toBase64Url(bytes: Uint8Array): string {
  const base64 = btoa(String.fromCharCode(...bytes));
  return base64.replaceAll("+", "-").replaceAll("/", "_");
}

/** What both begin with. */
function commonStart(a: Uint8Array, b: Uint8Array): Uint8Array {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a.subarray(0, i);
  return a;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

function assertBegins(name: string, key: KvKey | undefined, prefix: KvKey): void {
  if (key === undefined) return;
  const parts = encodeKey(prefix);
  const bytes = encodeKey(key);
  // Of the bytes, as in Deno KV, and not of the parts: "" begins all strings that begin with NUL.
  const begins = bytes.length > parts.length &&
    compareBytes(bytes.subarray(0, parts.length), parts) === 0;
  if (!begins) throw new TypeError(`the ${name} of a selector must begin with its prefix`);
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}
