/**
 * The KN's end of a ring: checks every request, answers each, sometimes puts one back or publishes
 * late.
 *
 * @module
 */
import { sleepSync } from "../../lib/platform/sleep_sync.ts";
import { RequestConsumer, RING_EMPTY } from "../../lib/rings/request_consumer.ts";
import { type RingHandle, statusOf } from "../../lib/rings/ring_layout.ts";
import { opponent, type Turns } from "./outcome_race.ts";
import { mix, mixBelow } from "./outcome_random.ts";
import { ringRequestError, ringRequestWords } from "./outcome_ring_requests.ts";

/** Polls of an empty ring after which the processor is left to others. */
const EMPTY_POLLS_MAX = 5000;

/** What it is given. */
export interface RingNodeData {
  readonly ring: RingHandle;
  readonly requestCount: number;
  /** Words of the longest request. */
  readonly wordsMax: number;
}

opponent<RingNodeData>(({ ring, requestCount, wordsMax }, turns) => {
  const consumer = new RequestConsumer(ring);
  try {
    consume(consumer, wordsMax, requestCount, turns);
  } catch (error) {
    // The client may wait for an answer, without a bound.
    consumer.complete(0, 0, 0, 0);
    consumer.publish();
    throw error;
  }
});

function consume(
  consumer: RequestConsumer,
  wordsMax: number,
  requestCount: number,
  turns: Turns,
): void {
  let emptyPolls = 0;
  let n = 0;
  while (n < requestCount && !turns.isAborted) {
    const at = consumer.poll();
    if (at === RING_EMPTY) {
      consumer.publish();
      if (++emptyPolls % EMPTY_POLLS_MAX === 0) sleepSync(0.1);
      continue;
    }
    const length = ringRequestWords(n, wordsMax);
    const error = ringRequestError(consumer.words, at, n, length);
    if (error !== undefined) throw new Error(error);
    if (mixBelow(n, 4, 50) === 0) {
      consumer.putBack(at);
      if (consumer.poll() !== at) throw new Error(`request ${n} was put back and did not return`);
    }
    consumer.complete(statusOf(mix(n, 5)), mix(n, 6), n, length);
    if (mixBelow(n, 7, 3) === 0) consumer.publish();
    n += 1;
    turns.next();
  }
  consumer.publish();
  consumer.suspend();
  if (consumer.hasRequest()) throw new Error("there is a request that nobody sent");
}
