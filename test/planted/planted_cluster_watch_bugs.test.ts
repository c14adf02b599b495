/**
 * The tests of a cluster's watches are tested, see planted_trials.ts.
 *
 * @module
 */
import { CLUSTER_WATCH_BUGS } from "../support/planted_cluster_watch_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests(CLUSTER_WATCH_BUGS, "bun");
