/**
 * The tests of reads of many keys at one moment are tested, see planted_trials.ts.
 *
 * @module
 */
import { MOMENT_BUGS } from "../support/planted_moment_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(MOMENT_BUGS, "bun");
