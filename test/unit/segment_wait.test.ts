/**
 * How long requests wait for segments: never for ever, and not at all when one has come.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SYSTEM_CALL_MS_MAX } from "../../lib/core/limits.ts";
import { SegmentWait } from "../../lib/node/segment_wait.ts";
import { GATE_DEFER_FREE } from "../../lib/pool/control_layout.ts";
import type { SpaceBudget } from "../../lib/pool/space_budget.ts";
import { PoolFixture } from "../support/pool_fixture.ts";

const TRIES_MAX = 10_000;

/** A wait in an empty pool, with a clock that a test moves. */
class Waiting {
  nowMs = 0;
  readonly fixture = new PoolFixture({ segmentCount: 16 });
  readonly budget = { canGain: true };
  readonly wait = new SegmentWait(
    this.fixture.segments,
    this.budget as SpaceBudget,
    undefined,
    undefined,
    () => this.nowMs,
  );

  /** Tries until the request has to be refused. */
  tries(): number {
    for (let count = 1; count <= TRIES_MAX; count++) if (!this.wait.mayGoOn()) return count;
    return Infinity;
  }
}

test("where cleaning can gain a segment a request is tried more often", () => {
  const waiting = new Waiting();
  const hopeful = waiting.tries();
  waiting.budget.canGain = false;
  const hopeless = waiting.tries();
  assert.ok(hopeless < hopeful && hopeful < TRIES_MAX, `${hopeless} and ${hopeful} tries`);
  assert.is(waiting.tries(), hopeless, "each request begins anew");
});

test("one that has got a segment takes nothing away from the next", () => {
  const waiting = new Waiting();
  const all = waiting.tries();
  for (let i = 1; i < all; i++) assert.ok(waiting.wait.mayGoOn());
  waiting.wait.end();
  assert.is(waiting.tries(), all);
});

test("a snapshot that holds segments back is waited for, but not for ever", () => {
  const waiting = new Waiting();
  waiting.fixture.pool.control[GATE_DEFER_FREE] = 1;
  assert.is(waiting.tries(), Infinity);
  waiting.nowMs = SYSTEM_CALL_MS_MAX - 1;
  assert.is(waiting.tries(), Infinity);
  waiting.nowMs = SYSTEM_CALL_MS_MAX;
  assert.ok(waiting.tries() < TRIES_MAX);
  assert.is(waiting.tries(), Infinity, "the next one waits as long again");
});

test("a merger is waited for in a bounded number of tries", () => {
  const { wait } = new Waiting();
  let count = 0;
  while (wait.mayGoOnForMerge()) assert.ok(++count < TRIES_MAX);
  assert.ok(count > 100);
});

test.run();
