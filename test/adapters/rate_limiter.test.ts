/**
 * `dinomo/rate-limiter`: it answers as rate-limiter-flexible's own limiter in memory does, and
 * counts in all threads.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  type RateLimiterRes,
} from "rate-limiter-flexible";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { RateLimiterDinomo } from "../../lib/adapters/rate_limiter.ts";
import { InvalidArgumentError, open, StoreClosedError } from "../../mod.ts";
import { AttachedThread } from "../support/attached_thread.ts";
import { assertRejects, assertThrows, errorOf } from "../support/errors.ts";
import { temporaryPath } from "../support/temporary.ts";

const INVALID = { type: InvalidArgumentError, code: "DINOMO_INVALID_ARGUMENT" } as const;

/** What a limiter answers to a program that uses all of its methods; times in seconds. */
async function answersOf(limiter: RateLimiterAbstract): Promise<unknown[]> {
  const answers: unknown[] = [];
  const note = async (answer: Promise<RateLimiterRes | null | boolean>) => {
    let isRefused = false;
    const result = await answer.catch((refused) => {
      if (refused instanceof Error) throw refused;
      isRefused = true;
      return refused as RateLimiterRes;
    });
    if (result === null || typeof result === "boolean") return void answers.push(result);
    const { remainingPoints, consumedPoints, msBeforeNext, isFirstInDuration } = result;
    const seconds = Math.ceil(msBeforeNext / 1000);
    // Of what it blocks, the limiter in memory says that it is the first.
    const first = !isRefused && isFirstInDuration;
    answers.push({ isRefused, remainingPoints, consumedPoints, seconds, first });
  };
  await note(limiter.get("a"));
  for (const points of [1, 2, 1, 1, 5]) await note(limiter.consume("a", points));
  await note(limiter.get("a"));
  await note(limiter.penalty("a", 3));
  await note(limiter.reward("a", 10));
  await note(limiter.consume("a", 2));
  await note(limiter.set("b", 3, 50));
  await note(limiter.consume("b"));
  await note(limiter.consume("b"));
  await note(limiter.block("c", 40));
  await note(limiter.consume("c"));
  await note(limiter.set("d", 2, 0));
  await note(limiter.get("d"));
  await note(limiter.delete("a"));
  await note(limiter.delete("a"));
  await note(limiter.consume("a"));
  return answers;
}

for (
  const [blockDuration, place] of [
    [0, {}],
    [90, {}],
    [90, { placement: "far" }],
    [0, { codec: "json" }],
  ] as const
) {
  test(`blocking for ${blockDuration} s, ${JSON.stringify(place)}: it answers what the limiter in memory does`, async () => {
    await using store = await open<number>({ capacity: "8MiB", ...place });
    const options = { points: 4, duration: 30, blockDuration };
    const expected = await answersOf(new RateLimiterMemory(options));
    const answers = await answersOf(new RateLimiterDinomo({ storeClient: store, ...options }));
    assert.is(answers.length, 20);
    assert.equal(answers, expected);
  });
}

test("of requests that come at once in two threads as many pass as there are points", async () => {
  await using store = await open<number>({ capacity: "8MiB" });
  const limiter = new RateLimiterDinomo({ storeClient: store, points: 20, duration: 60 });
  const thread = await AttachedThread.start(store.share());
  const theirs = Array.from({ length: 15 }, () => thread.call("increment", "rlflx:ada"));
  const ours = Array.from({ length: 30 }, () => limiter.consume("ada").then(() => 1, () => 0));
  const passed = (await Promise.all(ours)).reduce((sum: number, one) => sum + one, 0);
  const counts = await Promise.all(theirs) as number[];
  assert.is(passed + counts.filter((count) => count <= 20).length, 20);
  assert.is(await store.get("rlflx:ada"), 45);
  await thread.call("close");
  await thread.leave("exit", 0);
});

test("a number is a key without a prefix, too", async () => {
  await using store = await open<number>({ capacity: "8MiB" });
  const limiter = new RateLimiterDinomo({
    storeClient: store,
    points: 4,
    duration: 9,
    keyPrefix: "",
  });
  await limiter.consume(7);
  assert.is((await limiter.penalty(7, 2)).consumedPoints, 3);
  assert.is((await limiter.get("7"))!.consumedPoints, 3);
  await limiter.block(8, 9);
  assert.is(await store.get("8"), 5);
  assert.is(await limiter.delete(7), true);
});

test("a window ends to the millisecond, and does not move with later requests", async () => {
  await using store = await open<number>({ capacity: "8MiB" });
  const limiter = new RateLimiterDinomo({ storeClient: store, points: 1, duration: 1.2 });
  const before = Date.now();
  await limiter.consume("a");
  const { expiresAt } = (await store.getEntry("rlflx:a"))!;
  assert.ok(expiresAt! >= before + 1200 && expiresAt! <= Date.now() + 1200);
  const refused = await errorOf(() => limiter.consume("a")) as RateLimiterRes;
  assert.ok(refused.msBeforeNext <= 1200);
  assert.is((await store.getEntry("rlflx:a"))!.expiresAt, expiresAt);
  await setTimeout(1220);
  assert.is((await limiter.consume("a")).consumedPoints, 1);
});

test("points in a directory are there again; what is closed or wrong is refused", async () => {
  const path = temporaryPath();
  const options = { points: 5, duration: 60, keyPrefix: "p" };
  const first = new RateLimiterDinomo({ storeClient: { path, capacity: "8MiB" }, ...options });
  await first.consume("a", 2);
  await first.close();
  const says = /RateLimiterDinomo must not/;
  const closed = { type: StoreClosedError, code: "DINOMO_CLOSED", says } as const;
  await assertRejects(() => first.consume("a"), closed);
  const second = new RateLimiterDinomo({ storeClient: { path }, ...options });
  assert.is((await second.get("a"))!.consumedPoints, 2);
  await second.close();
  for (const storeClient of [undefined, null, "redis://"]) {
    assertThrows(
      () => new RateLimiterDinomo({ storeClient: storeClient as never, points: 1, duration: 1 }),
      {
        ...INVALID,
        says: /RateLimiterDinomo must be given a store/,
      },
    );
  }
});

test.run();
