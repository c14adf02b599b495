/**
 * The codecs without state: JSON, bytes, and an application's own.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ValueCodec } from "../../lib/codec/codec.ts";
import { BinaryCodec, CustomCodecAdapter, JsonCodec } from "../../lib/codec/plain_codecs.ts";
import { DecodeError, InvalidValueError } from "../../lib/core/errors.ts";
import { assertThrows, type Refusal } from "../support/errors.ts";

const INVALID: Omit<Refusal, "says"> = { type: InvalidValueError, code: "DINOMO_INVALID_VALUE" };
const UNDECODABLE: Omit<Refusal, "says"> = { type: DecodeError, code: "DINOMO_DECODE" };

/** The encoded value, followed by what a reader's longer buffer may hold. */
function scratchOf<V>(codec: ValueCodec<V>, value: V): { bytes: Uint8Array; length: number } {
  codec.encode(value);
  const length = codec.end - codec.start;
  const bytes = new Uint8Array(length + 64).fill(0x22);
  bytes.set(codec.bytes.subarray(codec.start, codec.end));
  return { bytes, length };
}

function roundTrip<V>(codec: ValueCodec<V>, value: V): V {
  const { bytes, length } = scratchOf(codec, value);
  const decoded = codec.decode(bytes, length);
  bytes.fill(0);
  return decoded;
}

test("JSON values come back as they were", () => {
  const codec = new JsonCodec<unknown>();
  const values = [null, true, 0, -1.5, "", "é日🦖\ufeff\0\ud800", [], [1, [2]], {}, {
    a: { b: [null] },
  }];
  for (const value of values) assert.equal(roundTrip(codec, value), value);
  assert.is(roundTrip(codec, new Date(5)), "1970-01-01T00:00:00.005Z", "as toJSON says");
});

test("JSON refuses what it would leave out", () => {
  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  const refused: readonly [unknown, RegExp][] = [
    [undefined, /^value must not be undefined/],
    [() => 1, /^value must be representable as JSON, got one that contains a function/],
    [{ a: { f() {} } }, /contains a function/],
    [Symbol("s"), /contains a symbol/],
    [[Symbol("s")], /contains a symbol/],
    [1n, /^value must be representable as JSON, got the bigint 1n/],
    [{ a: 1n }, /^value must be representable as JSON/],
    [cycle, /^value must be representable as JSON/],
    [{ toJSON: () => undefined }, /^value must be representable as JSON/],
  ];
  for (const [value, says] of refused) {
    const codec = new JsonCodec<unknown>();
    assertThrows(() => codec.encode(value), { ...INVALID, says }, String(says));
  }
});

test("JSON reports bytes that are none", () => {
  const codec = new JsonCodec<unknown>();
  for (const text of ["", "{", "undefined", "\x81\xa1a\x01", '{"a":1}}']) {
    const bytes = new TextEncoder().encode(text);
    assertThrows(
      () => codec.decode(bytes, bytes.length),
      { ...UNDECODABLE, says: /not JSON/ },
      text,
    );
  }
});

test("bytes come back as they were, as a fresh copy", () => {
  const codec = new BinaryCodec();
  for (const length of [0, 1, 7, 8, 1000]) {
    const value = Uint8Array.from({ length }, (_, i) => i * 3);
    const { bytes, length: encodedLength } = scratchOf(codec, value);
    assert.is(encodedLength, length);
    const first = codec.decode(bytes, length);
    const second = codec.decode(bytes, length);
    bytes.fill(0xff);
    first.fill(0xee);
    assert.equal(second, value);
    assert.is(second.buffer.byteLength, length, "no larger buffer hides behind it");
  }
});

test("bytes from the middle of a buffer, and Buffers, are bytes", () => {
  const codec = new BinaryCodec();
  const buffer = Uint8Array.from({ length: 100 }, (_, i) => i);
  assert.equal(roundTrip(codec, buffer.subarray(33, 44)), buffer.slice(33, 44));
  const shared = new Uint8Array(new SharedArrayBuffer(8)).fill(3);
  assert.equal(roundTrip(codec, shared), new Uint8Array(8).fill(3));
});

test("everything else is refused with the codec for bytes", () => {
  const others = ["text", 1, null, undefined, [1, 2], {}, new ArrayBuffer(4), new Uint16Array(2)];
  for (const value of [...others, new DataView(new ArrayBuffer(2)), new Int8Array(1)]) {
    assertThrows(() => new BinaryCodec().encode(value as Uint8Array), {
      ...INVALID,
      says: /^value must be a Uint8Array with the codec "binary", got /,
    }, String(value));
  }
});

test("a codec of the application's own gets a private copy to decode", () => {
  const seen: Uint8Array[] = [];
  const codec = new CustomCodecAdapter<string>({
    encode: (text) => new TextEncoder().encode(text),
    decode(bytes) {
      seen.push(bytes);
      return new TextDecoder().decode(bytes);
    },
  });
  assert.is(roundTrip(codec, "first"), "first");
  assert.is(roundTrip(codec, "second value"), "second value");
  assert.is(new TextDecoder().decode(seen[0]), "first", "it may keep the bytes");
});

test("what a codec of the application's own throws or returns is checked", () => {
  const failing = new CustomCodecAdapter<unknown>({
    encode() {
      throw new Error("encode says no");
    },
    decode() {
      throw new Error("decode says no");
    },
  });
  assertThrows(() => failing.encode(1), {
    ...INVALID,
    says: /^codec.encode failed on the number 1/,
  });
  assertThrows(() => failing.decode(new Uint8Array(1), 1), {
    ...UNDECODABLE,
    says: /^codec.decode failed/,
  });
  for (const returned of [undefined, null, "text", [1], new ArrayBuffer(2), new Int8Array(2)]) {
    const codec = new CustomCodecAdapter<unknown>({
      encode: () => returned as unknown as Uint8Array,
      decode: () => 1,
    });
    assertThrows(() => codec.encode(1), {
      ...INVALID,
      says: /^codec.encode must return a Uint8Array, got /,
    }, String(returned));
  }
  assertThrows(() => failing.encode(undefined), { ...INVALID, says: /must not be undefined/ });
});

test("the cause of a failure is kept", () => {
  const cause = new Error("why");
  const codec = new CustomCodecAdapter<unknown>({
    encode() {
      throw cause;
    },
    decode: () => 1,
  });
  try {
    codec.encode(1);
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).cause, cause);
  }
});

test.run();
