/**
 * KNs fail at any access while a watcher sleeps: see sim_failover_tests.ts.
 *
 * @module
 */
import { runWatchedFailovers } from "../support/sim_failover_tests.ts";

runWatchedFailovers();
