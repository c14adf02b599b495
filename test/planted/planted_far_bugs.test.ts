/**
 * The tests of the far placement are tested, see planted_trials.ts.
 *
 * @module
 */
import { FAR_BUGS } from "../support/planted_far_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(FAR_BUGS, "bun");
