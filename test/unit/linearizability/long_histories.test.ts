/**
 * The checker on histories of thousands of operations: those of a key that does everything right,
 * and the same with one thing wrong.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  checkHistory,
  type CheckOptions,
  renderViolation,
} from "../../support/linearizability/check_history.ts";
import {
  historyOf,
  type Operation,
  OperationKind,
} from "../../support/linearizability/operation.ts";
import {
  COUNTER_KINDS,
  REGISTER_KINDS,
  simulateHistory,
  TAKEN_KINDS,
} from "../../support/linearizability/simulated_history.ts";
import {
  COUNTER_SPOILERS,
  EVICTED_COUNTER_SPOILERS,
  EVICTED_SPOILERS,
  REGISTER_SPOILERS,
  type Spoiler,
  TAKEN_SPOILERS,
} from "../../support/linearizability/spoiled_history.ts";
import { Random, seeded } from "../../support/random.ts";

const { GET, PUT, DELETE } = OperationKind;
const PUT_KINDS = [GET, PUT, PUT];
const DELETE_KINDS = [GET, PUT, DELETE];

/** Of how many operations one finds its key evicted, where keys are. */
const OPERATIONS_PER_EVICTION = 12;

function assertAllowed(operations: readonly Operation[], options: CheckOptions = {}): void {
  const violation = checkHistory(historyOf(1, operations), options);
  if (violation !== undefined) assert.unreachable(renderViolation(violation));
}

for (const kinds of [REGISTER_KINDS, TAKEN_KINDS, COUNTER_KINDS, PUT_KINDS, DELETE_KINDS]) {
  test(
    `finds an order for a key whose operations are ${[...new Set(kinds)]}`,
    seeded((random) => {
      for (const clientCount of [1, 2, 4, 8, 12]) {
        assertAllowed(simulateHistory(random, { operationCount: 3000, clientCount, kinds }));
      }
    }),
  );

  test(
    `and when clients die, for ${[...new Set(kinds)]}`,
    seeded((random) => {
      for (let i = 0; i < 10; i++) {
        const plan = { operationCount: 300, clientCount: 4, kinds, changesPerDeath: 40 };
        assertAllowed(simulateHistory(random, plan));
      }
    }),
  );
}

for (const kinds of [REGISTER_KINDS, TAKEN_KINDS, COUNTER_KINDS]) {
  test(
    `finds an order for a key that is evicted, whose operations are ${[...new Set(kinds)]}`,
    seeded((random) => {
      for (const clientCount of [1, 2, 4, 8, 12]) {
        const plan = { clientCount, kinds, operationsPerEviction: OPERATIONS_PER_EVICTION };
        assertAllowed(simulateHistory(random, { ...plan, operationCount: 2000 }), { evicts: true });
      }
      let evictedCount = 0;
      for (let i = 0; i < 10; i++) {
        const plan = { operationCount: 300, clientCount: 4, kinds, changesPerDeath: 40 };
        const operations = simulateHistory(random, {
          ...plan,
          operationsPerEviction: OPERATIONS_PER_EVICTION,
        });
        assertAllowed(operations, { evicts: true });
        if (checkHistory(historyOf(1, operations)) !== undefined) evictedCount += 1;
      }
      // Now and then nothing tells an eviction from what clients have done that have died.
      assert.ok(evictedCount > 5, `in ${evictedCount} of 10 histories an eviction is seen`);
    }),
  );
}

/** Spoils ten histories in one way, those that can be; all of them must be found. */
function findSpoiled(
  random: Random,
  kinds: readonly number[],
  spoil: Spoiler,
  evicts = false,
): void {
  let spoiledCount = 0;
  for (let i = 0; spoiledCount < 10; i++) {
    assert.ok(i < 300, `only ${spoiledCount} histories could be spoiled`);
    const operations = simulateHistory(random, {
      operationCount: 500,
      clientCount: random.between(2, 8),
      kinds,
      operationsPerEviction: evicts ? OPERATIONS_PER_EVICTION : 0,
    });
    if (!spoil(operations, random)) continue;
    spoiledCount += 1;
    const violation = checkHistory(historyOf(1, operations), { evicts });
    assert.ok(violation, `misses one of ${operations.length}`);
  }
}

for (const [name, spoil] of Object.entries(REGISTER_SPOILERS)) {
  test(`finds ${name}`, seeded((random) => findSpoiled(random, REGISTER_KINDS, spoil)));
}

for (const [name, spoil] of Object.entries({ ...REGISTER_SPOILERS, ...TAKEN_SPOILERS })) {
  // A touch gives a value another version.
  if (name === "a value with two versions") continue;
  test(
    `finds ${name}, where values are taken`,
    seeded((random) => findSpoiled(random, TAKEN_KINDS, spoil)),
  );
}

for (const [name, spoil] of Object.entries(COUNTER_SPOILERS)) {
  test(`finds ${name}`, seeded((random) => findSpoiled(random, COUNTER_KINDS, spoil)));
}

for (const [name, spoil] of Object.entries({ ...REGISTER_SPOILERS, ...EVICTED_SPOILERS })) {
  test(
    `finds ${name}, where keys are evicted`,
    seeded((random) => findSpoiled(random, REGISTER_KINDS, spoil, true)),
  );
}

for (const [name, spoil] of Object.entries(TAKEN_SPOILERS)) {
  test(
    `finds ${name}, where keys are evicted`,
    seeded((random) => findSpoiled(random, TAKEN_KINDS, spoil, true)),
  );
}

for (const [name, spoil] of Object.entries(EVICTED_COUNTER_SPOILERS)) {
  test(`finds ${name}`, seeded((random) => findSpoiled(random, COUNTER_KINDS, spoil, true)));
}

test(
  "finds most answers that were exchanged",
  seeded((random) => {
    let foundCount = 0;
    let exchangedCount = 0;
    for (let i = 0; i < 60; i++) {
      const plan = { operationCount: 300, clientCount: 4, kinds: REGISTER_KINDS };
      const operations = simulateHistory(random, plan);
      const at = random.below(operations.length);
      const from = operations.find(({ kind, output }) =>
        kind === operations[at]!.kind && output !== operations[at]!.output
      );
      if (from === undefined) continue;
      exchangedCount += 1;
      operations[at] = { ...operations[at]!, output: from.output };
      if (checkHistory(historyOf(1, operations)) !== undefined) foundCount += 1;
    }
    assert.ok(foundCount > exchangedCount * 0.6, `finds ${foundCount} of ${exchangedCount}`);
  }),
);

test(
  "more operations in progress than a word has bits",
  () => {
    // Always the same: with so many, a search may come to its bound, and some histories are left
    // undecided.
    const random = new Random(1);
    const plan = { operationCount: 300, clientCount: 54, kinds: PUT_KINDS };
    const operations = simulateHistory(random, plan);
    assertAllowed(operations);
    const last = operations.findLastIndex(({ kind }) => kind === GET);
    operations[last] = { ...operations[last]!, output: 1e9 };
    assert.ok(checkHistory(historyOf(1, operations)));
  },
);

test(
  "a hundred thousand operations on a key that is never quiet",
  seeded((random) => {
    const plan = { operationCount: 120_000, clientCount: 8, kinds: REGISTER_KINDS };
    const operations = simulateHistory(random, plan);
    assertAllowed(operations);
    const last = operations.findLastIndex(({ kind }) => kind === GET);
    operations[last] = { ...operations[last]!, output: 1e9 };
    const violation = checkHistory(historyOf(1, operations));
    assert.is(violation?.operation.output, 1e9);
    assert.ok(violation!.window.length < 100);
  }),
);

test("a put that takes as long as a hundred thousand others", () => {
  const operations: Operation[] = [];
  const long = { client: 1, kind: PUT, input: -1, version: 0, output: 0, callAt: 0, returnAt: 1e6 };
  operations.push(long);
  for (let i = 1; i < 100_000; i++) {
    const kind = i % 2 === 1 ? PUT : GET;
    const value = i - 1 + i % 2;
    const times = { callAt: i * 4, returnAt: i * 4 + 1 };
    operations.push({ client: 2, kind, input: value, version: 0, output: value, ...times });
  }
  const seen = { client: 2, kind: GET, input: 0, version: 0, callAt: 9e5, returnAt: 9e5 + 1 };
  assertAllowed([...operations, { ...seen, output: -1 }]);
  assertAllowed([...operations, { ...seen, output: 99_999 }]);
  assert.ok(checkHistory(historyOf(1, [...operations, { ...seen, output: 99_997 }])));
});

test.run();
