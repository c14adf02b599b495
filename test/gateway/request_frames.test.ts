/**
 * What becomes of requests and answers that are damaged on their way, or that another process has
 * made up.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { KeyEncoder, keyOf } from "../../lib/core/key_encoder.ts";
import { KEY_TYPE_NUMBERS } from "../../lib/core/key_types.ts";
import type { Slot } from "../../lib/core/brands.ts";
import type { Completion } from "../../lib/client/completions.ts";
import type { RemoteClient } from "../../lib/gateway/remote_client.ts";
import { LongFrames } from "../../lib/gateway/long_frames.ts";
import {
  AnswerBuffer,
  decodeAnswers,
  decodeRequests,
  encodeAnswers,
  encodeRequests,
  REFUSED,
  RequestFrame,
} from "../../lib/gateway/request_frames.ts";
import {
  FLAG_BINARY_KEY,
  FLAG_EXPIRES,
  metaKeyBytes,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_REQUEST_POSITION,
  RECORD_VALUE_BYTES,
  recordExpiry,
  valueWord,
} from "../../lib/log/record_layout.ts";
import { DERIVATION_BYTES, DerivationWords } from "../../lib/rings/derivation_words.ts";
import {
  conditionOf,
  mustSyncOf,
  Operation,
  operationOf,
  REQUEST_ARGUMENT,
  REQUEST_OPERATION,
  REQUEST_RECORD,
  REQUEST_VERSION_HIGH,
  REQUEST_VERSION_LOW,
  Status,
} from "../../lib/rings/ring_layout.ts";
import { encodeFrame, FrameError, FrameReader, WIRE_HEADER_BYTES } from "../../lib/wire/frame.ts";
import { addition } from "../support/gateway_pair.ts";
import { CAMPAIGN_FACTOR } from "../support/campaign.ts";
import { StoreClosedError } from "../../lib/core/errors.ts";
import { makeConnected } from "../support/gateway_pair.ts";
import { Random, SEED, seeded } from "../support/random.ts";

const HASH_KEY = [0x1234567, -0x7654321] as const;
const SEGMENT_BYTES = 4096;
const BODY_BYTES_MAX = 64 * 1024;
const RULES = { hashKey: HASH_KEY, keyTypes: KEY_TYPE_NUMBERS.mixed };
/** Cuts streams into pieces. */
const CUTS = new Random(SEED);
const ROUNDS = 2000 * Math.max(1, CAMPAIGN_FACTOR);

const IGNORED: Completion = { settle: () => {}, fail: () => {} };

/** What a client sends that issues something in one tick. */
function sent(
  issue: (client: RemoteClient, keys: KeyEncoder) => void,
): Uint8Array {
  const frames: Uint8Array[] = [];
  const client = makeConnected(SEGMENT_BYTES, (bytes) => void frames.push(bytes));
  frames.length = 0;
  issue(client, new KeyEncoder(...HASH_KEY));
  client.flush();
  client.failAll(new StoreClosedError("nobody answers"));
  assert.is(frames.length, 1);
  return frames[0]!;
}

/** A frame with a request of every kind. */
function sampleFrame(): Uint8Array {
  return sent((client, keys) => {
    const bytes = Uint8Array.from({ length: 21 }, (_, i) => i);
    const value = { bytes, start: 0, end: bytes.length };
    keys.encode("user:é");
    client.put(keys, value, 1_700_000_000_123, 2, 2 ** 40 + 5, IGNORED, true);
    keys.encode("another");
    client.put(keys, { ...value, end: 0 }, Infinity, 1, 0, IGNORED);
    keys.encode(Uint8Array.of(1, 2, 0, 255));
    client.delete(keys, IGNORED, 0, 2, 77);
    client.get(keys, true, IGNORED);
    client.get(keys, false, IGNORED);
    keys.encode("n");
    client.derive(Operation.ADD, keys, addition(1.5), IGNORED, true);
    const touch = new DerivationWords();
    touch.askToTouch(1_700_000_000_000);
    client.derive(Operation.TOUCH, keys, touch, IGNORED, false);
    client.clearSlot(4095 as Slot, IGNORED);
  });
}

/** The requests that a stream has brought until it was refused, or ended. */
function received(bytes: Uint8Array): { requests: Int32Array[]; error: unknown } {
  const reader = new FrameReader(BODY_BYTES_MAX);
  const requests: Int32Array[] = [];
  try {
    for (let from = 0; from < bytes.length;) {
      const to = from + CUTS.between(1, bytes.length);
      for (const { kind, body } of reader.read(bytes.slice(from, to))) {
        if (kind !== RequestFrame.REQUESTS) throw new FrameError("another kind");
        requests.push(...decodeRequests(body, requests.length + 1, RULES).requests);
      }
      from = to;
    }
  } catch (error) {
    assert.instance(error, FrameError);
    return { requests, error };
  }
  return { requests, error: undefined };
}

const SAMPLE = sampleFrame();
const SENT = received(SAMPLE).requests;

/** Nothing but what was sent has come. */
function assertNothingElse(bytes: Uint8Array, what: string): void {
  const { requests } = received(bytes);
  assert.ok(requests.length === 0 || requests.length === SENT.length, what);
  requests.forEach((words, i) => assert.equal(words, SENT[i], what));
}

test("a frame of all kinds of requests comes as it was sent", () => {
  assert.is(SENT.length, 8);
  assert.equal(encodeRequests(SENT, 0), SAMPLE);
});

test(
  "a damaged byte brings no other request",
  seeded((random) => {
    for (let at = 0; at < SAMPLE.length; at++) {
      for (const bit of [random.below(8), random.below(8)]) {
        const bytes = SAMPLE.slice();
        bytes[at]! ^= 1 << bit;
        const { requests } = received(bytes);
        assert.equal(requests, [], `bit ${bit} of byte ${at}`);
      }
    }
  }),
);

test(
  "a byte too few or twice brings no other request",
  seeded(() => {
    for (let at = 0; at < SAMPLE.length; at++) {
      assertNothingElse(SAMPLE.slice(0, at), `without what follows byte ${at}`);
      const [front, back] = [SAMPLE.slice(0, at), SAMPLE.slice(at + 1)];
      assertNothingElse(Uint8Array.of(...front, ...back), `without byte ${at}`);
      assertNothingElse(Uint8Array.of(...front, SAMPLE[at]!, SAMPLE[at]!, ...back), `twice ${at}`);
    }
    assertNothingElse(Uint8Array.of(...SAMPLE, ...SAMPLE), "numbers are not used again");
  }),
);

test("a frame that says that it is too long is refused before its body comes", () => {
  const bytes = SAMPLE.slice(0, WIRE_HEADER_BYTES);
  new DataView(bytes.buffer).setUint32(8, BODY_BYTES_MAX + 8, true);
  assert.instance(received(bytes).error, FrameError);
});

test(
  "what another process has made up is refused, or is what a client would send",
  seeded((random) => {
    const body = SAMPLE.slice(WIRE_HEADER_BYTES);
    let acceptedCount = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = body.slice();
      const words = new Int32Array(bytes.buffer);
      for (let i = random.between(1, 3); i > 0; i--) {
        const at = random.below(bytes.length);
        const kind = random.below(4);
        if (kind === 0) bytes[at] = random.below(256);
        if (kind === 1) bytes[at]! ^= 1 << random.below(8);
        if (kind === 2) {
          words[at >>> 2] = random.pick([0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 8, 0x7ff]);
        }
        if (kind === 3) {
          words[at >>> 2]! += random.pick([-2, -1, 1, 2]);
        }
      }
      const { requests, error } = received(encodeFrame(RequestFrame.REQUESTS, bytes));
      if (error !== undefined) {
        assert.equal(requests, []);
      } else acceptedCount += 1;
      for (const request of requests) {
        assertIsSentByClients(request);
      }
    }
    assert.ok(acceptedCount > 0, "values can be changed");
  }),
);

/** A request has been made of its own meaning by a client. */
function assertIsSentByClients(request: Int32Array): void {
  const word = request[REQUEST_OPERATION]!;
  const operation = operationOf(word);
  const meta = request[REQUEST_RECORD + RECORD_META]!;
  const valueAt = REQUEST_RECORD + valueWord(meta);
  const value = {
    bytes: new Uint8Array(request.buffer, request.byteOffset + valueAt * 4),
    start: 0,
    end: request[REQUEST_RECORD + RECORD_VALUE_BYTES]!,
  };
  const version = request[REQUEST_VERSION_HIGH]! * 2 ** 32 + (request[REQUEST_VERSION_LOW]! >>> 0);
  const again = sent((client, keys) => {
    const isBinary = (meta & FLAG_BINARY_KEY) !== 0;
    const start = request.byteOffset + (REQUEST_RECORD + RECORD_KEY) * 4;
    const bytes = new Uint8Array(request.buffer, start, metaKeyBytes(meta));
    if (operation === Operation.CLEAR_SLOT) {
      return client.clearSlot(request[REQUEST_ARGUMENT] as Slot, IGNORED);
    }
    keys.encode(keyOf({ bytes: bytes.slice(), isBinary }));
    assert.is(keys.hash, request[REQUEST_RECORD + RECORD_HASH]);
    if (operation === Operation.PUT) {
      const expiry = (meta & FLAG_EXPIRES) === 0 ? Infinity : recordExpiry(request, REQUEST_RECORD);
      client.put(keys, value, expiry, conditionOf(word), version, IGNORED, mustSyncOf(word));
    } else if (operation === Operation.DELETE) {
      client.delete(keys, IGNORED, 0, conditionOf(word), version);
    } else if (operation === Operation.GET || operation === Operation.HAS) {
      client.get(keys, operation === Operation.GET, IGNORED);
    } else {
      assert.is(value.end, DERIVATION_BYTES);
      const asked = new DerivationWords();
      asked.read(request, REQUEST_RECORD);
      client.derive(operation, keys, asked, IGNORED, mustSyncOf(word));
    }
  });
  const [made] = received(again).requests;
  made![REQUEST_RECORD + RECORD_REQUEST_POSITION] =
    request[REQUEST_RECORD + RECORD_REQUEST_POSITION]!;
  assert.equal(made, Int32Array.from(request));
}

test("keys of a type that the store does not have are refused", () => {
  const body = SAMPLE.slice(WIRE_HEADER_BYTES);
  for (const keyTypes of [KEY_TYPE_NUMBERS.string, KEY_TYPE_NUMBERS.bytes]) {
    assert.throws(() => decodeRequests(body, 1, { ...RULES, keyTypes }), /key of the store's type/);
  }
});

test(
  "answers come as they were sent, or are refused",
  seeded((random) => {
    const common = { versionLow: -7, versionHigh: 3, expiresAtMs: Infinity };
    const content = Uint8Array.from({ length: 13 }, (_, i) => i + 1);
    const answers = [
      { ...common, number: 1, status: Status.FOUND, expiresAtMs: 1_700_000_000_123, content },
      { ...common, number: 2 ** 32 - 1, status: Status.OK, content: new Uint8Array(0) },
      { ...common, number: 3, status: REFUSED, content },
    ];
    const frame = encodeAnswers(answers);
    const [{ kind, body }] = new FrameReader(BODY_BYTES_MAX).read(frame) as [
      { kind: number; body: Uint8Array },
    ];
    assert.is(kind, RequestFrame.ANSWERS);
    const came = decodeAnswers(body).map((answer) => ({
      ...answer,
      content: answer.content.slice(),
    }));
    assert.equal(came, answers);
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = body.slice();
      const at = random.below(bytes.length);
      const words = new Int32Array(bytes.buffer);
      if (round % 2 === 0) bytes[at] = random.below(256);
      else words[at >>> 2] = random.pick([0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 7, 9, 64]);
      try {
        const read = decodeAnswers(bytes);
        const again = encodeAnswers(read).slice(WIRE_HEADER_BYTES);
        assert.is(again.length, bytes.length);
      } catch (error) {
        assert.instance(error, FrameError);
      }
    }
  }),
);

test("a long frame of answers stays what it is until its memory is given back", () => {
  const memory = new LongFrames();
  const buffer = new AnswerBuffer(memory);
  const frameOf = (byte: number) => {
    const content = new Uint8Array(1001).fill(byte);
    for (let i = 0; i < 20; i++) {
      buffer.add(i + 1, Status.FOUND, byte, 0, Infinity, content, content.length);
    }
    return buffer.take();
  };
  const bytesOf = (frame: Uint8Array) => {
    const { body } = new FrameReader(BODY_BYTES_MAX).read(frame)[0]!;
    const bytes = decodeAnswers(body).map(({ versionLow, content }) => {
      assert.is(content.length, 1001);
      assert.ok(content.every((byte) => byte === versionLow));
      return versionLow;
    });
    assert.is(bytes.length, 20);
    return bytes[0];
  };
  const first = frameOf(1);
  const second = frameOf(2);
  assert.equal([bytesOf(first), bytesOf(second)], [1, 2]);
  assert.is.not(second.buffer, first.buffer);
  memory.giveBack(first);
  const third = frameOf(3);
  assert.is(third.buffer, first.buffer);
  assert.equal([bytesOf(second), bytesOf(third)], [2, 3]);
  // A short one does not keep the memory of a long one.
  buffer.add(1, Status.OK, 0, 0, Infinity, new Uint8Array(0), 0);
  assert.ok(buffer.take().buffer.byteLength < first.buffer.byteLength);
});

test.run();
