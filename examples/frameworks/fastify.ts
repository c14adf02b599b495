/**
 * Fastify in several threads that share one store: each listens on a port of its own, 3000 and
 * 3001, for a load balancer in front of them.
 *
 * ```sh
 * npm install dinomo fastify
 * ```
 *
 * @module
 */
import { once } from "node:events";
import process from "node:process";
import { isMainThread, parentPort, threadId, Worker, workerData } from "node:worker_threads";
import { attach, open, type StoreHandle } from "dinomo";
import fastify from "fastify";

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

/** Serves in one thread. */
async function serve({ handle, port }: { handle: StoreHandle; port: number }): Promise<void> {
  const store = await attach<number>(handle);
  const app = fastify();
  app.get<{ Params: { page: string } }>("/visits/:page", async ({ params }) => {
    return { visits: await store.increment(params.page), thread: threadId };
  });
  console.log(`listening on ${await app.listen({ port })}`);

  await once(parentPort!, "message");
  await app.close();
  await store.close();
}

await (isMainThread ? host() : serve(workerData));
