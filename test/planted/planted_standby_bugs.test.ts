/**
 * The tests of pools that are restored ahead are tested, see planted_trials.ts.
 *
 * @module
 */
import { STANDBY_BUGS } from "../support/planted_standby_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(STANDBY_BUGS, "node");
