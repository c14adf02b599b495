/**
 * The tests of a pool that evicts are tested, see planted_trials.ts.
 *
 * @module
 */
import { EVICTION_BUGS } from "../support/planted_eviction_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(EVICTION_BUGS, "bun");
