/**
 * The tests of the far placement are tested, see planted_trials.ts. They run in one thread and do the same everywhere, so bugs are tried on
 * Node only; elsewhere it is only looked whether they could be planted.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FAR_BUGS } from "../support/planted_far_bugs.ts";
import { plant, THIS_RUNTIME } from "../support/planted_copy.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

if (THIS_RUNTIME === "node") {
  definePlantedTests(FAR_BUGS);
} else {
  for (const bug of FAR_BUGS) {
    test(`it can be planted that ${bug.name}`, () => {
      const source = readFileSync(new URL(`../../${bug.file}`, import.meta.url), "utf8");
      assert.is.not(plant(source, bug), source);
    });
  }
  test.run();
}
