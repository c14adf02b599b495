/**
 * A process that is a node of a cluster (see cluster_process.ts): a line on its standard input has
 * the options with which it opens the store, and the next one tells it to end.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { type ClusterOptions, open } from "../mod.ts";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
console.log("ready");
const { value: options, done = false } = await lines.next();
if (!done) {
  const store = await open({ cluster: JSON.parse(options) as ClusterOptions });
  console.log("open");
  await lines.next();
  await store.close();
}
process.stdin.destroy();
