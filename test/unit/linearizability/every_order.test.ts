/**
 * The checker against the definition of linearizability: on small histories both must come to the
 * same verdict.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkHistory } from "../../support/linearizability/check_history.ts";
import { hasAnyOrder } from "../../support/linearizability/every_order.ts";
import { historyOf, type Operation } from "../../support/linearizability/operation.ts";
import { randomHistory } from "../../support/linearizability/random_history.ts";
import {
  COUNTER_KINDS,
  REGISTER_KINDS,
  simulateHistory,
  TAKEN_KINDS,
} from "../../support/linearizability/simulated_history.ts";
import { renderTimeline } from "../../support/linearizability/timeline.ts";
import { type Random, seeded } from "../../support/random.ts";

/** Checks a history both ways; returns whether it is linearizable. */
function judge(operations: readonly Operation[], evicts: boolean): boolean {
  const isLinearizable = checkHistory(historyOf(1, operations), { evicts }) === undefined;
  const verdict = isLinearizable ? "an order" : "no order";
  assert.is(
    isLinearizable,
    hasAnyOrder(operations, evicts),
    `the checker finds ${verdict} for\n${renderTimeline(operations)}`,
  );
  return isLinearizable;
}

/** Judges histories; each verdict must make up at least a share of them. */
function judgeMany(
  count: number,
  shareMin: number,
  make: () => readonly Operation[],
  evicts = false,
): void {
  let linearizableCount = 0;
  for (let i = 0; i < count; i++) linearizableCount += judge(make(), evicts) ? 1 : 0;
  const share = linearizableCount / count;
  assert.ok(share > shareMin && share < 1 - shareMin, `${share} of them are linearizable`);
}

/**
 * A history that has an order, with one answer to a read or an increment replaced by that to
 * another.
 */
function spoiledHistory(
  random: Random,
  kinds: readonly number[],
  operationsPerEviction = 0,
): readonly Operation[] {
  const plan = {
    operationCount: 6,
    clientCount: 4,
    kinds,
    changesPerDeath: 6,
    operationsPerEviction,
  };
  const operations = simulateHistory(random, plan);
  const at = random.below(operations.length);
  const same = operations.filter(({ kind }) => kind === operations[at]!.kind);
  operations[at] = { ...operations[at]!, output: random.pick(same).output };
  return operations;
}

test(
  "random answers",
  seeded((random) => judgeMany(6000, 0.1, () => randomHistory(random, 6))),
);

test(
  "answers of a key, one of them moved",
  seeded((random) => judgeMany(3000, 0.03, () => spoiledHistory(random, REGISTER_KINDS))),
);

test(
  "answers of a key whose values are taken and touched, one of them moved",
  seeded((random) => judgeMany(3000, 0.01, () => spoiledHistory(random, TAKEN_KINDS))),
);

test(
  "answers of a counter, one of them moved",
  seeded((random) => judgeMany(3000, 0.03, () => spoiledHistory(random, COUNTER_KINDS))),
);

const EVICTED_KINDS = [
  ["a key", REGISTER_KINDS],
  ["a key whose values are taken and touched", TAKEN_KINDS],
  ["a counter", COUNTER_KINDS],
] as const;

test(
  "random answers of keys that are evicted",
  seeded((random) => judgeMany(3000, 0.1, () => randomHistory(random, 5), true)),
);

for (const [what, kinds] of EVICTED_KINDS) {
  test(
    `answers of ${what} that is evicted, one of them moved`,
    seeded((random) => judgeMany(1500, 0.003, () => spoiledHistory(random, kinds, 4), true)),
  );
}

test.run();
