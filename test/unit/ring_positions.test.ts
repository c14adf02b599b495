/**
 * Positions in the rings count without bound: here they pass 2^31 and 2^32.
 *
 * Requests of a ring of 64 MiB may be 16 MiB long, and nobody touches what is in them, so the
 * stream of request words passes 2^32 within a thousand requests. The count of completions cannot
 * be brought there in reasonable time, so the test plays the KN for it, by hand.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { RequestConsumer, RING_EMPTY } from "../../lib/rings/request_consumer.ts";
import { RequestProducer, RING_FULL } from "../../lib/rings/request_producer.ts";
import {
  COMPLETION_STATUS,
  COMPLETION_TAIL,
  createRing,
  isOfRequest,
  Operation,
  packOperation,
  REQUEST_OPERATION,
  REQUEST_TAIL,
  statusOf,
} from "../../lib/rings/ring_layout.ts";
import { Random, SEED } from "../support/random.ts";

const BIG_RING_BYTES = 64 * 2 ** 20;

/**
 * Sends `words`-long requests one at a time until the stream is close to `target`; returns its
 * position.
 */
function advance(
  producer: RequestProducer,
  consumer: RequestConsumer,
  from: number,
  target: number,
): number {
  let position = from;
  while (position < target) {
    const words = Math.min(producer.requestWordsMax, Math.max(2, target - position)) & ~1;
    const at = producer.claim(words);
    assert.is.not(at, RING_FULL);
    producer.words[at + REQUEST_OPERATION] = packOperation(Operation.DELETE, 0);
    producer.publish();
    assert.is.not(consumer.poll(), RING_EMPTY);
    consumer.complete(0, 0, 0, 0);
    consumer.publish();
    assert.is(producer.hasCompletion(), true);
    producer.settle();
    position += words;
    // Padding counts too; the tail says how much there was.
    const tail = producer.words[REQUEST_TAIL]! >>> 0;
    position += (tail - (position % 2 ** 32) + 2 ** 32) % 2 ** 32;
  }
  return position;
}

for (const [name, border] of [["2^31", 2 ** 31], ["2^32", 2 ** 32]] as const) {
  test(`request positions pass ${name}`, () => {
    const handle = createRing(BIG_RING_BYTES, 64);
    const producer = new RequestProducer(handle);
    const consumer = new RequestConsumer(handle);
    const start = advance(producer, consumer, 0, border - 3000);
    assert.ok(start < border, "the border is ahead");
    const random = new Random(SEED);
    const tags: number[] = [];
    let settled = 0;
    for (let i = 0; i < 500; i++) {
      const words = 2 * random.between(2, 30);
      const at = producer.claim(words);
      if (at !== RING_FULL) {
        producer.words[at + REQUEST_OPERATION] = packOperation(Operation.DELETE, 0);
        producer.words[at + 2] = i;
        tags.push(i);
      }
      if (at !== RING_FULL && random.below(3) > 0) continue;
      producer.publish();
      for (let request = consumer.poll(); request !== RING_EMPTY; request = consumer.poll()) {
        consumer.complete(consumer.words[request + 2]! & 3, 0, 0, 0);
      }
      consumer.publish();
      while (producer.hasCompletion()) {
        const word = producer.words[producer.completionAt() + COMPLETION_STATUS]!;
        assert.is(statusOf(word), tags[settled]! & 3);
        assert.ok(isOfRequest(word, producer.settledCount + 1), "an entry names its request");
        assert.is(producer.words[producer.oldestRequestAt() + 2], tags[settled]);
        producer.settle();
        settled += 1;
      }
      assert.is(settled, tags.length);
    }
    const passed = (producer.words[REQUEST_TAIL]! >>> 0) - (border % 2 ** 32);
    assert.ok(passed >= 0 && passed < 100_000, `the border is behind: ${passed}`);
    assert.ok(settled > 400);
  });
}

for (const [name, border] of [["2^31", 2 ** 31], ["2^32", 2 ** 32]] as const) {
  test(`the count of completions passes ${name}`, () => {
    const handle = createRing(8192, 8);
    const producer = new RequestProducer(handle);
    let completed = (border - 20) | 0;
    // The producer looks at the tail while it has settled nothing, then it is told that it has
    // settled as many.
    producer.words[COMPLETION_TAIL] = completed;
    assert.is(producer.hasCompletion(), true);
    producer.claimedCount = producer.settledCount = completed;
    assert.is(producer.hasCompletion(), false);
    for (let i = 0; i < 100; i++) {
      while (producer.claim(4) !== RING_FULL);
      assert.is(producer.inFlightCount, 8, `as many as there are entries, at ${i}`);
      for (let j = 0; j < 3; j++) completed = (completed + 1) | 0;
      producer.words[COMPLETION_TAIL] = completed;
      for (let j = 0; j < 3; j++) {
        assert.is(producer.hasCompletion(), true, `${i}`);
        producer.settle();
      }
      assert.is(producer.hasCompletion(), false, `three were completed, at ${i}`);
      assert.is(producer.inFlightCount, 5);
    }
  });
}

test.run();
