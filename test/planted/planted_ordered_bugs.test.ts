/**
 * The tests of the ordered index are tested, see planted_trials.ts.
 *
 * @module
 */
import { ORDERED_BUGS } from "../support/planted_ordered_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(ORDERED_BUGS, "bun");
