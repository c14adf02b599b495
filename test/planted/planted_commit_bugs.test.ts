/**
 * The tests of atomic commits and transactions are tested, see planted_trials.ts.
 *
 * @module
 */
import { COMMIT_BUGS } from "../support/planted_commit_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(COMMIT_BUGS, "bun");
