/**
 * KNs that fail at any access of an atomic commit, in a pool in memory: see
 * ../support/sim_failover_tests.ts.
 *
 * @module
 */
import { runCommitFailovers } from "../support/sim_failover_tests.ts";

runCommitFailovers(false);
