/**
 * Calls between processes: several at a time, their items, credit, ends, failures, and what is
 * given up.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CommitTooLargeError } from "../../lib/core/commit_errors.ts";
import {
  InvalidArgumentError,
  PathError,
  SnapshotError,
  UnavailableError,
} from "../../lib/core/errors.ts";
import { CALL_BYTES_MAX, CALL_CREDIT_BYTES, CALL_CREDITS_MAX } from "../../lib/core/limits.ts";
import { systemError } from "../../lib/core/system_code.ts";
import { encodeFailure } from "../../lib/gateway/carried_errors.ts";
import { nextTurn } from "../../lib/platform/runtime.ts";
import { CallClient } from "../../lib/wire/call_client.ts";
import { CallFrame, encodeCall } from "../../lib/wire/call_frames.ts";
import { CallServer } from "../../lib/wire/call_server.ts";
import { FrameError, FrameReader } from "../../lib/wire/frame.ts";
import { CallPair } from "../support/call_pair.ts";
import { CAMPAIGN_FACTOR } from "../support/campaign.ts";
import { errorOf } from "../support/errors.ts";
import { Random, SEED, seeded } from "../support/random.ts";

const RANDOM = new Random(SEED);
const ASKED = Uint8Array.of(1, 2, 3);

/** Items of so many bytes, each of which begins with its number. */
async function* numbered(count: number, bytes: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) {
    if (RANDOM.below(4) === 0) await nextTurn();
    const item = new Uint8Array(bytes);
    new DataView(item.buffer).setUint32(0, i);
    yield item;
  }
}

async function takeAll(items: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Turns of the event loop in which all settles that can. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await nextTurn();
}

test(
  "calls are answered by their items, in their order, however many are made at a time",
  seeded(async () => {
    const pair = new CallPair(RANDOM, (content) => numbered(content[0]!, 4 + content[1]! * 997));
    const calls = Array.from({ length: 60 }, async () => {
      const count = RANDOM.below(60);
      const items = await takeAll(pair.client.call(Uint8Array.of(count, RANDOM.below(60))));
      assert.is(items.length, count);
      items.forEach((item, i) =>
        assert.is(new DataView(item.buffer, item.byteOffset).getUint32(0), i)
      );
    });
    await Promise.all(calls);
    assert.is(pair.server.callCount, 0);
  }),
);

test("a failure comes with its class, code, message and system code, behind the items", async () => {
  const errors = [
    new InvalidArgumentError("nodes must be a number"),
    new UnavailableError("no KN"),
    new CommitTooLargeError("too many"),
    new SnapshotError("a file", { cause: systemError("ENOSPC", "no space") }),
    new PathError("a path", { cause: systemError("EACCES", "not allowed") }),
    new RangeError("of another kind"),
  ];
  const pair = new CallPair(RANDOM, async function* ([number]) {
    yield Uint8Array.of(7);
    throw errors[number!]!;
  });
  for (const [number, error] of errors.entries()) {
    const items = pair.client.call(Uint8Array.of(number));
    assert.equal((await items.next()).value, Uint8Array.of(7));
    const carried = await errorOf(() => items.next()) as Error & { systemCode?: string };
    assert.is(carried.name, error.name);
    assert.is(carried.message, error.message);
    assert.is((carried as { code?: unknown }).code, (error as { code?: unknown }).code);
    assert.is(carried.systemCode, (error as { systemCode?: string }).systemCode);
    if (number < 5) assert.ok(carried instanceof (error.constructor as typeof Error));
    assert.is((await items.next()).done, true);
  }
});

test("nothing is made beyond the credit until items are taken", async () => {
  let made = 0;
  const bytes = 10_000;
  const pair = new CallPair(RANDOM, async function* () {
    for (; made < 1000; made++) yield new Uint8Array(bytes);
  });
  const items = pair.client.call(ASKED);
  await items.next();
  await settle();
  const most = Math.ceil(CALL_CREDIT_BYTES / bytes) + 3;
  assert.ok(made > 3 && made < most, `made ${made} of at most ${most}`);
  let taken = 1;
  for await (const _ of items) taken += 1;
  assert.is(taken, 1000);
});

test("nothing is made while the connection takes nothing, but one item for each call", async () => {
  let made = 0;
  const pair = new CallPair(RANDOM, async function* () {
    for (;;) {
      made += 1;
      yield new Uint8Array(60_000);
    }
  });
  pair.toClient.isStopped = true;
  const calls = Array.from({ length: 20 }, () => pair.client.call(ASKED));
  const first = calls.map((items) => items.next());
  await settle();
  // 256 KiB of them fill the pipe.
  assert.ok(made <= 20 + 6, `made ${made}`);
  pair.toClient.go();
  await Promise.all(first);
  await Promise.all(calls.map((items) => items.return!()));
  await settle();
  assert.is(pair.server.callCount, 0);
});

test("a call that is given up ends at both ends, at once and in the middle of an item", async () => {
  const ended: string[] = [];
  const pair = new CallPair(RANDOM, async function* (content, signal) {
    try {
      yield content;
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    } finally {
      ended.push(String(content[0]));
    }
  });
  const returned = pair.client.call(Uint8Array.of(1));
  await returned.next();
  const waiting = returned.next();
  await returned.return!();
  assert.is((await waiting).done, true);

  const end = new AbortController();
  const aborted = pair.client.call(Uint8Array.of(2), { signal: end.signal });
  await aborted.next();
  const next = aborted.next();
  end.abort(new Error("enough"));
  assert.match(String(await errorOf(() => next)), "enough");
  assert.is((await aborted.next()).done, true);
  await settle();
  assert.equal(ended, ["1", "2"]);
  assert.is(pair.server.callCount, 0);

  const early = pair.client.call(ASKED, { signal: end.signal });
  assert.match(String(await errorOf(() => early.next())), "enough");
  assert.is(pair.server.callCount, 0);
});

test("a call that is given up makes nothing more", async () => {
  let made = 0;
  const pair = new CallPair(RANDOM, async function* () {
    for (;;) {
      made += 1;
      await nextTurn();
      yield new Uint8Array(8);
    }
  });
  const items = pair.client.call(ASKED);
  await items.next();
  await items.return!();
  await settle();
  const before = made;
  await settle();
  assert.is(made, before);
});

test("the end of a connection ends all calls, and those that are made later", async () => {
  const pair = new CallPair(RANDOM, async function* (_content, signal) {
    yield ASKED;
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  });
  const items = pair.client.call(ASKED);
  await items.next();
  const next = items.next();
  pair.client.failAll(new UnavailableError("gone"));
  assert.match(String(await errorOf(() => next)), "gone");
  assert.match(String(await errorOf(() => pair.client.call(ASKED).next())), "gone");
  pair.server.close();
  assert.is(pair.server.callCount, 0);
});

test("calls for which there is no credit wait for others", async () => {
  const pair = new CallPair(RANDOM, async function* (_content, signal) {
    yield ASKED;
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  });
  const creditBytes = CALL_CREDITS_MAX / 4;
  const calls = Array.from({ length: 6 }, () => pair.client.call(ASKED, { creditBytes }));
  const first = calls.map((items) => items.next());
  await Promise.all(first.slice(0, 4));
  await settle();
  assert.is(pair.server.callCount, 4);
  await calls[0]!.return!();
  await calls[1]!.return!();
  assert.ok((await Promise.all(first.slice(4))).every(({ done }) => done === false));
  await Promise.all(calls.map((items) => items.return!()));
});

/** A server that is told frames, and what it has written. */
function makeServer(answer = (): AsyncIterable<Uint8Array> => numbered(2, 8)) {
  const written: Uint8Array[] = [];
  const write = (bytes: Uint8Array) => written.push(bytes) > 0;
  const server = new CallServer({ answer, failureOf: encodeFailure, write });
  const tell = (bytes: Uint8Array) => {
    for (const frame of new FrameReader(2 * CALL_BYTES_MAX).read(bytes)) server.receive(frame);
  };
  return { server, tell, written };
}

test("frames that break a rule are refused by the called side", () => {
  const { CALL, ITEM, CANCEL, CREDIT } = CallFrame;
  const rubbish: [string, Uint8Array[]][] = [
    ["a number twice", [encodeCall(CALL, 1, 9, ASKED), encodeCall(CALL, 1, 9, ASKED)]],
    ["a number left out", [encodeCall(CALL, 2, 9, ASKED)]],
    ["no credit", [encodeCall(CALL, 1, 0, ASKED)]],
    ["too much credit", [encodeCall(CALL, 1, CALL_CREDITS_MAX + 1, ASKED)]],
    ["too much later", [
      encodeCall(CALL, 1, CALL_CREDITS_MAX, ASKED),
      encodeCall(CREDIT, 1, CALL_CREDITS_MAX),
    ]],
    ["too many bytes", [encodeCall(CALL, 1, 9, new Uint8Array(CALL_BYTES_MAX + 1))]],
    ["an item", [encodeCall(ITEM, 1, 0, ASKED)]],
    ["credit of no call", [encodeCall(CREDIT, 1, 9)]],
    ["the end of no call", [encodeCall(CANCEL, 1, 0)]],
    ["an end with content", [encodeCall(CALL, 1, 9, ASKED), encodeCall(CANCEL, 1, 0, ASKED)]],
  ];
  for (const [name, frames] of rubbish) {
    const { server, tell } = makeServer();
    assert.throws(
      () => frames.forEach(tell),
      (error: unknown) => error instanceof FrameError,
      name,
    );
    server.close();
  }
});

test("the called side has no more calls than it may", () => {
  const forever = async function* (): AsyncGenerator<Uint8Array> {
    await new Promise(() => {});
    yield ASKED;
  };
  const { server, tell } = makeServer(forever);
  const begin = () => {
    for (let i = 1; i < 10_000; i++) tell(encodeCall(CallFrame.CALL, i, 1, ASKED));
  };
  assert.throws(begin, /at most 8192 calls/);
  server.close();
});

test("frames that answer no call are refused by the calling side", () => {
  const { ITEM, END, FAILURE, CALL } = CallFrame;
  for (
    const bytes of [
      encodeCall(ITEM, 1, 0, ASKED),
      encodeCall(END, 2, 0),
      encodeCall(FAILURE, 1, 0, encodeFailure(new Error("no"))),
      encodeCall(CALL, 1, 9, ASKED),
    ]
  ) {
    const client = new CallClient({ write: () => {}, errorOf: () => new Error() });
    const [frame] = new FrameReader(1000).read(bytes);
    assert.throws(() => client.receive(frame!), (error: unknown) => error instanceof FrameError);
  }
});

test(
  "whatever comes, both sides refuse it or go on",
  seeded(() => {
    const kinds = Object.values(CallFrame);
    for (let round = 0; round < 300 * Math.max(1, CAMPAIGN_FACTOR); round++) {
      const { server, tell } = makeServer();
      const client = new CallClient({ write: () => {}, errorOf: () => new Error() });
      for (let i = 0; i < 5; i++) void client.call(ASKED).next().catch(() => {});
      try {
        for (let i = 0; i < 20; i++) {
          const number = RANDOM.below(8) === 0 ? RANDOM.below(2 ** 31) : RANDOM.below(7);
          const credit = RANDOM.below(3) === 0 ? 0 : RANDOM.below(2 ** 31);
          const bytes = encodeCall(
            RANDOM.pick(kinds),
            number,
            credit,
            RANDOM.bytes(RANDOM.below(9)),
          );
          try {
            tell(bytes);
          } catch (error) {
            if (!(error instanceof FrameError)) throw error;
          }
          for (const frame of new FrameReader(1000).read(bytes)) client.receive(frame);
        }
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
      }
      server.close();
      client.failAll(new Error("over"));
    }
  }),
);

test.run();
