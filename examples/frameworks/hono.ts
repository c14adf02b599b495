/**
 * Hono in several threads that share one store: each listens on a port of its own, 3000 and 3001,
 * for a load balancer in front of them. `serve` of `@hono/node-server` runs on Node, Bun and Deno.
 *
 * ```sh
 * npm install dinomo hono @hono/node-server
 * ```
 *
 * @module
 */
import { once } from "node:events";
import process from "node:process";
import { isMainThread, parentPort, threadId, Worker, workerData } from "node:worker_threads";
import { serve } from "@hono/node-server";
import { attach, open, type Store, type StoreHandle } from "dinomo";
import { Hono } from "hono";

const PORT = Number(process.env["PORT"] ?? 3000);
const THREADS = 2;

/** The application, on a store that it shares with other threads. */
function makeApp(store: Store<number>): Hono {
  const app = new Hono();
  app.get("/visits/:page", async (context) => {
    const visits = await store.increment(context.req.param("page"));
    return context.json({ visits, thread: threadId });
  });
  return app;
}

/** Opens the store, and starts the threads; a signal ends both. */
async function host(): Promise<void> {
  const store = await open<number>({ capacity: "64MiB" });
  const threads = Array.from({ length: THREADS }, (_, i) => {
    const start = { handle: store.share(), port: PORT + i };
    return new Worker(new URL(import.meta.url), { workerData: start });
  });
  const stop = async () => {
    for (const thread of threads) thread.postMessage("stop");
    await Promise.all(threads.map((thread) => once(thread, "exit")));
    await store.close();
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

/** Serves in one thread. */
async function thread({ handle, port }: { handle: StoreHandle; port: number }): Promise<void> {
  const store = await attach<number>(handle);
  const server = serve({ fetch: makeApp(store).fetch, port }, () => {
    console.log(`listening on http://localhost:${port}`);
  });

  await once(parentPort!, "message");
  server.close();
  await once(server, "close");
  await store.close();
}

await (isMainThread ? host() : thread(workerData));
