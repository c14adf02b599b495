/**
 * `Bun.serve` in several threads that share one store, and on Linux one port: the operating system
 * deals the connections out.
 *
 * ```sh
 * bun add dinomo
 * ```
 *
 * @module
 */
import { once } from "node:events";
import process from "node:process";
import { isMainThread, parentPort, threadId, Worker, workerData } from "node:worker_threads";
import { attach, open, type StoreHandle } from "dinomo";

/** What is used of Bun; `@types/bun` has all of it. */
declare const Bun: {
  serve(options: {
    port: number;
    reusePort: boolean;
    fetch(request: Request): Promise<Response>;
  }): { readonly url: URL; stop(): Promise<void> };
};

const PORT = Number(process.env["PORT"] ?? 3000);
const THREADS = 2;

/** Opens the store, and starts the threads; a signal ends both. */
async function host(): Promise<void> {
  const store = await open<number>({ capacity: "64MiB" });
  const threads = Array.from({ length: THREADS }, () => {
    return new Worker(new URL(import.meta.url), { workerData: store.share() });
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
async function serve(handle: StoreHandle): Promise<void> {
  const store = await attach<number>(handle);
  const server = Bun.serve({
    port: PORT,
    reusePort: true,
    async fetch(request) {
      const page = new URL(request.url).pathname.replace("/visits/", "");
      return Response.json({ visits: await store.increment(page), thread: threadId });
    },
  });
  console.log(`listening on ${server.url}`);

  await once(parentPort!, "message");
  await server.stop();
  await store.close();
}

await (isMainThread ? host() : serve(workerData));
