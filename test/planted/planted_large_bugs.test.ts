/**
 * Bugs with large values of a cluster, which the tests that are there for them must catch: see
 * test/support/planted_trials.ts.
 *
 * @module
 */
import { LARGE_BUGS } from "../support/planted_large_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(LARGE_BUGS, "bun");
