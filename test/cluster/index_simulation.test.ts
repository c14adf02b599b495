/**
 * Nodes that keep their index in the engine, over a simulated one, in simulated time, with
 * everything that goes wrong in the simulation of clusters: pages and caches are tiny, checkpoints
 * are written and streams are cleaned and purged all the time. What clients see is linearizable,
 * and when it is over every key is served.
 *
 * @module
 */
import { test } from "uvu";
import { defineWorldTests } from "../support/cluster/check_runs.ts";
import { INDEX_WORLDS } from "../support/cluster/sim_worlds.ts";

defineWorldTests(INDEX_WORLDS);

test.run();
