/**
 * The checker on histories of a store that evicts: a key may be gone at any time, and nothing else
 * is allowed that is not allowed without.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkHistory, renderViolation } from "../../support/linearizability/check_history.ts";
import { historyOf, type Operation } from "../../support/linearizability/operation.ts";
import {
  cad,
  cas,
  del,
  get,
  getEntry,
  has,
  increment,
  put,
  take,
  touch,
} from "../../support/linearizability/written_history.ts";

type Cases = readonly (readonly [name: string, operations: readonly Operation[]])[];

/** Right in a store that evicts, and wrong in any other. */
const EVICTED: Cases = [
  ["a read that misses what was put", [put(1).at(0, 1), get(1).at(2, 3), get().at(4, 5)]],
  ["a key that is not there", [put(1).at(0, 1), has(false).at(2, 3), getEntry().at(4, 5)]],
  ["a delete, a touch and a take that find nothing", [
    put(1).at(0, 1),
    touch(false).at(2, 3),
    del(false).at(4, 5),
    put(2).at(6, 7),
    take().at(8, 9),
  ]],
  ["a put after a miss", [put(1).at(0, 1), get().at(2, 3), put(2).at(4, 5), get(2).at(6, 7)]],
  ["one read of two at a time that misses", [
    put(1).at(0, 1),
    get(1).at(2, 9, 1),
    get().at(3, 8, 2),
  ]],
  ["an increment that begins anew", [
    increment(5, 5).at(0, 1),
    increment(2, 7).at(2, 3),
    increment(2, 2).at(4, 5),
    get(2).at(6, 7),
  ]],
  ["a pending increment that has begun anew", [
    increment(5, 5).at(0, 1),
    increment(2, 0).pendingFrom(2, 1),
    get(5).at(3, 4),
    get(2).at(5, 6),
  ]],
  ["a compareAndSet that finds none", [
    put(1).at(0, 1),
    cas(null, 2, true).at(2, 3),
    get(2).at(4, 5),
  ]],
  ["a version that does not fit any more", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    cas(10, 2, false).at(4, 5),
    get().at(6, 7),
  ]],
  ["a compareAndDelete of what is gone", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    cad(10, false).at(4, 5),
    put(2).at(6, 7),
    getEntry(2, 11).at(8, 9),
  ]],
  ["a put that was gone before a compareAndSet found none, while it was on its way", [
    put(1).at(0, 9),
    cas(null, 2, true).at(2, 3, 1),
    get(2).at(4, 5, 1),
    get(2).at(10, 11),
    cas(null, 3, true).at(12, 13),
  ]],
];

/** Wrong in a store that evicts, too. */
const VIOLATIONS: Cases = [
  ["an older value", [put(1).at(0, 1), put(2).at(2, 3), get(1).at(4, 5)]],
  ["an older value after a newer one was read that is being put", [
    put(1).at(0, 1),
    put(2).at(2, 9, 1),
    get(2).at(3, 4),
    get(1).at(5, 6),
  ]],
  ["a value that comes back after a miss", [put(1).at(0, 1), get().at(2, 3), get(1).at(4, 5)]],
  ["an older value after a miss", [
    put(1).at(0, 1),
    put(2).at(2, 3),
    get().at(4, 5),
    get(1).at(6, 7),
  ]],
  ["a value that comes back after a has that found nothing", [
    put(1).at(0, 1),
    has(false).at(2, 3),
    getEntry(1, 10).at(4, 5),
  ]],
  ["a value that comes back after a delete that found nothing", [
    put(1).at(0, 1),
    del(false).at(2, 3),
    get(1).at(4, 5),
  ]],
  ["a value that comes back after a take that found nothing", [
    put(1).at(0, 1),
    take().at(2, 3),
    take(1).at(4, 5),
  ]],
  ["a value that comes back after a compareAndSet has found none", [
    put(1).at(0, 1),
    cas(null, 2, true).at(2, 3),
    get(1).at(4, 5),
  ]],
  ["a value that was taken and is taken again", [
    put(1).at(0, 1),
    take(1).at(2, 3),
    take(1).at(4, 5),
  ]],
  ["a value that is not there and is touched", [
    put(1).at(0, 1),
    get().at(2, 3),
    touch(true).at(4, 5),
  ]],
  ["a value that was never put", [put(1).at(0, 1), get().at(2, 3), get(2).at(4, 5)]],
  ["a sum that goes on after a miss", [
    increment(5, 5).at(0, 1),
    get().at(2, 3),
    increment(2, 7).at(4, 5),
  ]],
  ["a sum that goes back without beginning anew", [
    increment(5, 5).at(0, 1),
    increment(2, 7).at(2, 3),
    increment(2, 4).at(4, 5),
  ]],
  ["a version that begins anew after a miss", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    get().at(4, 5),
    put(2).at(6, 7),
    getEntry(2, 1).at(8, 9),
  ]],
  ["a compareAndSet to what has been missed", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    get().at(4, 5),
    cas(10, 2, true).at(6, 7),
  ]],
  ["a compareAndDelete of what has been missed", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    get().at(4, 5),
    cad(10, true).at(6, 7),
  ]],
  ["two compareAndSets from one version", [
    put(1).at(0, 1),
    getEntry(1, 10).at(2, 3),
    cas(10, 2, true).at(4, 9),
    cas(10, 3, true).at(5, 8),
  ]],
  ["a compareAndSet that finds a key where there was none", [cas(null, 1, false).at(0, 1)]],
];

for (const [name, operations] of EVICTED) {
  test(`allowed: ${name}`, () => {
    const violation = checkHistory(historyOf(1, operations), { evicts: true });
    if (violation !== undefined) assert.unreachable(renderViolation(violation));
    assert.ok(checkHistory(historyOf(1, operations)), "nothing was evicted");
  });
}

for (const [name, operations] of VIOLATIONS) {
  test(`found: ${name}`, () => {
    const violation = checkHistory(historyOf(1, operations), { evicts: true });
    assert.ok(violation, "the checker takes it for linearizable");
    // Without the operation that it names all would be well.
    const before = operations.filter((operation) =>
      operation.callAt !== violation.operation.callAt
    );
    assert.is(checkHistory(historyOf(1, before), { evicts: true }), undefined);
  });
}

test.run();
