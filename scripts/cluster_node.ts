/**
 * A process that is a node of a cluster (see cluster_process.ts), until it is told to end.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { type ClusterOptions, open } from "../mod.ts";

const store = await open({ cluster: JSON.parse(process.argv[2]!) as ClusterOptions });
console.log("open");
for await (const _ of createInterface({ input: process.stdin })) break;
await store.close();
