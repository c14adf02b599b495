/**
 * The race: a KN replaces the records of a few keys, and deletes some of them, while another thread
 * looks them up. Segments are large and reused rarely, so this is about the index word and the
 * record that it points at.
 *
 * The invariant: a record is complete before anything points at it (I2), a change of the index is
 * one atomic word (I8), a put is visible when it is acknowledged (I3), versions grow (I9): reads
 * and writes of a key are linearizable (I4).
 *
 * Allowed outcomes of a read that began when operation `a` on its key had ended, and that ended
 * when operation `b` had begun: the whole value of a put from `a` to `b`, not older than what the
 * reader saw before, with a version that is larger exactly if the value is newer; or nothing, if
 * one of the operations from `a` to `b` is a delete or the key did not exist before. Everything
 * else fails.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { planHistory } from "../support/outcome_history.ts";
import { raceHistory } from "../support/outcome_history_reader.ts";

const SIZES = { segmentCount: 64, segmentBytes: 256 * 1024 };

test("one key is updated as fast as it is looked up", async () => {
  const plan = planHistory(1, 200, 0);
  const { owner } = await raceHistory({
    name: "one key",
    sizes: SIZES,
    plan,
    writes: 250_000,
    reads: 250_000,
  });
  assert.is(owner.refused, 0);
});

test("six keys are updated, deleted and put again, three of them with the same hash", async () => {
  const plan = planHistory(6, 200, 9);
  const { owner } = await raceHistory({
    name: "six keys",
    sizes: SIZES,
    plan,
    writes: 250_000,
    reads: 250_000,
  });
  assert.is(owner.refused, 0);
});

test.run();
