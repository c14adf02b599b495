/**
 * What stands for modules of the runtime that are slow to load does the same as they do.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import * as zlib from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { builtin } from "../../lib/platform/builtin.ts";
import { crc32 } from "../../lib/platform/crc32.ts";
import { processorCount } from "../../lib/platform/processor_count.ts";
import { fillRandomly } from "../../lib/platform/random_bytes.ts";
import { epochMs, monotonicMs } from "../../lib/platform/runtime.ts";

test("a module of the runtime is the one that is imported", () => {
  assert.is(builtin("node:zlib").crc32, zlib.crc32);
});

test("the CRC-32 is the one of zlib, in shared memory, and going on", () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(1 << 16)).map((_, i) => i * 31 + (i >>> 5));
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  for (const [from, to] of [[0, 0], [0, 1], [3, 70], [8, 4104], [1, bytes.length]] as const) {
    const view = shared.subarray(from, to);
    assert.is(crc32(view), zlib.crc32(view), `${from} to ${to}`);
    for (const before of [0, 1, 0x8000_0000, 0xffff_ffff]) {
      assert.is(crc32(view, before), zlib.crc32(view, before), `${from} to ${to} after ${before}`);
    }
  }
  const [one, other] = [shared.subarray(5, 99), shared.subarray(99, 500)];
  assert.is(crc32(other, crc32(one)), zlib.crc32(shared.subarray(5, 500)));
});

test("the number of processors is the one of os", () => {
  assert.is(processorCount(), availableParallelism());
});

test("the clocks are those of the system, and go on", () => {
  const before = Date.now();
  const now = epochMs();
  assert.ok(before <= now && now <= Date.now(), `${now} since ${before}`);
  const [one, other] = [monotonicMs(), monotonicMs()];
  assert.ok(one <= other, `${one}, then ${other}`);
});

test("random bits fill all of an array, and are others each time", () => {
  const seen = new Set<number>();
  for (let i = 0; i < 64; i++) for (const word of fillRandomly(new Int32Array(4))) seen.add(word);
  // That two of 256 words of 32 bits are alike is seen once in 130,000 runs, two pairs never.
  assert.ok(seen.size >= 255, `${seen.size} words of 256`);
  const bytes = new Set(Array.from({ length: 512 }, () => fillRandomly(new Uint8Array(8))[7]));
  assert.ok(bytes.size > 100, `${bytes.size} last bytes`);
});

test.run();
