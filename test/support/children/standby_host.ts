/**
 * A process that has a pool open, and puts one key after the other until it is killed.
 *
 * @module
 */
import { open } from "../../../mod.ts";
import { childArguments, say } from "../child.ts";

const { path } = childArguments<{ path: string }>();
const store = await open<number>({ path, capacity: "4MiB", segmentBytes: "16KiB" });
for (let i = 0; i < 500; i++) await store.put(`key ${i}`, i);
say("ready");
for (let i = 0;; i++) {
  await store.put("last", i);
  say(i);
  await new Promise((resolve) => setTimeout(resolve, 1));
}
