/**
 * `Deno.serve` in several threads that share one store: each listens on a port of its own, 3000 and
 * 3001, for a load balancer in front of them.
 *
 * ```sh
 * deno add npm:dinomo
 * ```
 *
 * (With `--unstable-net` and the option `reusePort` they can share one port.)
 *
 * @module
 */
import { once } from "node:events";
import process from "node:process";
import { isMainThread, parentPort, threadId, Worker, workerData } from "node:worker_threads";
import { attach, open, type StoreHandle } from "dinomo";

/** What is used of Deno, for editors that do not know it. */
declare const Deno: {
  serve(
    options: { port: number },
    handler: (request: Request) => Promise<Response>,
  ): { shutdown(): Promise<void> };
};

const PORT = Number(process.env["PORT"] ?? 3000);
const THREADS = 2;

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

/** Serves in one thread; Deno says itself where it listens. */
async function serve({ handle, port }: { handle: StoreHandle; port: number }): Promise<void> {
  const store = await attach<number>(handle);
  const server = Deno.serve({ port }, async (request) => {
    const page = new URL(request.url).pathname.replace("/visits/", "");
    return Response.json({ visits: await store.increment(page), thread: threadId });
  });

  await once(parentPort!, "message");
  await server.shutdown();
  await store.close();
}

await (isMainThread ? host() : serve(workerData));
