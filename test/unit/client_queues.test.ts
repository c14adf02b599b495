/**
 * The client's queues: requests that are held keep their order, those who wait are told once,
 * promises settle as they should.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FlushWaiters } from "../../lib/client/flush_waiters.ts";
import { HeldSlots } from "../../lib/client/held_slots.ts";
import { PendingOperations } from "../../lib/client/pending_operations.ts";
import type { HeldRequest } from "../../lib/client/completions.ts";
import {
  BatchCompletion,
  ItemCompletion,
  OutcomeCompletion,
  PutCompletion,
  SyncCompletion,
} from "../../lib/client/completions.ts";
import type { Slot } from "../../lib/core/brands.ts";
import { NodeFailedError, PoolFullError } from "../../lib/core/errors.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import { errorOf } from "../support/errors.ts";
import { seeded } from "../support/random.ts";

const A = 1 as Slot;
const B = 2 as Slot;

function request(slot: Slot, sequence: number, words = 10, largeBytes = 0): HeldRequest {
  const base = { slot, sequence, words: new Int32Array(words), completion: new SyncCompletion() };
  return largeBytes === 0 ? base : { ...base, large: { bytes: new Uint8Array(largeBytes) } };
}

function drain(held: HeldSlots, slot: Slot): number[] {
  const sequences: number[] = [];
  for (let next = held.next(slot); next; next = held.next(slot)) sequences.push(next.sequence);
  return sequences;
}

test("held requests of a slot come in the order in which they were issued", () => {
  const held = new HeldSlots(new PendingOperations());
  for (const sequence of [5, 3, 9, 1, 7]) held.add(request(A, sequence));
  held.add(request(B, 4));
  assert.equal(drain(held, A), [1, 3, 5, 7, 9]);
  assert.equal(drain(held, B), [4]);
  assert.equal(drain(held, A), []);
});

test(
  "in whatever order they are held, taken and held again",
  seeded((random) => {
    const operations = new PendingOperations();
    const held = new HeldSlots(operations);
    const expected: number[] = [];
    for (let i = 0; i < 2000; i++) {
      if (random.below(3) > 0) {
        const sequence = random.below(10 ** 9);
        held.add(request(A, sequence));
        expected.push(sequence);
        expected.sort((a, b) => a - b);
      } else {
        const next = held.next(A);
        assert.is(next?.sequence, expected.shift());
        if (next !== undefined && random.below(2) === 0) {
          held.add(next);
          expected.unshift(next.sequence);
        }
      }
      assert.is(operations.heldCount, expected.length);
    }
    assert.equal(drain(held, A), expected);
  }),
);

test("bytes and count are those of what is held", () => {
  const operations = new PendingOperations();
  const held = new HeldSlots(operations);
  held.add(request(A, 1, 10));
  held.add(request(A, 2, 20, 5000));
  assert.is(held.bytes, 40 + 80 + 5000);
  assert.is(operations.heldCount, 2);
  held.next(A);
  assert.is(held.bytes, 5080);
  held.next(A);
  assert.is(held.bytes, 0);
  const completion = new SyncCompletion();
  held.add({ ...request(B, 3), completion });
  held.failAll(new NodeFailedError("planted"));
  assert.is(completion.isSettled, true);
  assert.throws(() => completion.throwError(), /planted/);
  assert.equal([held.bytes, operations.heldCount, held.hasReady], [0, 0, false]);
});

test("ready slots are taken once", () => {
  const held = new HeldSlots(new PendingOperations());
  held.markReady(A);
  held.markReady(B);
  held.markReady(A);
  assert.is(held.hasReady, true);
  assert.equal([...held.takeReady()], [A, B]);
  assert.is(held.hasReady, false);
  assert.equal([...held.takeReady()], []);
});

test("a flush waits for what was issued before it, and for nothing after", async () => {
  const waiters = new FlushWaiters();
  const ended: string[] = [];
  const first = waiters.add(3, 3).then(() => ended.push("first"));
  const second = waiters.add(5, 5).then(() => ended.push("second"));
  for (const sequence of [4, 2, 5, 1]) waiters.noteEnd(sequence);
  await Promise.resolve();
  assert.equal(ended, []);
  waiters.noteEnd(7);
  waiters.noteEnd(3);
  await Promise.all([first, second]);
  assert.equal(ended, ["first", "second"]);
  waiters.noteEnd(6);
});

test("flushes end when nothing will end any more", async () => {
  const waiters = new FlushWaiters();
  const waiting = [waiters.add(1, 1), waiters.add(2, 2)];
  waiters.resolveAll();
  await Promise.all(waiting);
  waiters.noteEnd(1);
});

test("promises settle by status", async () => {
  for (const [status, version] of [[Status.OK, 3 * 2 ** 32 + 2 ** 31], [Status.UNMET]] as const) {
    const put = new PutCompletion();
    put.settle(status, 0, 2 ** 31 | 0, 3);
    assert.is(await put.promise, version);
  }
  for (const [status, outcome] of [[Status.OK, true], [Status.UNMET, false]] as const) {
    const completion = new OutcomeCompletion();
    completion.settle(status);
    assert.is(await completion.promise, outcome);
  }
  for (const status of [Status.LOG_FULL, Status.INDEX_FULL]) {
    for (const completion of [new PutCompletion(), new OutcomeCompletion()]) {
      completion.settle(status, 0, 0, 0);
      assert.instance(await errorOf(() => completion.promise as Promise<unknown>), PoolFullError);
    }
  }
  const failed = new PutCompletion();
  failed.fail(new NodeFailedError("gone"));
  assert.instance(await errorOf(() => failed.promise), NodeFailedError);
});

test("a batch ends with its last request, and its items say whether they applied", async () => {
  const batch = new BatchCompletion();
  const outcomes = [false, false, false];
  const items = outcomes.map((_, i) => new ItemCompletion(batch, outcomes, i));
  let isSettled = false;
  void batch.promise.then(() => isSettled = true);
  for (let i = 0; i < 3; i++) batch.expect();
  items[2]!.settle(Status.OK);
  batch.seal();
  items[1]!.settle(Status.UNMET);
  await Promise.resolve();
  assert.is(isSettled, false);
  items[0]!.settle(Status.OK);
  await batch.promise;
  assert.equal(outcomes, [true, false, true]);
});

test("a batch that fails waits for all, and reports the first error", async () => {
  const batch = new BatchCompletion();
  for (let i = 0; i < 3; i++) batch.expect();
  const first = new NodeFailedError("first");
  batch.fail(first);
  batch.settle(Status.LOG_FULL);
  batch.seal();
  let isSettled = false;
  const end = errorOf(() => batch.promise).then((error) => {
    isSettled = true;
    return error;
  });
  await Promise.resolve();
  assert.is(isSettled, false);
  batch.settle(Status.OK);
  assert.is(await end, first);
});

test("an empty batch ends when it is sealed", async () => {
  const batch = new BatchCompletion();
  batch.seal();
  await batch.promise;
});

test("a synchronous completion is used again", () => {
  const completion = new SyncCompletion();
  completion.settle(Status.LOG_FULL);
  assert.is(completion.isSettled, true);
  assert.throws(() => completion.throwError(), /the pool is full/);
  completion.reset();
  assert.equal([completion.isSettled, completion.isApplied], [false, false]);
  completion.throwError();
  completion.settle(Status.OK);
  assert.is(completion.isApplied, true);
  completion.throwError();
});

test.run();
