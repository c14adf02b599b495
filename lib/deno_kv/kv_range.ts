/**
 * Which keys a `list` of Deno KV is of.
 *
 * @module
 */
import { describe } from "../core/errors.ts";
import { decodeKey, encodeKey, endOfPrefix, type KvKey } from "./tuple_key.ts";

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
}

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
    };
  }
  if (start === undefined || end === undefined) {
    throw new TypeError("a selector must have a prefix, or both start and end");
  }
  const range = { start: encodeKey(start), end: encodeKey(end) };
  if (compareBytes(range.start, range.end) > 0) {
    throw new TypeError("the start of a selector must not be greater than its end");
  }
  return range;
}

/** The rest of a range behind the key of a cursor. */
export function rangeBehind(range: KvRange, cursor: string, reverse: boolean): KvRange {
  const key = keyOfCursor(cursor);
  return reverse ? { start: range.start, end: key } : { start: behind(key), end: range.end };
}

/** A cursor: where a list has come to. */
export function cursorOf(key: KvKey): string {
  return toBase64Url(encodeKey(key));
}

function keyOfCursor(cursor: string): Uint8Array {
  try {
    const base64 = cursor.replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    decodeKey(bytes);
    return bytes;
  } catch (cause) {
    throw new TypeError(`cursor must be one of a list, got ${describe(cursor)}`, { cause });
  }
}

/** The first bytes behind some. */
function behind(bytes: Uint8Array): Uint8Array {
  const next = new Uint8Array(bytes.length + 1);
  next.set(bytes);
  return next;
}

function toBase64Url(bytes: Uint8Array): string {
  const base64 = btoa(String.fromCharCode(...bytes));
  return base64.replaceAll("+", "-").replaceAll("/", "_");
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
