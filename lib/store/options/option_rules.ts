/**
 * Rules that the values of options keep.
 *
 * @module
 */
import { describe, InvalidOptionError } from "../../core/errors.ts";
import { type Bytes, formatBytes, parseBytes } from "../../core/units.ts";

/** Throws, naming the option, its rule and what was received, unless a condition holds. */
export function requireThat(
  condition: boolean,
  option: string,
  rule: string,
  value: unknown,
): void {
  if (!condition) throw new InvalidOptionError(`${option} ${rule}, got ${describe(value)}`);
}

/** Checks a whole number. */
export function wholeNumber(option: string, value: unknown, min: number, max: number): number {
  const isValid = typeof value === "number" && Number.isInteger(value) && value >= min &&
    value <= max;
  requireThat(isValid, option, `must be a whole number from ${min} to ${max}`, value);
  return value as number;
}

/** Checks a number of bytes; returns it as a number. */
export function bytesWithin(option: string, value: Bytes, min: number, max: number): number {
  const bytes = parseBytes(option, value);
  const rule = `must be from ${formatBytes(min)} to ${formatBytes(max)}`;
  requireThat(bytes >= min && bytes <= max, option, rule, value);
  return bytes;
}

/** Checks a number of bytes that has to be a power of two; returns it as a number. */
export function powerOfTwo(option: string, value: Bytes, min: number, max: number): number {
  const bytes = bytesWithin(option, value, min, max);
  requireThat(Math.log2(bytes) % 1 === 0, option, "must be a power of two", value);
  return bytes;
}

/** Checks a boolean. */
export function booleanOf(option: string, value: unknown): boolean {
  requireThat(typeof value === "boolean", option, "must be a boolean", value);
  return value as boolean;
}
