/**
 * The tests of cleaning are tested, see planted_trials.ts.
 *
 * @module
 */
import { SPACE_BUGS } from "../support/planted_space_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(SPACE_BUGS, "bun");
