/**
 * KNs that fail at any access while they execute what other processes have asked for: see
 * ../support/sim_failover_tests.ts.
 *
 * @module
 */
import { runSessionFailovers } from "../support/sim_failover_tests.ts";

runSessionFailovers();
