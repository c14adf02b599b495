/**
 * The checker on histories that show one kind of behaviour each, right or wrong.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkHistory, renderViolation } from "../../support/linearizability/check_history.ts";
import { historyOf, type Operation } from "../../support/linearizability/operation.ts";
import {
  cas,
  del,
  get,
  getEntry,
  has,
  increment,
  put,
} from "../../support/linearizability/written_history.ts";

type Cases = readonly (readonly [name: string, operations: readonly Operation[]])[];

const LINEARIZABLE: Cases = [
  ["nothing", []],
  ["a key that was never written", [get().at(0, 1), has(false).at(2, 3), del(false).at(4, 5)]],
  ["a read of what was put", [put(1).at(0, 1), get(1).at(2, 3)]],
  ["a read of what is being put", [put(1).at(0, 9), get(1).at(2, 3)]],
  ["a miss of what is being put", [put(1).at(0, 9), get().at(2, 3)]],
  ["a put that overlaps two reads, old and new", [
    put(1).at(0, 1),
    put(2).at(2, 9),
    get(1).at(3, 4),
    get(2).at(5, 6),
  ]],
  ["two puts that nobody could tell the order of", [
    put(1).at(0, 9),
    put(2).at(1, 8),
    get(1).at(10, 11),
  ]],
  ["a put whose value is read long after another overtook it", [
    put(1).at(0, 20),
    put(2).at(1, 2),
    get(2).at(3, 4),
    put(3).at(5, 6),
    get(1).at(7, 8),
  ]],
  ["a put that was overwritten before anybody saw it", [
    put(1).at(0, 9),
    put(2).at(1, 2),
    get(2).at(3, 4),
    get(2).at(10, 11),
  ]],
  ["a return and a call at the same time overlap", [put(1).at(0, 2), get().at(2, 3)]],
  ["a pending put that is seen late", [
    put(1).pendingFrom(0),
    put(2).at(1, 2),
    get(2).at(3, 4),
    get(1).at(5, 6),
    get(1).at(7, 8),
  ]],
  ["a pending put that is never seen", [put(1).pendingFrom(0), get().at(1, 2), get().at(3, 4)]],
  ["a pending delete that is seen", [put(1).at(0, 1), del(true).pendingFrom(2), get().at(3, 4)]],
  ["a pending increment that is counted", [
    increment(1, 1).at(0, 1),
    increment(5, 0).pendingFrom(2),
    increment(1, 7).at(3, 4),
  ]],
  ["an increment of one of two pending puts", [
    put(3).pendingFrom(0),
    put(1).pendingFrom(1),
    increment(1, 2).at(2, 3),
  ]],
  ["a pending put that lets two deletes succeed", [
    put(1).at(0, 1),
    put(2).pendingFrom(2),
    del(true).at(3, 4),
    del(true).at(5, 6),
  ]],
  ["a pending compareAndSet that makes another fail", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    cas(10, 2, true).pendingFrom(4),
    cas(10, 3, false).at(5, 6),
    get(2).at(7, 8),
  ]],
  ["a pending read", [put(1).at(0, 1), get(7).pendingFrom(2), get(1).at(3, 4)]],
  ["compareAndSet from the version that was read", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    cas(10, 2, true).at(4, 5),
    getEntry(2, 11).at(6, 7),
    cas(10, 3, false).at(8, 9),
  ]],
  ["compareAndSet fails because of a put in progress", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    put(2).at(4, 9),
    cas(10, 3, false).at(5, 6),
  ]],
  ["compareAndSet of a key that does not exist", [
    cas(null, 1, true).at(0, 1),
    cas(null, 2, false).at(2, 3),
    get(1).at(4, 5),
  ]],
  ["one of two compareAndSets", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    cas(10, 2, false).at(4, 9),
    cas(10, 3, true).at(5, 8),
  ]],
  ["a counter that comes back to a number, with another version", [
    increment(1, 1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    del(true).at(4, 5),
    increment(1, 1).at(6, 7),
    getEntry(1, 12).at(8, 9),
  ]],
];

const VIOLATIONS: Cases = [
  ["a stale read after a put has returned", [
    put(1).at(0, 1),
    put(2).at(2, 3),
    get(1).at(4, 5),
  ]],
  ["an acknowledged put that is lost", [put(1).at(0, 1), get().at(2, 3)]],
  ["a lost put that overlapped nothing but reads", [
    put(1).at(0, 1),
    put(2).at(2, 8),
    get(2).at(3, 4),
    get(1).at(9, 10),
  ]],
  ["a lost update", [
    increment(1, 1).at(0, 1),
    increment(1, 2).at(2, 9),
    increment(1, 2).at(3, 8),
  ]],
  ["an increment that is counted twice", [
    increment(1, 1).at(0, 1),
    get(2).at(2, 3),
  ]],
  ["a pending increment that is counted twice", [
    increment(5, 0).pendingFrom(0),
    get(5).at(1, 2),
    get(10).at(3, 4),
  ]],
  ["a value that was never written", [put(1).at(0, 1), get(7).at(2, 3)]],
  ["a value from the future", [get(1).at(0, 1), put(1).at(2, 3)]],
  ["a value that is back after a delete", [
    put(1).at(0, 1),
    del(true).at(2, 3),
    get().at(4, 5),
    get(1).at(6, 7),
  ]],
  ["has after a delete", [put(1).at(0, 1), del(true).at(2, 3), has(true).at(4, 5)]],
  ["a put that takes effect twice", [
    put(1).at(0, 20),
    get(1).at(1, 2),
    put(2).at(3, 4),
    get(2).at(5, 6),
    get(1).at(7, 8),
  ]],
  ["a pending put that takes effect twice", [
    put(1).pendingFrom(0),
    get(1).at(1, 2),
    put(2).at(3, 4),
    get(1).at(5, 6),
  ]],
  ["reads of two clients that go backwards", [
    put(1).at(0, 1),
    put(2).at(2, 9),
    get(2).at(3, 4, 1),
    get(1).at(5, 6, 2),
  ]],
  ["two clients that see two puts in different orders", [
    put(1).at(0, 20),
    put(2).at(1, 19),
    get(1).at(2, 3),
    get(2).at(4, 5),
    get(1).at(6, 7),
  ]],
  ["two deletes of one value", [put(1).at(0, 1), del(true).at(2, 8), del(true).at(3, 9)]],
  ["a delete that found nothing although the key existed", [put(1).at(0, 1), del(false).at(2, 3)]],
  ["two compareAndSets from one version", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    cas(10, 2, true).at(4, 9),
    cas(10, 3, true).at(5, 8),
  ]],
  ["two compareAndSets of a key that does not exist", [
    cas(null, 1, true).at(0, 9),
    cas(null, 2, true).at(1, 8),
  ]],
  ["compareAndSet fails although nothing changed the key", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    get(1).at(4, 9),
    cas(10, 2, false).at(5, 6),
  ]],
  ["compareAndSet of an absent key fails although there was none", [cas(null, 1, false).at(0, 1)]],
  ["compareAndSet succeeds after another change", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    put(2).at(4, 5),
    cas(10, 3, true).at(6, 7),
  ]],
  ["compareAndSet succeeds on a deleted key", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    del(true).at(4, 5),
    cas(10, 3, true).at(6, 7),
  ]],
  ["compareAndSet said no and stored its value", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    put(2).at(4, 5),
    cas(10, 3, false).at(6, 7),
    get(3).at(8, 9),
  ]],
  ["compareAndSet said yes and stored nothing", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    cas(10, 2, true).at(4, 5),
    get(1).at(6, 7),
  ]],
  ["a put that vanished before a compareAndSet, which it would have made fail", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    put(2).at(4, 9),
    cas(10, 3, true).at(5, 6),
    get(3).at(10, 11),
  ]],
  ["a put that vanished before an increment, which would have added to it", [
    increment(1, 1).at(0, 1),
    put(5).at(2, 9),
    increment(1, 2).at(3, 4),
    get(2).at(10, 11),
  ]],
  ["a version that goes backwards", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    put(2).at(4, 5),
    getEntry(2, 9).at(6, 7),
  ]],
  ["a version that starts over after a delete", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    del(true).at(4, 5),
    put(2).at(6, 7),
    getEntry(2, 1).at(8, 9),
  ]],
  ["two values with one version", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    put(2).at(4, 5),
    getEntry(2, 10).at(6, 7),
  ]],
  ["one value with two versions", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    getEntry(1, 11).at(4, 5),
  ]],
];

for (const [name, operations] of LINEARIZABLE) {
  test(`allowed: ${name}`, () => {
    const violation = checkHistory(historyOf(1, operations));
    if (violation !== undefined) assert.unreachable(renderViolation(violation));
  });
}

for (const [name, operations] of VIOLATIONS) {
  test(`found: ${name}`, () => {
    const violation = checkHistory(historyOf(1, operations));
    assert.ok(violation, "the checker takes it for linearizable");
    // It is the first for which there is no reason: had it never returned, all would be well.
    const { returnAt } = violation.operation;
    const before = operations
      .filter(({ callAt }) => callAt <= returnAt)
      .map((operation) =>
        operation.returnAt < returnAt ? operation : { ...operation, returnAt: Infinity }
      );
    assert.is(checkHistory(historyOf(1, before)), undefined);
  });
}

test("an operation has to return after it was called", () => {
  assert.throws(() => historyOf(1, [put(1).at(2, 2)]), /must return after/);
});

test.run();
