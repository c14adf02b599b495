/**
 * What is asked about a session before, and answered, as it travels.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  EXPIRY_MS_MAX,
  HELLO_BYTES_MAX,
  REMOTE_REQUESTS_MAX,
  SESSION_REQUESTS_MAX,
  VERSION_MAX,
  WELCOME_BYTES_MAX,
} from "../../lib/core/limits.ts";
import {
  decodeHello,
  decodeWelcome,
  encodeHello,
  encodeWelcome,
  type Hello,
  PROCESS_FORMAT,
  type Welcome,
} from "../../lib/gateway/handshake.ts";
import type { PreviousSession, SessionVerdicts } from "../../lib/gateway/session_verdicts.ts";
import { type Frame, FrameError, FrameReader } from "../../lib/wire/frame.ts";

const SHARED = { keys: "string", codec: "msgpack", ordered: false, durability: "os" } as const;
const HELLO: Hello = { ...SHARED, format: PROCESS_FORMAT };
const WELCOME: Welcome = {
  ...SHARED,
  format: PROCESS_FORMAT,
  segmentBytes: 1024 * 1024,
  hashKey: [1, 2],
  session: 7,
};

function only(bytes: Uint8Array, bytesMax: number): Frame {
  const [frame] = new FrameReader(bytesMax).read(bytes);
  return frame!;
}

function asked(previous: PreviousSession | undefined): PreviousSession | undefined {
  return decodeHello(only(encodeHello({ ...HELLO, previous }), HELLO_BYTES_MAX)).previous;
}

function told(verdicts: SessionVerdicts | undefined): SessionVerdicts | undefined {
  const frame = only(encodeWelcome({ ...WELCOME, verdicts }), WELCOME_BYTES_MAX);
  return decodeWelcome(frame).verdicts;
}

test("as much is asked and told as a connection may have on its way", () => {
  const first = SESSION_REQUESTS_MAX - REMOTE_REQUESTS_MAX;
  const numbers = Array.from({ length: REMOTE_REQUESTS_MAX }, (_, i) => first + i);
  const previous = { session: 2 ** 30, confirmed: first - 1, numbers };
  assert.equal(asked(previous), previous);
  const verdicts = numbers.map((number) => ({
    number,
    version: VERSION_MAX,
    stored: -Number.MIN_VALUE * 1.2345678901234567e-300 - 1.2345678901234567e-300,
    expiresAtMs: EXPIRY_MS_MAX,
  }));
  assert.equal(told({ isKnown: true, verdicts }), { isKnown: true, verdicts });
});

test("what is no number, does not expire, or is not known is told so", () => {
  const verdicts = [
    { number: 1, version: 5, stored: NaN, expiresAtMs: Infinity },
    { number: 2, version: 6, stored: 1.5, expiresAtMs: Infinity },
    { number: 3, version: 7, stored: NaN, expiresAtMs: 1000 },
    { number: 4, version: 8, stored: Infinity, expiresAtMs: Infinity },
  ];
  assert.equal(told({ isKnown: true, verdicts }), { isKnown: true, verdicts });
  assert.equal(told({ isKnown: false, verdicts: [] }), { isKnown: false, verdicts: [] });
  assert.is(told(undefined), undefined);
  assert.is(asked(undefined), undefined);
});

test("what is no question, and no verdict, is refused", () => {
  const questions = [
    null,
    1,
    { session: -1, confirmed: 0, numbers: [] },
    { session: 1, confirmed: 0.5, numbers: [] },
    { session: 1, confirmed: 0, numbers: [2 ** 32] },
    { session: 1, confirmed: 0, numbers: Array.from({ length: REMOTE_REQUESTS_MAX + 1 }, () => 1) },
    { session: 1, confirmed: 0 },
  ];
  for (const question of questions) {
    assert.throws(() => asked(question as PreviousSession), isFrameError, JSON.stringify(question));
  }
  const verdict = { number: 1, version: 1, stored: 1, expiresAtMs: 1 };
  for (
    const change of [{ number: -1 }, { version: 0.5 }, { version: VERSION_MAX + 1 }, {
      expiresAtMs: -1,
    }]
  ) {
    const verdicts = [{ ...verdict, ...change }];
    assert.throws(() => told({ isKnown: true, verdicts }), isFrameError, JSON.stringify(change));
  }
  assert.throws(() => told({ verdicts: [] } as unknown as SessionVerdicts), isFrameError);
});

const isFrameError = (error: unknown) => error instanceof FrameError;

test.run();
