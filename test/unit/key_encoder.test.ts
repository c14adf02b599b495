/**
 * Keys as words: encodings, limits and padding.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { InvalidKeyError } from "../../lib/core/errors.ts";
import { halfSipHash13 } from "../../lib/core/half_sip_hash.ts";
import { type Key, keyBehind, KeyEncoder } from "../../lib/core/key_encoder.ts";
import { keyOfText, textOfKey } from "../../lib/core/key_text.ts";
import { KEY_TYPE_NUMBERS } from "../../lib/core/key_types.ts";
import { joinKeys, PrefixedKeyEncoder } from "../../lib/store/arguments/prefixed_keys.ts";
import { assertThrows, type Refusal } from "../support/errors.ts";
import { seeded } from "../support/random.ts";

const HASH_KEY = [0x01234567, -0x76543211] as const;
const INVALID: Omit<Refusal, "says"> = { type: InvalidKeyError, code: "DINOMO_INVALID_KEY" };
const utf8 = new TextEncoder();

function encoder(): KeyEncoder {
  return new KeyEncoder(...HASH_KEY);
}

/** The bytes that an encoder holds, with the padding of the last word. */
function paddedBytes(keys: KeyEncoder): Uint8Array {
  return new Uint8Array(keys.words.buffer, 0, Math.ceil(keys.byteLength / 4) * 4).slice();
}

/** Checks everything that an encoder says about a key, after a longer key was in it. */
function check(key: Key, bytes: Uint8Array): void {
  const keys = encoder();
  keys.encode(new Uint8Array(2048).fill(0xff));
  const hash = keys.encode(key);
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  const context = typeof key === "string"
    ? JSON.stringify(key.slice(0, 50))
    : `${key.length} bytes`;
  assert.is(keys.byteLength, bytes.length, context);
  assert.equal(paddedBytes(keys), padded, context);
  assert.is(keys.isBinary, typeof key !== "string", context);
  const words = new Int32Array(padded.buffer);
  assert.is(hash, halfSipHash13(...HASH_KEY, words, 0, bytes.length), context);
  assert.is(keys.hash, hash, context);
}

test("ASCII strings of every length up to the limit", () => {
  for (let length = 1; length <= 2048; length++) {
    const key = "The quick brown fox jumps over the lazy dog. ".repeat(23).slice(0, length);
    check(key, utf8.encode(key));
  }
});

test("strings of every kind of character", () => {
  const samples = [
    "\0",
    "\x7f",
    "\x80",
    "é",
    "aé",
    "abé",
    "abcé",
    "abcdé",
    "éabc",
    "\u07ff",
    "\u0800",
    "\ufeffbom",
    "\ufffd",
    "\uffff",
    "日本語",
    "🦖",
    "a🦖",
    "ab🦖",
    "abc🦖",
    "\u{10ffff}",
  ];
  for (const key of samples) check(key, utf8.encode(key));
});

test("bytes of every length up to the limit", () => {
  for (let length = 1; length <= 2048; length++) {
    check(
      Uint8Array.from({ length }, (_, i) => i * 7),
      Uint8Array.from({ length }, (_, i) => i * 7),
    );
  }
});

test("bytes from the middle of a buffer, and bytes that are no UTF-8", () => {
  const buffer = Uint8Array.from({ length: 64 }, (_, i) => 255 - i);
  check(buffer.subarray(3, 10), buffer.slice(3, 10));
  check(Uint8Array.of(0xff), Uint8Array.of(0xff));
  check(Uint8Array.of(0, 0, 0, 0), new Uint8Array(4));
});

test(
  "random strings and bytes, one after the other in the same encoder",
  seeded((random) => {
    const keys = encoder();
    for (let i = 0; i < 2000; i++) {
      const points = Array.from({ length: random.between(1, 40) }, () => {
        const point = random.below(random.pick([0x80, 0x800, 0xd800, 0x110000]));
        return point >= 0xd800 && point < 0xe000 ? 0x61 : point;
      });
      const text = String.fromCodePoint(...points);
      const bytes = utf8.encode(text);
      const hash = keys.encode(text);
      const padded = paddedBytes(keys);
      assert.equal(padded.subarray(0, bytes.length), bytes, JSON.stringify(text));
      assert.ok(padded.subarray(bytes.length).every((byte) => byte === 0), JSON.stringify(text));
      assert.is(keys.encode(bytes), hash, "the same bytes hash alike");
    }
  }),
);

test("a string and its UTF-8 bytes are the same key, told apart by a flag", () => {
  const keys = encoder();
  const hash = keys.encode("naïve");
  const bytes = paddedBytes(keys);
  assert.is(keys.isBinary, false);
  assert.is(keys.encode(utf8.encode("naïve")), hash);
  assert.equal(paddedBytes(keys), bytes);
  assert.is(keys.isBinary, true);
});

test("the key that it holds reads as it was written", () => {
  const keys = encoder();
  for (const length of [1, 2, 3, 4, 5, 13, 23, 24, 25, 26, 100]) {
    for (const last of ["x", "\0", "\x7f", "\x80", "é", "\ufeff", "\u{10ffff}"]) {
      const key = "k".repeat(length - 1) + last;
      keys.encode(key);
      assert.is(keys.key, key);
    }
  }
});

test("text is read from anywhere in a key, whatever was behind it before", () => {
  const keys = encoder();
  const text = "abcdefghijklmnopqrstuvwxyz0123456789";
  for (const before of ["~".repeat(100), "é".repeat(50)]) {
    for (let end = 1; end <= text.length; end++) {
      for (let start = 0; start < end; start++) {
        keys.encode(before);
        keys.encode(text.slice(0, end));
        assert.is(keyBehind(start, keys), text.slice(start, end));
      }
    }
  }
});

test("keys that end in zero bytes differ from shorter ones", () => {
  const keys = encoder();
  const hashes = ["a", "a\0", "a\0\0", "a\0\0\0"].map((key) => keys.encode(key));
  assert.is(new Set(hashes).size, 4);
});

test("2048 bytes is the limit, counted in UTF-8", () => {
  for (const [unit, size] of [["a", 1], ["é", 2], ["日", 3], ["🦖", 4]] as const) {
    const fitting = unit.repeat(Math.floor(2048 / size));
    const filled = fitting + "x".repeat(2048 - utf8.encode(fitting).length);
    check(filled, utf8.encode(filled));
    const bytes = 2048 + size;
    assertThrows(() => encoder().encode(filled + unit), {
      ...INVALID,
      says: new RegExp(`^key must have 1 to 2048 bytes, got ${bytes} bytes$`),
    }, unit);
  }
});

test("a character that straddles the limit is refused, not cut", () => {
  for (const [unit, size] of [["é", 2], ["日", 3], ["🦖", 4]] as const) {
    for (let over = 1; over < size; over++) {
      const key = "a".repeat(2048 - size + over) + unit;
      assertThrows(
        () => encoder().encode(key),
        { ...INVALID, says: /got 20(49|50|51) bytes$/ },
        unit,
      );
    }
  }
});

test(
  "behind a prefix a key is the one that both are together, whatever was there before",
  seeded((random) => {
    const CHARACTERS = ["a", "0", "\0", "\x7f", "é", "😀"];
    const textOf = (length: number, kinds: number) =>
      Array.from({ length }, () => CHARACTERS[random.below(kinds)]).join("");
    const whole = encoder();
    for (let round = 0; round < 400; round++) {
      const prefix = textOf(1 + random.below(9), round % 5 === 0 ? 6 : 4);
      const key = textOf(1 + random.below(round % 50 === 0 ? 2040 : 20), round % 3 === 0 ? 6 : 4);
      const behind = new PrefixedKeyEncoder(...HASH_KEY, KEY_TYPE_NUMBERS.mixed, prefix);
      behind.encode(new Uint8Array(2000).fill(0xff));
      const both = joinKeys(prefix, key) as string;
      if (utf8.encode(both).length > 2048) {
        assert.throws(() => behind.encode(key), (e: unknown) => e instanceof InvalidKeyError);
        continue;
      }
      const context = JSON.stringify([prefix, key]).slice(0, 99);
      assert.is(behind.encode(key), whole.encode(both), context);
      assert.is(behind.byteLength, whole.byteLength, context);
      assert.is(behind.isBinary, false, context);
      assert.equal(paddedBytes(behind), paddedBytes(whole), context);
      assert.is(
        behind.words[behind.byteLength >>> 2],
        whole.words[whole.byteLength >>> 2],
        context,
      );
      assert.is(behind.key, key, context);
    }
  }),
);

test("empty and long keys are refused", () => {
  const keys: readonly Key[] = ["", new Uint8Array(0), new Uint8Array(2049), "x".repeat(10 ** 6)];
  for (const key of keys) {
    assertThrows(() => encoder().encode(key), {
      ...INVALID,
      says: /^key must have 1 to 2048 bytes/,
    });
  }
});

test("strings with a lone surrogate are refused: two of them would become one key", () => {
  const lone = [
    "\ud800",
    "\udfff",
    "a\ud800",
    "\udc00b",
    "\ud83e\ud83e\udd96",
    "\udd96\ud83e",
    "abcd\udabc",
  ];
  for (const key of lone) {
    assertThrows(() => encoder().encode(key), { ...INVALID, says: /well-formed.*lone surrogate/ });
  }
});

test("everything that is neither a string nor a Uint8Array is refused", () => {
  const others = [1, 0, null, undefined, true, 1n, {}, [], ["a"], Symbol("a"), () => "a"];
  const views = [new ArrayBuffer(4), new Uint16Array(2), new DataView(new ArrayBuffer(4))];
  for (const key of [...others, ...views, new Date(), new String("a")]) {
    assertThrows(() => encoder().encode(key as Key), {
      ...INVALID,
      says: /^key must be a string or a Uint8Array, got /,
    }, String(key));
  }
});

test("the store's own key is the empty one", () => {
  const keys = encoder();
  keys.encode("something else");
  const hash = keys.encodeSystemKey();
  assert.is(keys.byteLength, 0);
  assert.is(hash, halfSipHash13(...HASH_KEY, new Int32Array(1), 0, 0));
});

test("no two keys have one text, and each is found by its own", () => {
  const strings = ["0xab", "string:0xab", "string:string:0x", "0xAB", "0xa", "string:", "string:a"];
  const keys: Key[] = [...strings, Uint8Array.of(0xab), new Uint8Array(0), "0x"];
  const texts = keys.map((key) => textOfKey(key, "mixed"));
  assert.equal(texts, [
    ...["string:0xab", "string:string:0xab", "string:string:string:0x"],
    ...["0xAB", "0xa", "string:", "string:a", "0xab", "0x", "string:0x"],
  ]);
  assert.equal(texts.map((text) => keyOfText(text, "mixed")), keys);
  for (const key of strings) {
    assert.is(textOfKey(key, "string"), key);
    assert.is(keyOfText(key, "string"), key);
  }
});

test.run();
