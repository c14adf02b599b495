/**
 * The tests of how threads are started are tested, see planted_trials.ts.
 *
 * @module
 */
import { START_BUGS } from "../support/planted_start_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(START_BUGS, "node");
