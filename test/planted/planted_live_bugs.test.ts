/**
 * The tests of what other processes see of an open store are tested, see planted_trials.ts.
 *
 * @module
 */
import { LIVE_BUGS } from "../support/planted_live_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(LIVE_BUGS, "bun");
