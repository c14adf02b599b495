/**
 * One of the threads that serve: attaches to the host's store, listens, and ends when the host says
 * so.
 *
 * @module
 */
import { once } from "node:events";
import { parentPort, workerData } from "node:worker_threads";
import { attach, type StoreHandle } from "dinomo";
import { makeHandler, type Stored } from "./app.ts";
import type { Platform } from "./main.ts";

/** What a thread is started with. */
export interface ThreadStart {
  readonly handle: StoreHandle;
  readonly thread: number;
  readonly hostname: string;
  readonly port: number;
}

/** What the host tells a thread: to end in an orderly way, or, for the demonstration, not so. */
export type Order = "stop" | "crash";

/** Serves. */
export async function serve(platform: Platform): Promise<void> {
  const { handle, thread, hostname, port } = workerData as ThreadStart;
  const store = await attach<Stored>(handle);
  const listener = await platform.listen(hostname, port, makeHandler(store, thread));
  parentPort!.postMessage(listener.port);
  const [order] = await once(parentPort!, "message") as [Order];
  if (order === "crash") throw new Error("a bug");
  await listener.close();
  await store.close();
}
