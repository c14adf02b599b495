/**
 * Opens a pool, and puts keys while it grows, until it is killed. Says how many it has put, and
 * what the pool has grown to.
 *
 * @module
 */
import { open } from "../../../mod.ts";
import { childArguments, say } from "../child.ts";

/** Keys that are put with each growth: fewer than it makes room for. */
const KEYS = 20;
const STEP_BYTES = 16 * 1024;

const { path, placement } = childArguments<{ path: string; placement: "near" | "far" }>();
const store = await open<string>({
  path,
  placement,
  capacityMax: "64MiB",
  checkpointBytes: "64KiB",
});
let capacity = store.stats().capacityBytes;
for (let count = 0;; count += KEYS) {
  const growing = store.grow(capacity + STEP_BYTES);
  for (let i = count; i < count + KEYS; i++) {
    await store.put(`grown ${i}`, `${i} `.padEnd(300, "x"));
  }
  capacity = await growing;
  say({ put: count + KEYS, capacity });
}
