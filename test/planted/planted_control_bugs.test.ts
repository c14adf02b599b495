/**
 * Bugs in how the control stream of a cluster is kept short, which the tests that are there for it
 * must catch: see test/support/planted_trials.ts.
 *
 * @module
 */
import { CONTROL_BUGS } from "../support/planted_control_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(CONTROL_BUGS, "bun");
