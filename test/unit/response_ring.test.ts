/**
 * The ring in which values that were read come back: wrapping, and waiting for the client.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  RESPONSE_TOO_LARGE,
  ResponseReader,
  RESPONSES_FULL,
  ResponseWriter,
} from "../../lib/rings/response_ring.ts";
import type { FoundValue } from "../../lib/log/record_view.ts";
import { createRing } from "../../lib/rings/ring_layout.ts";

const RESPONSE_BYTES = 1024;

function valueOf(tag: number, valueBytes: number): FoundValue {
  const words = new Int32Array(Math.ceil(valueBytes / 4)).fill(tag * 0x01010101);
  const version = tag + 2 ** 40;
  return { words, valueAt: 0, valueBytes, version, expiresAtMs: tag % 2 === 0 ? Infinity : tag };
}

test("what was written is read, in order, while the ring wraps; nothing is overwritten before", () => {
  const ring = createRing(8192, 8, RESPONSE_BYTES);
  const writer = new ResponseWriter(ring);
  const reader = new ResponseReader(ring);
  const sent: { tag: number; at: number; end: number }[] = [];
  let fullCount = 0;
  for (let tag = 0; tag < 100; tag++) {
    const value = valueOf(tag, 10 + (tag * 37) % 200);
    let at = writer.write(value);
    while (at === RESPONSES_FULL) {
      fullCount += 1;
      const oldest = sent.shift()!;
      const { bytes, version, expiresAtMs } = reader.take(oldest.at, oldest.end);
      const expected = valueOf(oldest.tag, 10 + (oldest.tag * 37) % 200);
      assert.is(bytes.length, expected.valueBytes);
      assert.ok(bytes.every((byte) => byte === oldest.tag));
      assert.is(version, expected.version);
      assert.is(expiresAtMs, expected.expiresAtMs);
      at = writer.write(value);
    }
    sent.push({ tag, at, end: writer.position });
  }
  assert.ok(fullCount > 50, `full ${fullCount} times`);
});

test("a value that takes more than a quarter of the ring is refused", () => {
  const writer = new ResponseWriter(createRing(8192, 8, RESPONSE_BYTES));
  assert.is(writer.write(valueOf(1, RESPONSE_BYTES / 4)), RESPONSE_TOO_LARGE);
  assert.is(writer.position, 0);
});

test.run();
