/**
 * What is said about a history that is not linearizable.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkHistory, renderViolation } from "../../support/linearizability/check_history.ts";
import { historyOf, type Operation } from "../../support/linearizability/operation.ts";
import { del, get, put } from "../../support/linearizability/written_history.ts";

const STALE = [
  put(1).at(0, 1),
  put(2).at(2, 3),
  get(2).at(4, 7, 1),
  put(3).at(5, 9, 2),
  get(1).at(6, 8, 3),
  get(3).at(10, 11),
];

test("shows what happened since the key was quiet, and who wrote what was read", () => {
  const violation = checkHistory(historyOf(5, STALE));
  assert.ok(violation);
  assert.is(violation.operation.callAt, 6);
  assert.equal(violation.window.map(({ callAt }) => callAt), [4, 5, 6]);
  assert.equal(violation.earlier.map(({ callAt }) => callAt), [0, 2]);
  assert.equal(violation.values, [2]);
  assert.is(
    renderViolation(violation),
    `\
key 5: nothing explains get(): 1 of client 3
the value may have been: 2
long before:
  client 0  0  1  put(1): done  []
  client 0  2  3  put(2): done    []
    client 1  4  7  get(): 2      [==]
    client 2  5  9  put(3): done   [===]
->  client 3  6  8  get(): 1        [=]`,
  );
});

test("shows only the last of many operations, and those that overlap", () => {
  const operations: Operation[] = [put(0).at(0, 2)];
  // The key is never quiet.
  for (let i = 1; i < 1000; i++) operations.push(put(i).at(i * 2 - 0.5, i * 2 + 2));
  operations.push(del(true).pendingFrom(1.25), get(5).at(2000, 2010));
  const violation = checkHistory(historyOf(1, operations));
  assert.ok(violation);
  assert.is(violation.operation.callAt, 2000);
  assert.is(violation.window[0]!.callAt, 1.25, "what is pending overlaps everything");
  assert.is(violation.window.length + violation.omittedCount, operations.length);
  assert.ok(violation.window.length <= 41);
  assert.ok(violation.earlier.some(({ input }) => input === 5));
  assert.match(renderViolation(violation), /961 operations before are not shown/);
});

test.run();
