/**
 * Scales a store and writes a checkpoint and a snapshot, for the trace of it; with the argument
 * `fail` it ends with a KN that fails.
 *
 * @module
 */
import process from "node:process";
import { open } from "../../../mod.ts";
import { temporaryPath } from "../temporary.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const FAILING_KN = new URL(`../workers/failing_kn.${EXTENSION}`, import.meta.url);

const store = await open({
  path: temporaryPath(),
  capacity: "1MiB",
  segmentBytes: "16KiB",
  nodes: 2,
});
const value = "x".repeat(1000);
for (let i = 0; i < 3000; i++) store.putSync(`k${i % 300}`, value);
// Whoever waits for that waits for the new thread.
await store.scale(3);
await store.scale(1);
await store.snapshot();
await store.close();

const snapshots = await open({ path: temporaryPath(), capacity: "1MiB", durability: "memory" });
await snapshots.snapshot();
await snapshots.close();

if (process.argv[2] === "fail") {
  const failing = await open({ capacity: "1MiB", help: false, workers: { node: FAILING_KN } });
  // It would go on until KNs have failed again and again.
  failing.addEventListener("nodefailed", () => process.exit(0));
  await failing.put("a", 1);
}
