/**
 * A KN that sleeps until it is woken, however long that takes.
 *
 * @module
 */
import { workerData } from "node:worker_threads";
import { type NodeStart, runNode } from "../../lib/node/node_shell.ts";
import { unboundWaits } from "./outcome_unbounded_waits.ts";

unboundWaits("node");
runNode(workerData as NodeStart);
