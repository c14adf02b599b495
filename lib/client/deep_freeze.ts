/**
 * Which values several callers may share, and how they are kept from changing them.
 *
 * @module
 */

/**
 * Values within values up to this depth: an object that contains itself is not followed for ever.
 */
const DEPTH_MAX = 128;

/** Parts that may still be looked at. */
let partsLeft = 0;

/**
 * Freezes a value with all that it contains, if that makes it unchangeable: it consists of
 * primitives, arrays and plain objects. The content of bytes, `Map`, `Set`, `Date` and instances of
 * classes cannot be frozen; a value with one of those is left as it is.
 *
 * @param partsMax parts beyond which the value is not looked through, but left as it is
 * @returns whether it is frozen, or primitive
 */
export function deepFreeze(value: unknown, partsMax: number): boolean {
  partsLeft = partsMax;
  if (!isFreezable(value, DEPTH_MAX)) return false;
  freezeAll(value);
  return true;
}

function isFreezable(value: unknown, depthLeft: number): boolean {
  if (typeof value !== "object" || value === null) return typeof value !== "function";
  partsLeft -= 1;
  if (depthLeft === 0 || partsLeft < 0) return false;
  if (Array.isArray(value)) {
    for (const item of value) if (!isFreezable(item, depthLeft - 1)) return false;
    return true;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  if (Object.getOwnPropertySymbols(value).length > 0) return false;
  for (const item of Object.values(value)) if (!isFreezable(item, depthLeft - 1)) return false;
  return true;
}

function freezeAll(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const item of Object.values(value)) freezeAll(item);
}
