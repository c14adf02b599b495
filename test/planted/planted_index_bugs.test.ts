/**
 * Bugs in the index of a cluster, which the tests that are there for it must catch: see
 * test/support/planted_trials.ts.
 *
 * @module
 */
import { INDEX_BUGS } from "../support/planted_index_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(INDEX_BUGS, "bun");
