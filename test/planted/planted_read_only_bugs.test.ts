/**
 * The tests of stores that are read only are tested, see planted_trials.ts.
 *
 * @module
 */
import { READ_ONLY_BUGS } from "../support/planted_read_only_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(READ_ONLY_BUGS, "node");
