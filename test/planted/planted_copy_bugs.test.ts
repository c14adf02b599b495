/**
 * The tests of copies of a cluster, and of what fills a store, are tested, see planted_trials.ts.
 *
 * @module
 */
import { COPY_BUGS } from "../support/planted_copy_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(COPY_BUGS, "bun");
