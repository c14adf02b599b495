/**
 * The race: a cleaner on its own thread moves live records, while a KN replaces, deletes and
 * inserts them in a pool that is nearly full (and cleans, too, when it runs out of segments), while
 * a third thread looks them up.
 *
 * The invariant: cleaning changes where a record is, never what it says: no put that was
 * acknowledged is undone by a record that moved meanwhile (I3, I4), versions stay (I9), the copy is
 * complete before the index points at it (I2), a segment is freed only when nothing in it is live
 * (I10).
 *
 * Allowed outcomes of a read: those of update_against_lookup.test.ts. A put may be refused because
 * the log is full; then the key stays as it is. When all have stopped, every key is what its last
 * operation made of it, and the live bytes of all segments add up to the records of these keys,
 * exactly.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { CleanerReport } from "../support/outcome_cleaner.ts";
import { planHistory } from "../support/outcome_history.ts";
import { raceHistory } from "../support/outcome_history_reader.ts";

test("a pool that is nearly full is cleaned, updated and read", async () => {
  const writes = 80_000;
  const { owner, others } = await raceHistory({
    name: "cleaning",
    sizes: { segmentCount: 24, segmentBytes: 4096 },
    plan: planHistory(190, 600, 11),
    writes,
    reads: 80_000,
    others: [{ name: "cleaner", quota: 500 }],
  });
  const [cleaner] = others as [CleanerReport];
  assert.ok(cleaner.cleanedCount > 100, `${cleaner.cleanedCount} segments were cleaned`);
  assert.ok(cleaner.movedBytes > 0, "records were moved");
  assert.ok(owner.applied > writes / 4, `${owner.applied} operations were applied`);
});

test.run();
