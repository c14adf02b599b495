/**
 * What the store holds of a pair of Deno KV: the value, and the versionstamp of the commit that has
 * stored it.
 *
 * @module
 */
import { epochMs } from "../platform/runtime.ts";

const U64_MAX = 2n ** 64n - 1n;
const STAMP_DIGITS = 20;
/** Digits of the milliseconds; the others tell the commits of one millisecond apart. */
const MS_DIGITS = 12;
/** The digits of each byte: `toString(16)` of a number takes five times as long. */
const BYTE_DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
/** Commits of one thread in a millisecond that have different numbers. */
const NUMBERS = 2 ** 16;

/** A number of 64 bits without a sign, which `sum`, `min` and `max` work on. */
export class KvU64 {
  /** The number. */
  readonly value: bigint;

  /**
   * Makes a number.
   *
   * @throws {TypeError} when it is no bigint
   * @throws {RangeError} when it does not fit 64 bits without a sign
   */
  constructor(value: bigint) {
    if (typeof value !== "bigint") throw new TypeError("value must be a bigint");
    if (value < 0n || value > U64_MAX) {
      throw new RangeError(`value must be from 0 to ${U64_MAX}, got ${value}`);
    }
    this.value = value;
  }

  /** The number: so those of two keys are compared, and computed with. Typed as Deno's own. */
  valueOf(): ReturnType<typeof Object.prototype.valueOf> {
    return this.value;
  }

  /** Its decimal digits. */
  toString(): string {
    return String(this.value);
  }
}

/** The versionstamp of a commit: when it was made, and a number that others then do not have. */
export type Stamp = readonly [ms: number, number: number];

/** A stored value. A `KvU64` is stored as its bigint, with a mark. */
export type StoredValue = readonly [ms: number, number: number, value: unknown, isU64?: true];

/** Makes the versionstamps of one thread. */
export class StampClock {
  /** Of two threads that commit in the same millisecond, about one pair of 65,536 has the same. */
  readonly #thread = Math.floor(Math.random() * NUMBERS);
  #lastMs = 0;
  #count = 0;

  /** The next one, which is larger than all before. */
  next(): Stamp {
    const nowMs = epochMs();
    if (nowMs > this.#lastMs) {
      this.#lastMs = nowMs;
      this.#count = 0;
    } else if (++this.#count === NUMBERS) {
      // As many in a millisecond, or a clock that was set back: the time goes on by itself.
      this.#lastMs += 1;
      this.#count = 0;
    }
    return [this.#lastMs, this.#count * NUMBERS + this.#thread];
  }
}

/** The text of a time: many stamps in a row have the same one. */
let shownMs = -1;
let msText = "";

/** A versionstamp as Deno KV writes it: 20 hexadecimal digits, which sort as the stamps do. */
export function textOfStamp([ms, number]: Stamp | StoredValue): string {
  if (ms !== shownMs) {
    shownMs = ms;
    msText = ms.toString(16).padStart(MS_DIGITS, "0");
  }
  return msText + BYTE_DIGITS[number >>> 24]! + BYTE_DIGITS[(number >>> 16) & 0xff]! +
    BYTE_DIGITS[(number >>> 8) & 0xff]! + BYTE_DIGITS[number & 0xff]!;
}

/** Whether an application may have it from an entry. */
export function isStampText(text: unknown): text is string {
  return typeof text === "string" && text.length === STAMP_DIGITS && /^[0-9a-f]+$/.test(text);
}

/** What is stored of a value. */
export function storedOf([ms, number]: Stamp, value: unknown): StoredValue {
  return isU64(value) ? [ms, number, value.value, true] : [ms, number, value];
}

/** The value of what is stored. */
export function valueOf(stored: StoredValue): unknown {
  return stored[3] === true ? new KvU64(stored[2] as bigint) : stored[2];
}

/** Whether a value is such a number: of this module, or of Deno. */
export function isU64(value: unknown): value is KvU64 {
  if (value instanceof KvU64) return true;
  const { Deno } = globalThis as { Deno?: { KvU64?: new (value: bigint) => KvU64 } };
  return Deno?.KvU64 !== undefined && value instanceof Deno.KvU64;
}
