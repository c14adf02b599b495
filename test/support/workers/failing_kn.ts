/**
 * A KN that works, until it has executed a number of requests: then it throws, or its thread just ends.
 *
 * @module
 */
import process from "node:process";
import { workerData } from "node:worker_threads";
import { KvsNode } from "../../../lib/node/kvs_node.ts";
import { type NodeStart, runNode } from "../../../lib/node/node_shell.ts";

/** Work after which it fails. */
const WORK_MAX = 500;

const doWork = KvsNode.prototype.doWork;
let done = 0;
KvsNode.prototype.doWork = function (this: KvsNode): number {
  if (done >= WORK_MAX) {
    if (import.meta.url.includes("exit")) process.exit(3);
    throw new Error("planted failure");
  }
  const work = doWork.call(this);
  done += work;
  return work;
};

runNode(workerData as NodeStart);
