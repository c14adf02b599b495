/**
 * The rings between a client and a KN, both ends in one thread: order, wrapping, padding, and being
 * full.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { KEY_BYTES_MAX, REQUEST_HEADER_BYTES_MAX, RING_BYTES_MIN } from "../../lib/core/limits.ts";
import { RequestConsumer, RING_EMPTY } from "../../lib/rings/request_consumer.ts";
import { RequestProducer, RING_FULL } from "../../lib/rings/request_producer.ts";
import {
  COMPLETION_ADDRESS,
  COMPLETION_STATUS,
  COMPLETION_VERSION_HIGH,
  COMPLETION_VERSION_LOW,
  Condition,
  conditionOf,
  createRing,
  isAnswered,
  isConnected,
  isOfRequest,
  isPrepared,
  isTakenEmpty,
  Operation,
  operationOf,
  packOperation,
  REQUEST_LENGTH,
  REQUEST_OPERATION,
  resetRing,
  statusOf,
} from "../../lib/rings/ring_layout.ts";
import { type Random, seeded } from "../support/random.ts";

/** Words of a request ring of 8 KiB. */
const RING_WORDS = 2048;

/** Both ends of a ring, and what should be in it. */
class RingPair {
  readonly producer: RequestProducer;
  readonly consumer: RequestConsumer;
  /** Requests by number: tag and length. */
  readonly sent: { tag: number; words: number }[] = [];
  publishedCount = 0;
  takenCount = 0;
  completedCount = 0;
  settledCount = 0;

  constructor(requestBytes: number, inFlightMax: number) {
    const handle = createRing(requestBytes, inFlightMax);
    this.producer = new RequestProducer(handle);
    this.consumer = new RequestConsumer(handle);
  }

  /** Claims and fills a request; false when the ring is full. */
  send(words: number, tag: number): boolean {
    const at = this.producer.claim(words);
    if (at === RING_FULL) return false;
    assert.is(this.producer.words[at + REQUEST_LENGTH], words);
    this.producer.words[at + REQUEST_OPERATION] = packOperation(Operation.PUT, Condition.ABSENT);
    this.producer.words.fill(tag, at + 2, at + words);
    this.sent.push({ tag, words });
    return true;
  }

  publish(): void {
    this.producer.publish();
    this.publishedCount = this.sent.length;
  }

  /** Takes one request and checks all of it; false when there is none. */
  take(): boolean {
    const at = this.consumer.poll();
    if (at === RING_EMPTY) {
      assert.is(this.takenCount, this.publishedCount, "what is published can be taken");
      return false;
    }
    const { tag, words } = this.sent[this.takenCount++]!;
    assert.ok(this.takenCount <= this.publishedCount, "what is not published cannot be taken");
    assert.is(this.consumer.words[at + REQUEST_LENGTH], words);
    const body = this.consumer.words.subarray(at + 2, at + words);
    assert.ok(body.every((word) => word === tag), `request ${this.takenCount - 1} is whole`);
    return true;
  }

  /** Answers the oldest request that was taken. */
  complete(): void {
    const { tag } = this.sent[this.completedCount++]!;
    this.consumer.complete(tag & 3, ~tag, tag, tag >>> 16);
  }

  /** Settles one request; false when no completion is published. */
  settle(): boolean {
    if (!this.producer.hasCompletion()) return false;
    const at = this.producer.completionAt();
    const { tag, words } = this.sent[this.settledCount++]!;
    const word = this.producer.words[at + COMPLETION_STATUS]!;
    assert.is(statusOf(word), tag & 3);
    assert.ok(isOfRequest(word, this.settledCount) && !isPrepared(word));
    assert.is(this.producer.words[at + COMPLETION_ADDRESS], ~tag);
    assert.is(this.producer.words[at + COMPLETION_VERSION_LOW], tag);
    assert.is(this.producer.words[at + COMPLETION_VERSION_HIGH], tag >>> 16);
    const request = this.producer.oldestRequestAt();
    assert.is(this.producer.words[request + REQUEST_LENGTH], words, "the request is still there");
    assert.is(this.producer.words[request + words - 1], tag);
    this.producer.settle();
    return true;
  }
}

test("the operation word keeps operation and condition apart", () => {
  for (const operation of Object.values(Operation)) {
    for (const condition of Object.values(Condition)) {
      const word = packOperation(operation, condition);
      assert.is(operationOf(word), operation);
      assert.is(conditionOf(word), condition);
    }
  }
});

test("a request is visible when it is published, and its space free when it is settled", () => {
  const ring = new RingPair(8192, 8);
  assert.is(ring.producer.hasUnpublished, false);
  ring.send(10, 1);
  assert.is(ring.producer.hasUnpublished, true);
  assert.is(ring.consumer.hasRequest(), false);
  ring.publish();
  assert.is(ring.producer.hasUnpublished, false);
  assert.is(ring.consumer.hasRequest(), true);
  assert.ok(ring.take());
  ring.complete();
  assert.is(ring.settle(), false, "a completion is visible when it is published");
  ring.consumer.publish();
  assert.is(ring.producer.inFlightCount, 1);
  assert.ok(ring.settle());
  assert.is(ring.producer.inFlightCount, 0);
});

test("a ring takes as many requests as there are completion entries", () => {
  const ring = new RingPair(8192, 8);
  for (let i = 0; i < 8; i++) assert.ok(ring.send(4, i));
  assert.is(ring.send(4, 8), false);
  ring.publish();
  while (ring.take()) ring.complete();
  ring.consumer.publish();
  assert.is(ring.send(4, 8), false, "completed is not settled");
  assert.ok(ring.settle());
  assert.ok(ring.send(4, 8));
  assert.is(ring.send(4, 9), false);
});

test("a ring takes as many words as it has, and not one more", () => {
  const ring = new RingPair(8192, 1024);
  for (let i = 0; i < 4; i++) assert.ok(ring.send(RING_WORDS / 4, i));
  assert.is(ring.send(2, 9), false);
  ring.publish();
  for (let i = 0; i < 4; i++) {
    assert.ok(ring.take());
    ring.complete();
  }
  ring.consumer.publish();
  assert.ok(ring.settle());
  assert.ok(ring.send(RING_WORDS / 4 - 2, 5));
  assert.ok(ring.send(2, 6));
  assert.is(ring.send(2, 7), false);
});

test("a request that would wrap is preceded by padding, which is not answered", () => {
  const ring = new RingPair(8192, 1024);
  // 1500 of 2048 words are used and free again; 400 more leave 148 at the end.
  for (const words of [500, 500, 500, 400]) {
    assert.ok(ring.send(words, words));
    ring.publish();
    assert.ok(ring.take());
    ring.complete();
    ring.consumer.publish();
    assert.ok(ring.settle());
  }
  assert.ok(ring.send(200, 1));
  assert.ok(ring.send(500, 2));
  ring.publish();
  assert.ok(ring.take());
  assert.ok(ring.take());
  assert.is(ring.take(), false);
  ring.complete();
  ring.complete();
  ring.consumer.publish();
  assert.ok(ring.settle());
  assert.ok(ring.settle());
  assert.is(ring.producer.inFlightCount, 0);
  assert.is(ring.producer.settledCount, 6, "six requests, six completions");
});

test("a request may fill the ring exactly to its end", () => {
  const ring = new RingPair(8192, 1024);
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 4; i++) assert.ok(ring.send(RING_WORDS / 4, i), `${round}`);
    ring.publish();
    while (ring.take()) ring.complete();
    ring.consumer.publish();
    while (ring.settle());
  }
  assert.is(ring.settledCount, 40);
});

test("a request larger than a quarter of the ring is a bug of the caller", () => {
  const { producer } = new RingPair(32_768, 8);
  assert.is(producer.requestWordsMax, 32_768 / 4 / 4);
  assert.throws(() => producer.claim(32_768 / 4 / 4 + 2), /a request fits the ring/);
});

test("the smallest ring takes a request with the longest key, and none larger", () => {
  const { producer } = new RingPair(RING_BYTES_MIN, 8);
  const words = (KEY_BYTES_MAX + REQUEST_HEADER_BYTES_MAX) / 4;
  assert.ok(words <= RING_BYTES_MIN / 4 / 2);
  assert.is(producer.requestWordsMax, words);
  assert.throws(() => producer.claim(words + 2), /a request fits the ring/);
});

function randomStep(
  random: Random,
  ring: RingPair,
  full: { words: number; entries: number },
): void {
  switch (random.below(5)) {
    case 0: {
      const inFlight = ring.producer.inFlightCount;
      if (ring.send(2 * random.between(2, 256), random.below(2 ** 31))) return;
      if (inFlight === 16) full.entries += 1;
      else full.words += 1;
      return;
    }
    case 1:
      return ring.publish();
    case 2:
      return void ring.take();
    case 3:
      if (ring.completedCount < ring.takenCount) ring.complete();
      if (random.below(2) === 0) ring.consumer.publish();
      return;
    case 4:
      ring.settle();
  }
}

test(
  "random lengths and interleavings: nothing is lost, torn, reordered or answered twice",
  seeded((random) => {
    const ring = new RingPair(8192, 16);
    const full = { words: 0, entries: 0 };
    for (let i = 0; i < 100_000; i++) randomStep(random, ring, full);
    ring.publish();
    while (ring.take());
    while (ring.completedCount < ring.takenCount) ring.complete();
    ring.consumer.publish();
    while (ring.settle());
    assert.is(ring.settledCount, ring.sent.length);
    assert.is(ring.producer.inFlightCount, 0);
    assert.ok(full.words > 100, `it was full of words ${full.words} times`);
    assert.ok(ring.sent.length > 5000, "it wrapped many times");
  }),
);

test("a client that is about to wait learns of a completion that has come meanwhile", () => {
  const ring = new RingPair(8192, 8);
  ring.send(4, 1);
  ring.publish();
  assert.is(ring.producer.announceWait(), false);
  ring.take();
  ring.complete();
  ring.consumer.publish();
  assert.is(ring.producer.announceWait(), true);
  ring.producer.retractWait();
  assert.ok(ring.settle());
});

test("a ring that is used again does not take answers of before for its own", () => {
  const handle = createRing(8192, 8);
  const before = new RequestProducer(handle);
  const consumer = new RequestConsumer(handle);
  for (let i = 0; i < 5; i++) {
    before.claim(8);
    before.words[before.entryAt(0) + COMPLETION_STATUS] = 0;
  }
  before.publish();
  consumer.resume();
  // Two are answered, and one of the answers is never counted: the KN dies.
  for (let i = 0; i < 2; i++) {
    consumer.poll();
    consumer.complete(0, 0, 0, 0);
    if (i === 0) consumer.publish();
  }
  assert.ok(isAnswered(handle, 1) && isAnswered(handle, 2) && !isAnswered(handle, 3));
  before.setConnected(1);
  assert.is(isConnected(handle), true);
  resetRing(handle);
  assert.is(isConnected(handle), false);
  assert.is(isTakenEmpty(handle), true);
  const after = new RequestProducer(handle);
  assert.is(after.inFlightCount, 0);
  assert.is(after.hasCompletion(), false);
  for (let i = 0; i < 8; i++) {
    after.claim(8);
    const word = after.words[after.entryAt(i) + COMPLETION_STATUS]!;
    assert.is(isOfRequest(word, after.claimedCount), false, `request ${i} is not answered`);
  }
});

test.run();
