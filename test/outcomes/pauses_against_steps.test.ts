/**
 * The race: an M-node pauses the pool again and again, while an agent goes from one step to the
 * next without a break.
 *
 * The invariant: while the pool is paused no agent is inside a step, and everything that was done
 * in earlier ones is visible: a snapshot captures one moment (I3).
 *
 * Allowed outcomes: in a pause, both words that a step changes are equal, and do not change. The
 * agent makes its steps between the pauses, and is refused some.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { AGENT_HOST } from "../../lib/pool/control_layout.ts";
import { whilePaused } from "../../lib/pool/gate.ts";
import { mixBelow } from "../support/outcome_random.ts";
import { race } from "../support/outcome_race.ts";
import type { StepsData, StepsReport } from "../support/outcome_steps.ts";
import { PoolFixture } from "../support/pool_fixture.ts";

const PAUSES = 100_000;
const STEPS = 100_000;
const AGENT = 0;
/**
 * Looks at the words in a pause, and accesses between two pauses at most: about as long as a step
 * or two.
 */
const LOOKS = 100;
const GAP_ACCESSES_MAX = 200;
/**
 * Where outcome_steps.ts has its second word; that module is the opponent's, and not for import.
 */
const SECOND_WORD = 32;

test("no step is made while the pool is paused", async () => {
  const { pool } = new PoolFixture();
  const words = new Int32Array(new SharedArrayBuffer(256));
  const data: StepsData = {
    pool: pool.handle,
    agent: AGENT,
    words: words.buffer as SharedArrayBuffer,
  };

  function look(): void {
    const count = words[0];
    for (let i = 0; i < LOOKS; i++) {
      const [first, second] = [Atomics.load(words, 0), Atomics.load(words, SECOND_WORD)];
      if (first !== count || second !== count) throw new Error(`${count}: ${first}, ${second}`);
    }
  }

  const [report] = await race(
    "pauses",
    [{ name: "steps", quota: STEPS, data }],
    PAUSES,
    (turns) => {
      while (turns.next()) {
        whilePaused(pool, AGENT_HOST, look);
        const gap = mixBelow(turns.count, 1, GAP_ACCESSES_MAX);
        for (let i = 0; i < gap; i++) Atomics.load(words, SECOND_WORD);
      }
    },
  ) as [StepsReport];
  assert.is(words[0], report.made);
  assert.ok(report.made > 0 && report.refused > 0, JSON.stringify(report));
});

test.run();
