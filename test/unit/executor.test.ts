/**
 * The EXECUTOR word: one executor at a time, none after the fence, and what is known of the one
 * that was inside.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  abandonExecutor,
  clientExecutor,
  clientOf,
  enterExecutor,
  Executor,
  fenceExecutor,
  hasLeft,
  leaveExecutor,
} from "../../lib/agent/executor.ts";
import { Step } from "../../lib/agent/step.ts";
import { PoolFixture } from "../support/pool_fixture.ts";

const AT = 3;
const CLIENT = clientExecutor(5);

function word(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(32));
}

test("one thread at a time executes, and the word names it", () => {
  const control = word();
  assert.is(enterExecutor(control, AT, CLIENT), true);
  assert.is(enterExecutor(control, AT, Executor.OWN_THREAD), false);
  assert.is(clientOf(control[AT]!), 5);
  leaveExecutor(control, AT, CLIENT);
  assert.is(enterExecutor(control, AT, Executor.OWN_THREAD), true);
  assert.is(clientOf(control[AT]!), undefined);
});

test("nobody enters a KN that is fenced, and whoever is inside says when it has left", () => {
  for (const executor of [Executor.OWN_THREAD, CLIENT]) {
    const control = word();
    enterExecutor(control, AT, executor);
    assert.is(fenceExecutor(control, AT), executor, "it tells who is inside");
    assert.is(hasLeft(control, AT), false);
    assert.is(enterExecutor(control, AT, CLIENT), false);
    assert.ok(fenceExecutor(control, AT) < Executor.NOBODY, "once is enough");
    leaveExecutor(control, AT, executor);
    assert.is(hasLeft(control, AT), true);
    assert.is(enterExecutor(control, AT, executor), false);
  }
});

test("a KN that is fenced with nobody inside has been left", () => {
  const control = word();
  assert.is(fenceExecutor(control, AT), Executor.NOBODY);
  assert.is(hasLeft(control, AT), true);
});

test("what is left to do after a step keeps no other thread from executing", () => {
  const { pool } = new PoolFixture();
  const step = new Step({ pool, agent: 1, executor: CLIENT, logs: [], consumers: [] });
  const wasFree: boolean[] = [];
  assert.is(step.begin(), true);
  pool.afterStep = () => wasFree.push(step.isFree);
  assert.is(step.isFree, false);
  step.end();
  assert.equal(wasFree, [true]);
});

test("a thread gives up its own step only, fenced or not", () => {
  for (const isFenced of [false, true]) {
    const control = word();
    enterExecutor(control, AT, CLIENT);
    if (isFenced) fenceExecutor(control, AT);
    const before = control[AT];
    abandonExecutor(control, AT, Executor.OWN_THREAD);
    assert.is(control[AT], before, "the client may go on");
    abandonExecutor(control, AT, CLIENT);
    assert.is(control[AT], Executor.ABANDONED);
    assert.is(enterExecutor(control, AT, CLIENT), false);
  }
});

test.run();
