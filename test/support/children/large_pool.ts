/**
 * Opens a pool with a large capacity, uses little of it, and says how much memory that took.
 *
 * @module
 */
import process from "node:process";
import { type Bytes, open } from "../../../mod.ts";
import { childArguments, say } from "../child.ts";

const MIB = 2 ** 20;
const { capacity, segmentBytes } = childArguments<{ capacity: Bytes; segmentBytes: Bytes }>();

const before = process.memoryUsage().rss;
const store = await open({ capacity, segmentBytes, codec: "binary", nodes: 4, prefault: false });
const opened = process.memoryUsage().rss;
for (let i = 0; i < 5000; i++) void store.put(`key ${i}`, new Uint8Array(100).fill(i));
await store.flush();
let wrong = 0;
for (let i = 0; i < 5000; i++) if (store.getSync(`key ${i}`)?.[99] !== (i & 0xff)) wrong += 1;
await store.scale(2);
await store.put("after", new Uint8Array(1));
const { capacityBytes, count } = store.stats();
const used = process.memoryUsage().rss;
say({
  wrong,
  count,
  capacityBytes,
  openMiB: (opened - before) / MIB,
  usedMiB: (used - before) / MIB,
});
await store.close();
