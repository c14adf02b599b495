/**
 * Ranges of keys, in the order of their bytes.
 *
 * Behind a string of bytes comes, as the next of all, the same with a byte 0 at its end; and behind
 * all that begin with it, the one whose last byte that can be raised is greater by one. So what an
 * application asks for by `gt`, `gte`, `lt`, `lte` and `prefix`, and by a namespace, is always an
 * interval that includes its lower end and not its upper one.
 *
 * @module
 */
import { describe, InvalidArgumentError } from "../../core/errors.ts";
import { isBytes } from "../../core/key_encoder.ts";
import { KEY_BYTES_MAX } from "../../core/limits.ts";
import { pieceOf } from "../../core/memory_pieces.ts";
import type { RangeOptions } from "./method_options.ts";
import { joinBytes } from "./prefixed_keys.ts";

/** Names of the options that a range has. */
export const RANGE_OPTIONS: readonly string[] = [
  "prefix",
  "gt",
  "gte",
  "lt",
  "lte",
  "reverse",
  "limit",
] satisfies (keyof RangeOptions)[];
/** Those of them that need an order. */
export const ORDERED_OPTIONS = ["gt", "gte", "lt", "lte", "reverse"] as const;
/** Those of them that are bounds. */
const BOUNDS = ["gt", "gte", "lt", "lte"] as const;

/** An interval of keys, and how it is passed through. */
export interface KeyRange {
  /** What all of its keys begin with. */
  readonly prefix: Uint8Array;
  /** The lower end, which is part of it. */
  readonly from: Uint8Array;
  /** The upper end, which is not; undefined without one. */
  readonly to: Uint8Array | undefined;
  readonly isReverse: boolean;
  /** How many keys are wanted at most; Infinity for all. */
  readonly limit: number;
}

/**
 * The range that options ask for.
 *
 * @param prefix of the namespace that they are relative to; empty for a store
 * @param isOrdered whether the store knows the order of its keys
 * @throws {InvalidArgumentError} naming the option, its rule and what was received
 */
export function rangeOf(
  options: RangeOptions,
  prefix: Uint8Array,
  isOrdered: boolean,
): KeyRange {
  if (!isOrdered) assertUnordered(options);
  const given = options.prefix === undefined ? NONE : bytesOf("prefix", options.prefix);
  const whole = joinBytes(prefix, given);
  // The prefix alone is a key of the store, and none of the namespace; no key has no byte.
  let from = given.length === 0 ? nextBytes(prefix) : whole;
  let to = afterPrefix(whole);
  if (whole.length > KEY_BYTES_MAX) to = from = NONE;
  const { gt, gte, lt, lte } = options;
  for (let i = 0; i < BOUNDS.length; i++) {
    const given = i === 0 ? gt : i === 1 ? gte : i === 2 ? lt : lte;
    if (given === undefined) continue;
    const name = BOUNDS[i]!;
    const bound = joinBytes(prefix, boundOf(name, given, prefix.length));
    const end = name === "gt" || name === "lte" ? nextBytes(bound) : bound;
    if (name === "gt" || name === "gte") {
      if (compareBytes(end, from) > 0) from = end;
    } else if (to === undefined || compareBytes(end, to) < 0) to = end;
  }
  return {
    prefix: whole,
    from,
    to,
    isReverse: isReverse(options.reverse),
    limit: limitOf(options.limit),
  };
}

/** Whether options ask for less than all keys, or for them in another order. */
export function isLimited(options: RangeOptions | undefined): boolean {
  if (options === undefined) return false;
  return RANGE_OPTIONS.some((name) => options[name as keyof RangeOptions] !== undefined);
}

/** Whether a range has no key for the way that it is given. */
export function isEmptyRange(
  { from, to, limit }: Pick<KeyRange, "from" | "to" | "limit">,
): boolean {
  return limit === 0 || (to !== undefined && compareBytes(from, to) >= 0);
}

/** Compares strings of bytes: less than 0 if the first comes first. */
export function compareBytes(one: Uint8Array, other: Uint8Array): number {
  const length = Math.min(one.length, other.length);
  for (let i = 0; i < length; i++) if (one[i] !== other[i]) return one[i] - other[i];
  return one.length - other.length;
}

const NONE = new Uint8Array(0);
/** The first string that has a byte. Nobody writes to it. */
const FIRST = new Uint8Array(1);
const textEncoder = new TextEncoder();

/** The string of bytes that comes behind another one, with none between. */
export function nextBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return FIRST;
  const behind = new Uint8Array(bytes.length + 1);
  behind.set(bytes);
  return behind;
}

/** The first string of bytes behind all that begin with a prefix; undefined if none is. */
function afterPrefix(prefix: Uint8Array): Uint8Array | undefined {
  if (prefix.length === 0) return undefined;
  const last = prefix.findLastIndex((byte) => byte < 0xff);
  if (last < 0) return undefined;
  const behind = prefix.slice(0, last + 1);
  behind[last] += 1;
  return behind;
}

function assertUnordered(options: RangeOptions): void {
  for (const name of ORDERED_OPTIONS) {
    const given = options[name];
    if (given === undefined) continue;
    throw new InvalidArgumentError(
      `${name} must be left out unless the store is opened with ordered: true, got ${
        describe(given)
      }`,
    );
  }
}

function boundOf(name: string, bound: unknown, prefixBytes: number): Uint8Array {
  const bytes = bytesOf(name, bound);
  const bytesMax = KEY_BYTES_MAX - prefixBytes;
  if (bytes.length <= bytesMax) return bytes;
  throw new InvalidArgumentError(
    `${name} must have at most ${bytesMax} bytes, as a key here, got ${bytes.length} bytes`,
  );
}

function bytesOf(name: string, value: unknown): Uint8Array {
  if (typeof value === "string") {
    const bytes = bytesOfAscii(value);
    if (bytes !== undefined) return bytes;
    // As U+FFFD, which the encoder would write, a lone surrogate would stand for another place.
    if (value.isWellFormed()) return textEncoder.encode(value);
    throw new InvalidArgumentError(
      `${name} must be a well-formed string, got one with a lone surrogate`,
    );
  }
  // A copy, as an iteration may last longer than what its caller does with the bytes.
  if (isBytes(value)) return new Uint8Array(value);
  throw new InvalidArgumentError(
    `${name} must be a string or a Uint8Array, got ${describe(value)}`,
  );
}

/**
 * What most bounds are is ASCII, and short: entering the TextEncoder would take most of the time.
 */
function bytesOfAscii(text: string): Uint8Array | undefined {
  const bytes = TAKES_PIECES ? pieceOf(text.length) : new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return undefined;
    bytes[i] = code;
  }
  return bytes;
}

/** Whether a piece of memory takes less time than memory of its own: on Deno 0.02 us, not 0.14. */
const TAKES_PIECES = !("Bun" in globalThis);

function isReverse(reverse: unknown): boolean {
  if (reverse === undefined || typeof reverse === "boolean") return reverse === true;
  throw new InvalidArgumentError(`reverse must be a boolean, got ${describe(reverse)}`);
}

function limitOf(limit: unknown): number {
  if (limit === undefined) return Infinity;
  const isLimit = typeof limit === "number" && limit >= 0 &&
    (Number.isSafeInteger(limit) || limit === Infinity);
  if (isLimit) return limit;
  throw new InvalidArgumentError(
    `limit must be a whole number of keys from 0, or Infinity, got ${describe(limit)}`,
  );
}
