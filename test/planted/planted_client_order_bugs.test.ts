/**
 * The tests of the order of a client's requests are tested, see planted_trials.ts.
 *
 * @module
 */
import { CLIENT_ORDER_BUGS } from "../support/planted_client_order_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(CLIENT_ORDER_BUGS, "bun");
