/**
 * The tests of failovers are tested, see planted_trials.ts.
 *
 * @module
 */
import { FAILOVER_BUGS } from "../support/planted_failover_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(FAILOVER_BUGS, "bun");
