/**
 * The tests of the caches are tested, see planted_trials.ts.
 *
 * @module
 */
import { CACHE_BUGS } from "../support/planted_cache_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(CACHE_BUGS, "bun");
