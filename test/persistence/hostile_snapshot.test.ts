/**
 * Snapshots whose checksums are right and whose contents are impossible: a CorruptionError for
 * each, never a crash, a hang or a wrong value.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Child } from "../support/child.ts";
import { HOSTILE_CASES } from "../support/hostile_cases.ts";

/** After this time a child hangs; one that does not has ended within half a second. */
const HANG_MS = 30_000;

for (const name of Object.keys(HOSTILE_CASES)) {
  test(name, async () => {
    const end = await new Child("hostile_snapshot", { name }, undefined, HANG_MS).ended();
    const outcome = end.hung ? "it hangs" : end.messages[0] ?? `it crashes: ${end.output}`;
    assert.is(outcome, "CorruptionError");
  });
}

test.run();
