/**
 * A typed store with a directory: write, read, change, expire, iterate, close, and find everything
 * again.
 *
 * ```sh
 * bun examples/basics.ts
 * deno run -A examples/basics.ts
 * npm run build && node dist/examples/basics.js
 * ```
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { open } from "dinomo";

interface User {
  name: string;
  visits: number;
}

const path = mkdtempSync(join(tmpdir(), "dinomo-basics-"));

{
  await using store = await open<User>({ path, capacity: "64MiB" });

  // Writes are routed to the thread that owns the key. Awaited or not, they apply in the order in
  // which they were issued.
  await store.put("user:ada", { name: "Ada", visits: 1 });
  await store.putMany([
    ["user:grace", { name: "Grace", visits: 7 }],
    ["user:edsger", { name: "Edsger", visits: 3 }],
  ]);

  // Reads need no other thread, so they can be synchronous.
  console.log("ada:", store.getSync("user:ada")?.visits);

  // Atomic changes: by a function, or by hand with a version.
  await store.update("user:ada", (user) => ({ ...user!, visits: user!.visits + 1 }));
  const entry = await store.getEntry("user:ada");
  const changed = { name: "Ada", visits: 9 };
  const version = await store.compareAndSet("user:ada", entry!.version, changed);
  const refused = await store.compareAndSet("user:ada", entry!.version, entry!.value);
  console.log("compareAndSet:", version! > entry!.version, refused);

  // A key that goes away by itself.
  await store.put("session:1", { name: "Ada", visits: 0 }, { ttl: 20 });
  await delay(40);
  console.log("session:", store.getSync("session:1"));

  const names: string[] = [];
  for await (const [, user] of store.entries({ prefix: "user:" })) names.push(user.name);
  console.log("users:", names.sort().join(", "));

  await store.delete("user:edsger");
} // closes the store, which writes a snapshot to the directory

{
  await using store = await open<User>({ path });
  const [ada, edsger] = await store.getMany(["user:ada", "user:edsger"]);
  console.log("after reopening:", ada?.visits, edsger);
}

rmSync(path, { recursive: true });
