/**
 * The tests of loads of missing values are tested, see planted_trials.ts.
 *
 * @module
 */
import { LOAD_BUGS } from "../support/planted_load_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(LOAD_BUGS, "bun");
