/**
 * The tests of durability are tested, see planted_trials.ts.
 *
 * @module
 */
import { DURABILITY_BUGS } from "../support/planted_durability_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(DURABILITY_BUGS, "deno");
