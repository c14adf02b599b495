/**
 * The tests of what processes send each other are tested, see planted_trials.ts.
 *
 * @module
 */
import { LINE_BUGS } from "../support/planted_line_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(LINE_BUGS, "bun");
