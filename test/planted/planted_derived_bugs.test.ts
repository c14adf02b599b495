/**
 * The tests of derived records are tested, see planted_trials.ts.
 *
 * @module
 */
import { DERIVED_BUGS } from "../support/planted_derived_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(DERIVED_BUGS, "bun");
