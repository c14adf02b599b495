/**
 * The tests of turns of the event loop, and of the counts of keys, are tested, see
 * planted_trials.ts.
 *
 * @module
 */
import { TURN_BUGS } from "../support/planted_turn_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(TURN_BUGS, "bun");
