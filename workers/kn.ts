/**
 * The worker module of a KN.
 *
 * @module
 */
import { workerData } from "node:worker_threads";
import { type NodeStart, runNode } from "../lib/node/node_shell.ts";

runNode(workerData as NodeStart);
