/**
 * The tests of calls between processes are tested, see planted_trials.ts.
 *
 * @module
 */
import { CALL_BUGS } from "../support/planted_call_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(CALL_BUGS, "bun");
