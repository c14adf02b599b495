/**
 * The race: a KN overwrites a few keys in a pool of the smallest segments, so that a segment is
 * freed, opened again and overwritten every few puts, while another thread copies values out of
 * these very segments.
 *
 * The invariant: a segment is reused only when no index word can reach its old contents, and a
 * reader that raced with the reuse notices and starts over (I6, I10).
 *
 * Allowed outcomes of a read: those of update_against_lookup.test.ts. In particular a value must
 * not be half of one record and half of another, nor belong to another key: every second key has
 * the same hash, so old and new record of one place are often told apart by their keys alone. A
 * reader may start over as often as it has to.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { GENERATIONS } from "../../lib/pool/control_layout.ts";
import { planHistory } from "../support/outcome_history.ts";
import { raceHistory } from "../support/outcome_history_reader.ts";

test("segments are reused under the reader's eyes", async () => {
  const sizes = { segmentCount: 12, segmentBytes: 4096 };
  const plan = planHistory(6, 1200, 13);
  const writes = 400_000;
  const { fixture, owner } = await raceHistory({
    name: "reuse",
    sizes,
    plan,
    writes,
    reads: 400_000,
  });
  let reuses = 0;
  for (let i = 0; i < sizes.segmentCount; i++) reuses += fixture.pool.control[GENERATIONS + i];
  assert.ok(reuses > writes / 20, `${reuses} segments were reused`);
  assert.ok(owner.applied > writes / 2, `${owner.applied} operations were applied`);
});

test.run();
