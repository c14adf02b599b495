/**
 * A KN that works, until it has executed a number of requests: then it throws, or its thread just ends, in the middle of a step.
 *
 * @module
 */
import process from "node:process";
import { workerData } from "node:worker_threads";
import { KvsNode } from "../../../lib/node/kvs_node.ts";
import { type NodeStart, runNode } from "../../../lib/node/node_shell.ts";
import { openLog } from "../../../lib/persistence/open_log.ts";
import { Gate } from "../../../lib/pool/gate.ts";

/** Work after which it fails. */
const WORK_MAX = 500;

const { doWork } = KvsNode.prototype;
const { enter } = Gate.prototype;
let done = 0;
KvsNode.prototype.doWork = function (this: KvsNode): number {
  const work = doWork.call(this);
  done += work;
  return work;
};
Gate.prototype.enter = function (this: Gate): boolean {
  if (done >= WORK_MAX) {
    if (import.meta.url.includes("exit")) process.exit(3);
    throw new Error("planted failure");
  }
  return enter.call(this);
};

runNode(workerData as NodeStart, openLog);
