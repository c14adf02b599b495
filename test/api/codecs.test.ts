/**
 * Stores with each codec.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DecodeError, InvalidValueError, open, type Store } from "../../mod.ts";
import { assertRejects, assertThrows } from "../support/errors.ts";
import { contentsOf } from "../support/store_suite.ts";

const SIZES = { capacity: "1MiB", segmentBytes: "64KiB", ringBytes: "8KiB" } as const;

test("JSON", async () => {
  await using store = await open<unknown>({ ...SIZES, codec: "json" });
  const values = { a: { list: [1, null, "é🦖\ud800"] }, b: "", c: 0, d: null, e: "x".repeat(5000) };
  await store.putMany(Object.entries(values));
  assert.equal(await contentsOf(store), Object.entries(values));
  assert.is(await store.increment("c", 2), 2);
  await assertRejects(() => store.put("f", 1n), {
    type: InvalidValueError,
    code: "DINOMO_INVALID_VALUE",
    says: /representable as JSON, got the bigint 1n/,
  });
});

test("bytes of all lengths, from all places", async () => {
  await using store = await open({ ...SIZES, codec: "binary" });
  const source = Uint8Array.from({ length: 12_000 }, (_, i) => i * 13 >>> 2);
  for (let length = 0; length < 10_000; length = Math.floor(length * 1.3) + 1) {
    for (const offset of [0, 1, 2, 3, 4, 5, 8]) {
      const value = source.subarray(offset, offset + length);
      await store.put("a", value);
      assert.equal(await store.get("a"), value.slice(), `${length} bytes at ${offset}`);
    }
  }
});

test("bytes in shared memory, and in a buffer that has grown", async () => {
  await using store = await open({ ...SIZES, codec: "binary" });
  const shared = new Uint8Array(new SharedArrayBuffer(20)).fill(3);
  await store.put("a", shared);
  assert.equal(await store.get("a"), new Uint8Array(20).fill(3));
  const Resizable = ArrayBuffer as unknown as new (
    length: number,
    options: { maxByteLength: number },
  ) => ArrayBuffer & { resize(length: number): void };
  const buffer = new Resizable(8, { maxByteLength: 64 });
  const bytes = new Uint8Array(buffer);
  for (const length of [8, 64, 16, 40]) {
    buffer.resize(length);
    bytes.fill(length);
    await store.put("a", bytes);
    assert.equal(await store.get("a"), new Uint8Array(length).fill(length), `${length} bytes`);
  }
});

test("Buffers are bytes, and come back as plain bytes", async () => {
  const { Buffer } = await import("node:buffer");
  await using store = await open({ ...SIZES, codec: "binary" });
  await store.put("a", Buffer.from("text"));
  const value = (await store.get("a"))!;
  assert.is(new TextDecoder().decode(value), "text");
  assert.is(Object.getPrototypeOf(value), Uint8Array.prototype);
});

test("a codec of the application's own may use the store itself", async () => {
  const text = new TextEncoder();
  const encoded: number[] = [];
  const store: Store<number> = await open<number>({
    ...SIZES,
    codec: {
      encode(value) {
        encoded.push(value);
        if (value > 100) store.putSync("large", value % 100);
        return text.encode(String(value));
      },
      decode(bytes) {
        const value = Number(new TextDecoder().decode(bytes));
        return value === 7 ? value + (store.getSync("large") ?? 0) : value;
      },
    },
  });
  await store.put("a", 105);
  assert.equal(await store.getMany(["a", "large"]), [105, 5]);
  await store.put("b", 7);
  assert.is(await store.get("b"), 12);
  assert.equal(encoded, [105, 5, 7]);
  await store.close();
});

test("a codec that fails fails the operation only", async () => {
  let fails = false;
  await using store = await open<string>({
    ...SIZES,
    codec: {
      encode(value) {
        if (value === "bad") throw new Error("not this one");
        return new TextEncoder().encode(value);
      },
      decode(bytes) {
        if (fails) throw new Error("not now");
        return new TextDecoder().decode(bytes);
      },
    },
  });
  await store.put("a", "good");
  await assertRejects(() => store.put("a", "bad"), {
    type: InvalidValueError,
    code: "DINOMO_INVALID_VALUE",
    says: /^codec.encode failed on the string "bad"/,
  });
  fails = true;
  const undecodable = {
    type: DecodeError,
    code: "DINOMO_DECODE",
    says: /^the value of key "[^"]*" cannot be decoded: codec.decode/,
  } as const;
  await assertRejects(() => store.get("a"), undecodable);
  assertThrows(() => store.getSync("a"), undecodable);
  await assertRejects(() => store.getMany(["a"]), undecodable);
  await assertRejects(() => store.update("a", () => "new"), undecodable);
  assert.is(await store.has("a"), true);
  fails = false;
  assert.is(await store.get("a"), "good");
  assert.is(await store.delete("a"), true);
});

test("msgpack: more kinds of objects than are shared, in a store that is cleared in between", async () => {
  await using store = await open<unknown>(SIZES);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 300; i++) void store.put(`key ${i}`, { [`field ${round} ${i}`]: i, id: i });
    await store.flush();
    for (let i = 0; i < 300; i++) {
      assert.equal(store.getSync(`key ${i}`), { [`field ${round} ${i}`]: i, id: i });
    }
    await store.clear();
    assert.is(store.count, 0);
  }
});

test.run();
