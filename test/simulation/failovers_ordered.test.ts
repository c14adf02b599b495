/**
 * KNs that fail at any access of a step, in pools that know the order of their keys: see
 * ../support/sim_failover_tests.ts.
 *
 * @module
 */
import { runOrderedFailovers } from "../support/sim_failover_tests.ts";

runOrderedFailovers();
