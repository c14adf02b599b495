/**
 * The tests of the limits of waits are tested, see planted_trials.ts.
 *
 * @module
 */
import { WAIT_BUGS } from "../support/planted_wait_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(WAIT_BUGS, "bun");
