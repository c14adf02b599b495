/**
 * KNs of far pools that fail at any access of a step, where writes are logged in files: see
 * ../support/sim_failover_tests.ts.
 *
 * @module
 */
import { runFailovers } from "../support/sim_failover_tests.ts";

runFailovers(true, true);
