/**
 * The tests of what threads and nodes of a cluster send each other are tested, see
 * planted_trials.ts.
 *
 * @module
 */
import { CLUSTER_CARRIER_BUGS } from "../support/planted_cluster_carrier_bugs.ts";
import { NEAR_BUGS } from "../support/planted_near_bugs.ts";
import { STREAM_BUGS } from "../support/planted_stream_bugs.ts";
import { definePlantedTests } from "../support/planted_trials.ts";

definePlantedTests([...CLUSTER_CARRIER_BUGS, ...STREAM_BUGS, ...NEAR_BUGS], "bun");
