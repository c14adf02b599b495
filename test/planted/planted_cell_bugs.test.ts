/**
 * The tests of selective replication are tested, see planted_trials.ts.
 *
 * @module
 */
import { CELL_BUGS } from "../support/planted_cell_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(CELL_BUGS, "bun");
