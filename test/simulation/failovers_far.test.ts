/**
 * KNs of far pools that fail at any access of a step, in memory: see
 * ../support/sim_failover_tests.ts.
 *
 * @module
 */
import { runFailovers } from "../support/sim_failover_tests.ts";

runFailovers(false, true);
