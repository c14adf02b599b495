/**
 * The race: a client writes requests into the smallest ring, and a KN reads them, while both wrap
 * around its end hundreds of times in every tenth of a second; the completions go the other way
 * through eight entries.
 *
 * The invariant: requests and completions arrive once, in order, and whole (I4, I5: a ring is where
 * "the order in which they were issued" begins). The KN may read a request only after all of it was
 * written, and the client may overwrite one only after its completion was taken.
 *
 * Allowed outcomes: request `n` at the KN is the n-th that was sent, with its length and each of
 * its words; completion `n` at the client is the answer to it; a full ring is said to be full; a
 * client that announced that it waits is woken. Everything else fails: a request lost, repeated,
 * reordered or torn, a PAD taken for a request, a wake-up lost.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { RequestProducer, RING_FULL } from "../../lib/rings/request_producer.ts";
import {
  COMPLETION_ADDRESS,
  COMPLETION_STATUS,
  COMPLETION_TAIL,
  COMPLETION_VERSION_HIGH,
  COMPLETION_VERSION_LOW,
  createRing,
  packStatus,
  statusOf,
} from "../../lib/rings/ring_layout.ts";
import { race, type Turns } from "../support/outcome_race.ts";
import { mix, mixBelow } from "../support/outcome_random.ts";
import { ringRequestWords, writeRingRequest } from "../support/outcome_ring_requests.ts";
import type { RingNodeData } from "../support/outcome_ring_node.ts";

const REQUEST_COUNT = 100_000;
const IN_FLIGHT = 8;

/** Takes the completions there are and checks each; returns the number of the next one. */
function takeCompletions(producer: RequestProducer, from: number): number {
  let n = from;
  while (producer.hasCompletion()) {
    const at = producer.completionAt();
    const { words } = producer;
    const isRight = words[at + COMPLETION_STATUS] === packStatus(statusOf(mix(n, 5)), n + 1) &&
      words[at + COMPLETION_ADDRESS] === mix(n, 6) &&
      words[at + COMPLETION_VERSION_LOW] === n &&
      words[at + COMPLETION_VERSION_HIGH] === ringRequestWords(n, producer.requestWordsMax);
    if (!isRight) throw new Error(`completion ${n} is not the answer to request ${n}`);
    if (words[producer.oldestRequestAt()] !== words[at + COMPLETION_VERSION_HIGH]) {
      throw new Error(`request ${n} is gone before its completion was taken`);
    }
    producer.settle();
    n += 1;
  }
  return n;
}

/**
 * Blocks until there is a completion; the KN has to wake this thread, or the watchdog ends the
 * test.
 */
function waitForCompletion(producer: RequestProducer): void {
  if (!producer.announceWait()) {
    Atomics.wait(producer.words, COMPLETION_TAIL, producer.completionTail);
  }
  producer.retractWait();
}

test("a hundred thousand requests of random lengths through a ring of 8 KiB", async () => {
  const ring = createRing(8192, IN_FLIGHT);
  const { requestWordsMax: wordsMax } = new RequestProducer(ring);
  const data: RingNodeData = { ring, requestCount: REQUEST_COUNT, wordsMax };
  let fullCount = 0;
  let waitCount = 0;
  const client = (turns: Turns) => {
    const producer = new RequestProducer(ring);
    let sent = 0;
    let answered = 0;
    while (answered < REQUEST_COUNT && !turns.isAborted) {
      answered = takeCompletions(producer, answered);
      // Half of the times the client goes on at once, half of the times it fills the ring before it
      // publishes.
      const burst = mixBelow(sent, 8, 2) * IN_FLIGHT;
      for (let i = 0; i <= burst && sent < REQUEST_COUNT; i++) {
        const length = ringRequestWords(sent, producer.requestWordsMax);
        const at = producer.claim(length);
        if (at === RING_FULL) {
          fullCount += 1;
          break;
        }
        writeRingRequest(producer.words, at, sent, length);
        sent += 1;
        turns.next();
      }
      if (producer.hasUnpublished) producer.publish();
      if (producer.inFlightCount > 0 && mixBelow(fullCount, sent, 4) === 0) {
        waitForCompletion(producer);
        waitCount += 1;
      }
    }
    if (producer.hasCompletion()) throw new Error("there is a completion that nobody asked for");
  };
  const opponent = { name: "ring_node", quota: REQUEST_COUNT, data };
  await race("ring wrap", [opponent], REQUEST_COUNT, client);
  assert.ok(fullCount > 1000, `the ring was full ${fullCount} times`);
  assert.ok(waitCount > 100, `the client waited ${waitCount} times`);
});

test.run();
