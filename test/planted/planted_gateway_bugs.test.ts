/**
 * The tests of what processes send each other are tested, see planted_trials.ts.
 *
 * @module
 */
import { GATEWAY_BUGS } from "../support/planted_gateway_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(GATEWAY_BUGS, "bun");
