/**
 * Bounds of a range of keys, in the order of their bytes.
 *
 * @module
 */

/** Which keys a range has. */
export interface KeyBounds {
  /** @default from the first key */
  readonly lower?: Uint8Array | undefined;
  /** Whether the lower bound itself is one of them. @default true */
  readonly lowerInclusive?: boolean | undefined;
  /** @default to the last key */
  readonly upper?: Uint8Array | undefined;
  /** Whether the upper bound itself is one of them. @default false */
  readonly upperInclusive?: boolean | undefined;
}

/** The keys that begin with a prefix. */
export function boundsOfPrefix(prefix: Uint8Array): KeyBounds {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length -= 1;
  if (length === 0) return { lower: prefix };
  const upper = prefix.slice(0, length);
  upper[length - 1]! += 1;
  return { lower: prefix, upper };
}

/** The keys that two ranges have in common. */
export function intersectBounds(a: KeyBounds, b: KeyBounds): KeyBounds {
  const { lower, lowerInclusive } = isTighterLower(a, b) ? a : b;
  const { upper, upperInclusive } = isTighterUpper(a, b) ? a : b;
  return { lower, lowerInclusive, upper, upperInclusive };
}

function isTighterLower(a: KeyBounds, b: KeyBounds): boolean {
  if (a.lower === undefined || b.lower === undefined) return b.lower === undefined;
  const order = compareBytes(a.lower, b.lower);
  return order !== 0 ? order > 0 : a.lowerInclusive === false;
}

function isTighterUpper(a: KeyBounds, b: KeyBounds): boolean {
  if (a.upper === undefined || b.upper === undefined) return b.upper === undefined;
  const order = compareBytes(a.upper, b.upper);
  return order !== 0 ? order < 0 : a.upperInclusive !== true;
}

/** Compares byte for byte; what the other one begins with comes first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}
