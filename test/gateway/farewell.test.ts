/**
 * The last frame of a process that closes its store: when it is sent, and what the host does then.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { StoreClosedError } from "../../lib/core/errors.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { nextTurn } from "../../lib/platform/runtime.ts";
import { makeRemoteClient, type RemoteClient } from "../../lib/gateway/remote_client.ts";
import { encodeFarewell, RequestFrame } from "../../lib/gateway/request_frames.ts";
import { SessionRegister } from "../../lib/gateway/session_register.ts";
import { kindOf } from "../../lib/wire/frame.ts";

/** A register, and what it does to the evidence, in its order. */
function registered(): { register: SessionRegister; done: string[] } {
  const done: string[] = [];
  const register = new SessionRegister({
    confirmAnswers: (session, number) => void done.push(`confirm ${session} ${number}`),
    keepSession: (session) => void done.push(`keep ${session}`),
    endSession: (session) => void done.push(`end ${session}`),
    outcomeOf: () => undefined,
  });
  return { register, done };
}

/** A session of which nothing is on its way. */
const IDLE = { close: () => Promise.resolve() };

test("a session is forgotten with its farewell, and kept without one", async () => {
  const { register, done } = registered();
  register.enter(1, IDLE);
  register.enter(2, IDLE);
  await register.end(1);
  await register.leave(1);
  await register.leave(2);
  assert.equal(done, ["end 1", "keep 2"]);
});

test("a farewell is said in a session that has come to its process: the one before ends first", async () => {
  const { register, done } = registered();
  register.enter(1, IDLE);
  await register.judge({ session: 1, confirmed: 3, numbers: [] });
  register.enter(2, IDLE, 1);
  await register.end(2);
  await register.leave(1);
  await register.leave(2);
  assert.equal(done, ["confirm 1 3", "end 1", "end 2"]);
});

test("what is on its way has ended before its session is forgotten", async () => {
  const { register, done } = registered();
  let end = () => {};
  const ended = new Promise<void>((resolve) => end = resolve);
  register.enter(1, { close: () => ended });
  const forgotten = register.end(1);
  const left = register.leave(1);
  await nextTurn();
  assert.equal(done, []);
  end();
  await Promise.all([forgotten, left]);
  assert.equal(done, ["end 1"]);
});

/** A client, and the kinds of the frames that it has sent. */
function connected(): { client: RemoteClient; kinds: number[] } {
  const kinds: number[] = [];
  const client = makeRemoteClient({ segmentBytes: 4096 });
  const write = (bytes: Uint8Array) => void kinds.push(kindOf(bytes));
  client.carrier.connect({ session: 1, write });
  return { client, kinds };
}

test("a store that is closed says farewell, once, as the last frame of its connection", () => {
  const { client, kinds } = connected();
  client.close();
  client.close();
  client.flush();
  assert.equal(kinds, [RequestFrame.REQUESTS, RequestFrame.FAREWELL]);
  assert.is(kindOf(encodeFarewell()), RequestFrame.FAREWELL);
});

test("with what has no answer, without a connection, and by a store that fails, none is said", () => {
  const { client, kinds } = connected();
  const key = new KeyEncoder(1, 2);
  key.encode("a");
  client.delete(key, { settle: () => {}, fail: () => {} });
  client.flush();
  client.close();
  assert.equal(kinds, [RequestFrame.REQUESTS, RequestFrame.REQUESTS]);
  const apart = connected();
  apart.client.carrier.disconnect();
  apart.client.close();
  const failing = connected();
  failing.client.failAll(new StoreClosedError("the test is over"));
  failing.client.close();
  for (const other of [apart, failing]) assert.equal(other.kinds, [RequestFrame.REQUESTS]);
});

test.run();
