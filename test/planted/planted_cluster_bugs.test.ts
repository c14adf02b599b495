/**
 * Bugs in the protocol of a cluster, which the tests that are there for it must catch: see
 * test/support/planted_trials.ts.
 *
 * @module
 */
import { CLUSTER_BUGS, CLUSTER_REQUEST_BUGS } from "../support/planted_cluster_bugs.ts";
import { CLUSTER_LOAD_BUGS } from "../support/planted_cluster_load_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests([...CLUSTER_BUGS, ...CLUSTER_REQUEST_BUGS, ...CLUSTER_LOAD_BUGS], "bun");
