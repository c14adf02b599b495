/**
 * Frames of a byte stream: what comes out is what went in, in whatever pieces it comes, and nothing
 * else comes out.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { encodeFrame, FrameError, FrameReader, WIRE_HEADER_BYTES } from "../../lib/wire/frame.ts";
import { seeded } from "../support/random.ts";

const BODY_BYTES_MAX = 1000;

const bodyOf = (length: number) => Uint8Array.from({ length }, (_, i) => i * 7);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

test("a body of what a socket has brought is no Buffer, whose slices are no copies", () => {
  const reader = new FrameReader(BODY_BYTES_MAX);
  const came = Buffer.concat([encodeFrame(1, bodyOf(5)), encodeFrame(2, bodyOf(8))]);
  const frames = reader.read(came);
  assert.is(frames.length, 2);
  for (const { body } of frames) {
    assert.is(body.constructor, Uint8Array);
    assert.is(body.byteOffset % 8, 0, "it can be read as words");
  }
  const copy = frames[1]!.body.slice();
  came.fill(0);
  assert.equal(copy, bodyOf(8));
});

test("frames come out as they went in, in pieces of any size", () => {
  const sent = [0, 1, 17, BODY_BYTES_MAX, 0, 5].map((length, kind) => ({
    kind: kind * 51,
    body: bodyOf(length),
  }));
  const stream = joined(sent.map(({ kind, body }) => encodeFrame(kind, body)));
  for (const step of [1, 2, 3, 15, 16, 17, 100, stream.length]) {
    const reader = new FrameReader(BODY_BYTES_MAX);
    const got = [];
    for (let at = 0; at < stream.length; at += step) {
      got.push(...reader.read(stream.subarray(at, at + step)));
    }
    assert.equal(got, sent, `in pieces of ${step} bytes`);
    assert.not(reader.isInFrame);
  }
});

test("a frame with any bit changed is refused, and so is all that follows", () => {
  const frame = encodeFrame(3, bodyOf(20));
  for (let bit = 0; bit < frame.length * 8; bit++) {
    const bad = frame.slice();
    bad[bit >>> 3]! ^= 1 << (bit & 7);
    const reader = new FrameReader(BODY_BYTES_MAX);
    const stream = joined([bad, frame, frame]);
    let got = 0;
    try {
      // Where the length has got larger, the frames behind are its body.
      got = reader.read(stream).length;
      got += reader.read(new Uint8Array(BODY_BYTES_MAX)).length;
    } catch (error) {
      assert.instance(error, FrameError);
    }
    assert.is(got, 0, `bit ${bit}`);
    assert.throws(() => reader.read(frame), (error: unknown) => error instanceof FrameError);
  }
});

test("a length beyond the limit is refused before any of the body has come", () => {
  const frame = encodeFrame(1, bodyOf(BODY_BYTES_MAX + 1));
  const reader = new FrameReader(BODY_BYTES_MAX);
  assert.throws(
    () => reader.read(frame.subarray(0, WIRE_HEADER_BYTES)),
    /a frame must have at most 1000 bytes, got 1001/,
  );
});

test("a kind that does not fit is refused", () => {
  for (const kind of [-1, 256, 1.5, NaN]) {
    assert.throws(() => encodeFrame(kind, bodyOf(1)), /kind must be 0 to 255/);
  }
});

test(
  "random bytes are refused, and never a frame",
  seeded((random) => {
    for (let round = 0; round < 2000; round++) {
      const reader = new FrameReader(BODY_BYTES_MAX);
      const frame = encodeFrame(1, bodyOf(10));
      const cut = random.below(WIRE_HEADER_BYTES);
      const bytes = Uint8Array.from(
        { length: 200 },
        (_, i) => i < cut ? frame[i]! : random.below(256),
      );
      try {
        assert.equal(reader.read(bytes), [], `round ${round}`);
      } catch (error) {
        assert.instance(error, FrameError, `round ${round}`);
      }
    }
  }),
);

test.run();
