/**
 * A KN that throws as soon as it has something to do.
 *
 * @module
 */
import { KvsNode } from "../../../lib/node/kvs_node.ts";

KvsNode.prototype.doWork = function (this: KvsNode): number {
  if (this.hasRequest()) throw new Error("planted failure");
  return 0;
};

await import("../../../workers/kn.ts");
