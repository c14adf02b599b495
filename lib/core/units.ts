/**
 * Sizes with units, as users write them: `"64MiB"`.
 *
 * @module
 */
import { describe, InvalidOptionError } from "./errors.ts";

const UNIT_BYTES: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Units of bytes: thousands, or 1024ths. */
export type ByteUnit = "B" | "KB" | "MB" | "GB" | "TB" | "KiB" | "MiB" | "GiB" | "TiB";

/** A number of bytes, or a string with a unit: `"512KiB"`, `"1.5 GiB"`, `"64MB"`. */
export type Bytes = number | `${number}` | `${number}${ByteUnit}` | `${number} ${ByteUnit}`;

/**
 * Parses a size.
 *
 * @param option name of the option, for the error message
 * @param value a whole number of bytes, or a decimal number with one of B, KB, MB, GB, TB, KiB,
 *   MiB, GiB, TiB
 * @returns whole bytes
 * @throws {InvalidOptionError} when it does not parse to a whole, positive number of bytes
 */
export function parseBytes(option: string, value: unknown): number {
  const rule = `${option} must be a positive whole number of bytes or a string such as "64MiB"`;
  let bytes = NaN;
  if (typeof value === "number") {
    bytes = value;
  } else if (typeof value === "string") {
    const match = /^\s*(\d{1,15}(?:\.\d{1,6})?)\s*([A-Za-z]*)\s*$/.exec(value);
    const unit = match ? UNIT_BYTES[match[2]!] : undefined;
    if (match && unit !== undefined) bytes = Number(match[1]) * unit;
  }
  if (!Number.isSafeInteger(bytes) || bytes <= 0) {
    throw new InvalidOptionError(`${rule}, got ${describe(value)}`);
  }
  return bytes;
}

/**
 * Formats a size for messages and tables, in the largest binary unit that keeps it at or above 1.
 */
export function formatBytes(bytes: number): string {
  for (const unit of ["GiB", "MiB", "KiB"] as const) {
    const size = UNIT_BYTES[unit]!;
    if (bytes >= size) return `${Number((bytes / size).toFixed(2))} ${unit}`;
  }
  return `${bytes} B`;
}
