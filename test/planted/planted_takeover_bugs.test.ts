/**
 * The tests of takeovers are tested, see planted_trials.ts.
 *
 * @module
 */
import { TAKEOVER_BUGS } from "../support/planted_takeover_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(TAKEOVER_BUGS, "bun");
