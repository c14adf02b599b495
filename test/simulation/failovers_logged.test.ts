/**
 * KNs that fail at any access of a step, in a pool whose writes are logged: see
 * ../support/sim_failover_tests.ts.
 *
 * @module
 */
import { runFailovers } from "../support/sim_failover_tests.ts";

runFailovers(true);
