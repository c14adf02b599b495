/**
 * Scales a store and writes a checkpoint, for the trace of it.
 *
 * @module
 */
import { open } from "../../../mod.ts";
import { temporaryPath } from "../temporary.ts";

const store = await open({
  path: temporaryPath(),
  capacity: "1MiB",
  segmentBytes: "16KiB",
  nodes: 2,
});
const value = "x".repeat(1000);
for (let i = 0; i < 3000; i++) store.putSync(`k${i % 300}`, value);
await store.scale(1);
await store.snapshot();
await store.close();
