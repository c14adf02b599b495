/**
 * The tests of how stores are opened are tested, see planted_trials.ts.
 *
 * @module
 */
import { OPENING_BUGS } from "../support/planted_opening_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(OPENING_BUGS, "node");
