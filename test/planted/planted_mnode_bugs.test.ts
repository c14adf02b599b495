/**
 * The tests of the M-node are tested, see planted_trials.ts.
 *
 * @module
 */
import { MNODE_BUGS } from "../support/planted_mnode_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(MNODE_BUGS, "node");
