/**
 * The tests of what a host knows of other processes' requests are tested, see planted_trials.ts.
 *
 * @module
 */
import { LEDGER_BUGS } from "../support/planted_ledger_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(LEDGER_BUGS, "bun");
