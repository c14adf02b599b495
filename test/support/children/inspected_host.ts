/**
 * Has a pool open that commands may reach, and writes to it, until it is killed or told to close.
 *
 * @module
 */
import { open, type OpenOptions } from "../../../mod.ts";
import { sleepSync } from "../../../lib/platform/sleep_sync.ts";
import { childArguments, heard, say } from "../child.ts";

/** What the host does. */
export interface InspectedHost {
  readonly path: string;
  readonly inspect?: OpenOptions["inspect"];
  readonly processes?: boolean;
  /** Whether it has nothing more to do once its store is filled. */
  readonly isIdle?: boolean;
}

const { path, inspect, processes, isIdle = false } = childArguments<InspectedHost>();
const store = await open<unknown>({
  path,
  inspect,
  processes,
  capacity: "4MiB",
  keys: "mixed",
  statistics: true,
});
await store.put("user:1", { name: "Ada", born: new Date(-4_842_288_000_000) });
await store.put("user:2", { name: "Eve" });
await store.put(Uint8Array.of(255), 1n);
say("ready");
if (!isIdle) await work();

async function work(): Promise<void> {
  for await (const word of heard<string>()) {
    if (word === "block") block();
    // Whatever else is said: the next state.
    else await store.increment("count");
  }
  await store.close();
  say("closed");
}

/** Does nothing else until another process has put a key. */
function block(): void {
  say("blocked");
  while (store.getSync("go on") === undefined) sleepSync(1);
  say("goes on");
}
