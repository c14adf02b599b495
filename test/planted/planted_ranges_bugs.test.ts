/**
 * The tests of what is around the order of the keys are tested, see planted_trials.ts.
 *
 * @module
 */
import { definePlantedTests } from "../support/planted_trials.ts";
import { RANGES_BUGS } from "../support/planted_ranges_bugs.ts";

definePlantedTests(RANGES_BUGS, "bun");
