/**
 * KNs that fail at any access of a step while they hold the cells of keys, whose writes are logged:
 * see ../support/sim_failover_tests.ts.
 *
 * @module
 */
import { runCellFailovers } from "../support/sim_failover_tests.ts";

runCellFailovers(true);
