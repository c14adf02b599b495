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
import { SpaceBudget } from "../../lib/pool/space_budget.ts";
import { PoolFixture } from "../support/pool_fixture.ts";

const BYTES = 100;
const TRIES_MAX = 10_000;

/** A wait in an empty pool, with a clock that a test moves. */
class Waiting {
  nowMs = 0;
  readonly fixture = new PoolFixture({ segmentCount: 16 });
  readonly wait = new SegmentWait(
    this.fixture.segments,
    new SpaceBudget(this.fixture.pool, this.fixture.segments),
    undefined,
    undefined,
    () => this.nowMs,
  );

  /** Tries until the request has to be refused. */
  tries(bytes: number): number {
    for (let count = 1; count <= TRIES_MAX; count++) if (!this.wait.mayGoOn(bytes)) return count;
    return Infinity;
  }
}

test("a request that there is room for is tried more often than one that there is none for", () => {
  const waiting = new Waiting();
  const hopeless = waiting.tries(2 ** 30);
  const hopeful = waiting.tries(BYTES);
  assert.ok(hopeless < hopeful && hopeful < TRIES_MAX, `${hopeless} and ${hopeful} tries`);
  assert.is(waiting.tries(2 ** 30), hopeless, "each request begins anew");
});

test("one that has got a segment takes nothing away from the next", () => {
  const waiting = new Waiting();
  const all = waiting.tries(BYTES);
  for (let i = 1; i < all; i++) assert.ok(waiting.wait.mayGoOn(BYTES));
  waiting.wait.end();
  assert.is(waiting.tries(BYTES), all);
});

test("a snapshot that holds segments back is waited for, but not for ever", () => {
  const waiting = new Waiting();
  waiting.fixture.pool.control[GATE_DEFER_FREE] = 1;
  assert.is(waiting.tries(BYTES), Infinity);
  waiting.nowMs = SYSTEM_CALL_MS_MAX - 1;
  assert.is(waiting.tries(BYTES), Infinity);
  waiting.nowMs = SYSTEM_CALL_MS_MAX;
  assert.ok(waiting.tries(BYTES) < TRIES_MAX);
  assert.is(waiting.tries(BYTES), Infinity, "the next one waits as long again");
});

test("a merger is waited for in a bounded number of tries", () => {
  const { wait } = new Waiting();
  let count = 0;
  while (wait.mayGoOnForMerge()) assert.ok(++count < TRIES_MAX);
  assert.ok(count > 100);
});

test.run();
