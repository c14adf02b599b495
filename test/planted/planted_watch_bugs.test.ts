/**
 * The tests of watching are tested, see planted_trials.ts.
 *
 * @module
 */
import { WATCH_BUGS } from "../support/planted_watch_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(WATCH_BUGS, "bun");
