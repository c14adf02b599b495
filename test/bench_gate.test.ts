/**
 * The gate runs at its smallest, and its judgement is tested on figures that are known.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runRound } from "../bench/gate/builds.ts";
import { MEASURED, type RoundResult } from "../bench/gate/operations.ts";
import { judgePairs, type Pair } from "../bench/gate/verdict.ts";
import { PROJECT_ROOT, THIS_RUNTIME } from "../scripts/runtimes.ts";
import { Random } from "./support/random.ts";

const TOLERANCE = 0.03;

/** Rounds whose noise is up to a factor, of a new build that takes so many times as long. */
function makePairs(factor: number, noise: number, count: number, seed: number): Pair[] {
  const random = new Random(seed);
  const round = (scale: number) =>
    Object.fromEntries(
      MEASURED.map((operation) => [operation, 1000 * scale * (1 + noise * random.next())]),
    ) as RoundResult;
  return Array.from({ length: count }, () => ({ old: round(1), new: round(factor) }));
}

function judge(factor: number, noise: number, count = 20) {
  const pairs = new Map([
    ["a", makePairs(factor, noise, count, 1)],
    ["b", makePairs(factor, noise, count, 2)],
  ]);
  const random = new Random(3);
  return judgePairs(pairs, TOLERANCE, () => random.next());
}

test("a build that is slower by more than is tolerated is too slow", () => {
  const { mean, isTooSlow, runtimes } = judge(1.1, 0.05);
  assert.ok(isTooSlow);
  assert.ok(mean.low < 1.1 && 1.1 < mean.high, JSON.stringify(mean));
  assert.is(runtimes.length, 2);
  assert.equal(runtimes[0]!.operations.map(({ operation }) => operation), [...MEASURED]);
});

test("one that is as fast, faster, or slower by less is not", () => {
  for (const factor of [0.8, 1, 1.02]) assert.not.ok(judge(factor, 0.05).isTooSlow, `${factor}`);
});

test("what is not judged may be as slow as it likes", () => {
  const pairs = makePairs(1, 0.05, 20, 1).map(({ old, new: current }) => ({
    old,
    new: { ...current, increment: 10 * current.increment, life: 10 * current.life },
  }));
  const { isTooSlow } = judgePairs(new Map([["a", pairs]]), TOLERANCE, Math.random);
  assert.not.ok(isTooSlow);
});

test("what noise may have done is not held against a build", () => {
  const { mean, isTooSlow } = judge(1.04, 1, 4);
  assert.not.ok(isTooSlow, JSON.stringify(mean));
  assert.ok(mean.high - mean.low > 0.1, JSON.stringify(mean));
});

test("a round measures every operation", async () => {
  const result = await runRound(PROJECT_ROOT, THIS_RUNTIME, 5);
  for (const operation of MEASURED) assert.ok(result[operation] > 0, JSON.stringify(result));
});

test.run();
