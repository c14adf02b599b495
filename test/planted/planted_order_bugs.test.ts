/**
 * The tests of order and of nested calls are tested, see planted_trials.ts.
 *
 * @module
 */
import { ORDER_BUGS } from "../support/planted_order_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(ORDER_BUGS, "bun");
