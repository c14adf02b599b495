/**
 * Sizes with units: what is a size, and what is refused.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { InvalidOptionError } from "../../lib/core/errors.ts";
import { formatBytes, parseBytes } from "../../lib/core/units.ts";
import { assertThrows } from "../support/errors.ts";

const SIZES: readonly [unknown, number][] = [
  [1, 1],
  [4096, 4096],
  [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ["1", 1],
  ["17B", 17],
  ["3KB", 3000],
  ["3MB", 3_000_000],
  ["3GB", 3_000_000_000],
  ["3TB", 3_000_000_000_000],
  ["2KiB", 2048],
  ["2MiB", 2 * 2 ** 20],
  ["2GiB", 2 * 2 ** 30],
  ["2TiB", 2 * 2 ** 40],
  ["1.5GiB", 1.5 * 2 ** 30],
  ["0.25KiB", 256],
  ["  64 MiB ", 64 * 2 ** 20],
  ["007B", 7],
];

const NO_SIZES: readonly unknown[] = [
  0,
  -1,
  1.5,
  NaN,
  Infinity,
  2 ** 53,
  "",
  " ",
  "MiB",
  "0",
  "0MiB",
  "-1MiB",
  "+1MiB",
  "1e3",
  "0x10",
  "1,5MiB",
  "1.MiB",
  ".5MiB",
  "1.5B",
  "0.0001KiB",
  "1mib",
  "1KIB",
  "1 Ki B",
  "1MiBs",
  "1MiB 2KiB",
  "9999999TiB",
  "1__proto__",
  "1constructor",
  "1toString",
  true,
  null,
  undefined,
  1n,
  [4096],
  {},
  () => 4096,
  Symbol("4096"),
];

test("a size is a whole number of bytes, or a decimal number with a unit", () => {
  for (const [text, bytes] of SIZES) {
    assert.is(parseBytes("capacity", text), bytes, String(text));
  }
});

test("everything else is refused, by name", () => {
  for (const value of NO_SIZES) {
    assertThrows(() => parseBytes("capacity", value), {
      type: InvalidOptionError,
      code: "DINOMO_INVALID_OPTION",
      says: /^capacity must be a positive whole number of bytes or a string .*, got /,
    }, String(value));
  }
});

test("the message quotes what was received", () => {
  const messageFor = (value: unknown) => {
    try {
      return parseBytes("ringBytes", value);
    } catch (error) {
      return (error as Error).message;
    }
  };
  assert.match(String(messageFor("12parsecs")), 'got the string "12parsecs"');
  assert.match(String(messageFor(-3)), "got the number -3");
  assert.match(String(messageFor(null)), "got null");
  assert.ok(String(messageFor("9".repeat(10_000))).length < 300, "a long string is cut");
});

test("sizes are shown in the largest unit that keeps them at or above 1", () => {
  assert.is(formatBytes(0), "0 B");
  assert.is(formatBytes(1023), "1023 B");
  assert.is(formatBytes(1024), "1 KiB");
  assert.is(formatBytes(1536), "1.5 KiB");
  assert.is(formatBytes(2 ** 20 - 1), "1024 KiB");
  assert.is(formatBytes(2 ** 20), "1 MiB");
  assert.is(formatBytes(2.25 * 2 ** 30), "2.25 GiB");
  assert.is(formatBytes(32 * 2 ** 30), "32 GiB");
});

test("what is shown for a round size can be given again", () => {
  for (const bytes of [512, 4096, 2 ** 20, 8 * 2 ** 20, 2 ** 30, 1.5 * 2 ** 30]) {
    assert.is(parseBytes("capacity", formatBytes(bytes)), bytes);
  }
});

test.run();
