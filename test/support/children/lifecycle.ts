/**
 * Opens a store and leaves it in some state, to see what that means for the process.
 *
 * @module
 */
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { open } from "../../../mod.ts";
import { childArguments, say } from "../child.ts";

/** What to do. */
export type LifecycleMode =
  | "idle"
  | "keepAlive"
  | "pending"
  | "pendingLarge"
  | "scaled"
  | "cpu"
  | "watching"
  | "watchingAlive";

const { mode } = childArguments<{ mode: LifecycleMode }>();
const store = await open<unknown>({
  capacity: "64MiB",
  segmentBytes: "2MiB",
  nodes: mode === "cpu" ? 2 : 1,
  keepAlive: mode === "keepAlive",
});
await store.put("a", 1);
say("open");

switch (mode) {
  case "idle":
  case "keepAlive":
    break;
  case "pending":
    for (let i = 0; i < 2000; i++) {
      void store.put(`key ${i % 100}`, i).then(() => i === 1999 && say(store.getSync("key 99")));
    }
    break;
  case "pendingLarge":
    void store.put("large", new Uint8Array(2 ** 20)).then(async () => {
      say((await store.get("large") as Uint8Array).length);
      void store.update("a", (old) => (old as number) + 1).then(say);
    });
    break;
  case "scaled":
    await store.scale(3);
    await store.scale(2);
    await store.put("b", 2);
    break;
  case "watching":
  case "watchingAlive": {
    const keepAlive = mode === "watchingAlive";
    const watch = store.watch(["a"], { keepAlive });
    await watch.next();
    if (!keepAlive) {
      const changes = store.watch({ prefix: "" });
      await changes.next();
      void changes.next();
    }
    say("watching");
    void watch.next().then(async () => {
      say("told");
      await watch.return!();
      say("ended");
    });
    // Something else that lets the process end meanwhile, which takes a while on a busy machine.
    setTimeout(keepAlive ? 300 : 10_000, undefined, { ref: false }).then(() => store.put("a", 2));
    break;
  }
  case "cpu": {
    const watch = store.watch(["a"]);
    await watch.next();
    void watch.next();
    // On a busy machine its threads, and the runtime's compiler, take a while until they are done.
    let least = Infinity;
    for (let second = 0; second < 4; second++) {
      const before = process.cpuUsage();
      await setTimeout(1000);
      const { user, system } = process.cpuUsage(before);
      least = Math.min(least, (user + system) / 1e6);
    }
    say(least);
  }
}
