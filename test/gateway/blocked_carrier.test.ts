/**
 * A thread that blocks while the host of its pool ends: what it is told, and what is sent to the
 * next host.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { UnavailableError } from "../../mod.ts";
import { type Completion, ItemCompletion, SyncBatch } from "../../lib/client/completions.ts";
import { StoreClosedError } from "../../lib/core/errors.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { KEY_TYPE_NUMBERS } from "../../lib/core/key_types.ts";
import { REMOTE_REQUESTS_MAX } from "../../lib/core/limits.ts";
import { nextTurn } from "../../lib/platform/runtime.ts";
import { ReadCompletion } from "../../lib/far/client/routed_reads.ts";
import { makeRemoteClient, type RemoteClient } from "../../lib/gateway/remote_client.ts";
import { decodeRequests, numberCount } from "../../lib/gateway/request_frames.ts";
import type { CarrierLink } from "../../lib/gateway/socket_carrier.ts";
import { RECORD_KEY } from "../../lib/log/record_layout.ts";
import { Condition, REQUEST_RECORD } from "../../lib/rings/ring_layout.ts";
import { FrameReader } from "../../lib/wire/frame.ts";

const HASH_KEY = [1, 2] as const;
const FRAME_BYTES_MAX = 1 << 20;

/**
 * A client of a thread whose host ends as soon as the thread blocks; requests are named by their
 * keys.
 */
class BlockedThread {
  /** What was sent, in the order of its numbers, with the session's number in front. */
  readonly sent: string[] = [];
  /** How requests have ended that nobody blocks for. */
  readonly ends: string[] = [];
  readonly client: RemoteClient = makeRemoteClient({ segmentBytes: 4096 });
  readonly #keys = new KeyEncoder(...HASH_KEY);

  link(session: number): CarrierLink {
    const frames = new FrameReader(FRAME_BYTES_MAX);
    const rules = { hashKey: HASH_KEY, keyTypes: KEY_TYPE_NUMBERS.mixed };
    let next = 1;
    const write = (bytes: Uint8Array) => {
      for (const { body } of frames.read(bytes)) {
        for (const words of decodeRequests(body, next, rules).requests) {
          next += numberCount(words, 0);
          const key = String.fromCharCode(words[REQUEST_RECORD + RECORD_KEY]! & 0xff);
          this.sent.push(`${session} ${key}`);
        }
      }
    };
    const block = () => this.client.carrier.disconnect();
    return { session, write, line: { prepareToBlock: () => {}, block, listen: () => {} } };
  }

  put(key: string, completion: Completion = this.awaited(key), condition = 0): void {
    const value = { bytes: new Uint8Array(1), start: 0, end: 1 };
    this.#keys.encode(key);
    this.client.put(this.#keys, value, Infinity, condition, 0, completion);
  }

  get(key: string): ReadCompletion {
    const completion = new ReadCompletion(this.client.carrier);
    this.#keys.encode(key);
    this.client.get(this.#keys, true, completion);
    return completion;
  }

  awaited(key: string): Completion {
    return {
      settle: () => void this.ends.push(key),
      fail: (error) => void this.ends.push(`${key} ${error.code}`),
    };
  }

  /** The next host has applied none of them. */
  connectAgain(): void {
    this.client.carrier.connect(this.link(2), { isKnown: true, verdicts: [] });
    this.client.flush();
  }

  close(): void {
    this.client.failAll(new StoreClosedError("the test is over"));
  }
}

const isUnavailable = (error: unknown) => error instanceof UnavailableError;

test("a call whose host ends is not made later, and what is awaited is", () => {
  const thread = new BlockedThread();
  const { client, sent, ends } = thread;
  client.carrier.connect(thread.link(1));
  thread.put("a");
  // Nothing is sent behind it before it was answered.
  thread.put("b", thread.awaited("b"), Condition.ABSENT);
  const batch = new SyncBatch();
  const outcomes: boolean[] = [];
  for (const key of ["b", "c"]) {
    batch.expect();
    thread.put(key, new ItemCompletion(batch, outcomes, outcomes.push(false) - 1));
  }
  client.waitFor(batch);
  assert.throws(() => batch.throwError(), isUnavailable);
  assert.equal(sent.splice(0), ["1 a", "1 b", "1 c"], "the second b waits for the first one");
  // What was withdrawn is asked about, too: c may have been made.
  assert.equal(client.carrier.previous!.numbers, [1, 2, 3]);
  thread.connectAgain();
  assert.equal(sent, ["2 a", "2 b"]);
  assert.equal(ends, []);
  thread.close();
});

test("a read whose host ends is not asked for again", () => {
  const thread = new BlockedThread();
  thread.client.carrier.connect(thread.link(1));
  const read = thread.get("a");
  thread.client.waitFor(read);
  assert.instance(read.error, UnavailableError);
  thread.connectAgain();
  assert.equal(thread.sent, ["1 a"]);
  assert.is(thread.client.pendingCount, 0);
  thread.close();
});

test("a call for which there was no room is not made later", async () => {
  const thread = new BlockedThread();
  const { client, sent } = thread;
  client.carrier.connect(thread.link(1));
  for (let i = 0; i < REMOTE_REQUESTS_MAX; i++) thread.put("a");
  const batch = new SyncBatch();
  batch.expect();
  thread.put("c", batch);
  client.waitFor(batch);
  assert.throws(() => batch.throwError(), isUnavailable);
  assert.is(client.pendingCount, REMOTE_REQUESTS_MAX);
  thread.connectAgain();
  await nextTurn();
  assert.not(sent.includes("2 c"));
  assert.is(sent.filter((name) => name === "2 a").length, REMOTE_REQUESTS_MAX);
  thread.close();
});

test("who blocks for what another call has issued is told, and that call goes on", () => {
  const thread = new BlockedThread();
  thread.client.carrier.connect(thread.link(1));
  thread.put("a");
  assert.throws(() => thread.client.settleAll(), isUnavailable);
  thread.connectAgain();
  assert.equal(thread.sent, ["1 a", "2 a"]);
  thread.close();
});

test.run();
