/**
 * A KN that throws as soon as it has something to do.
 *
 * @module
 */
import { workerData } from "node:worker_threads";
import { type NodeStart, runNode } from "../../../lib/node/node_shell.ts";
import { makeFarNode } from "../../../lib/far/node/far_start.ts";
import { openLog } from "../../../lib/persistence/open_log.ts";
import { KvsNode } from "../../../lib/node/kvs_node.ts";

KvsNode.prototype.doWork = function (this: KvsNode): number {
  if (this.hasRequest()) throw new Error("planted failure");
  return 0;
};

runNode(workerData as NodeStart, { openLog, makeFarNode });
