/**
 * The workers of this thread's KNs, so that they can be terminated from outside.
 *
 * The library keeps them to itself. Where a runtime lets its own modules be changed (Node does),
 * what it makes its workers with can be watched. On Deno a terminated worker runs on, so that would
 * be no death.
 *
 * @module
 */
import { syncBuiltinESMExports } from "node:module";
import workerThreads, { Worker, type WorkerOptions } from "node:worker_threads";
import type { NodeStart } from "../../lib/node/node_shell.ts";

/** Workers by the agent blocks of their KNs. */
const workers = new Map<number, Worker>();

class WatchedWorker extends Worker {
  constructor(url: string | URL, options?: WorkerOptions) {
    super(url, options);
    const { agent } = (options?.workerData ?? {}) as Partial<NodeStart>;
    if (agent !== undefined) workers.set(agent, this);
  }
}

/** Watches workers that are made from now on. */
export function watchWorkers(): void {
  workerThreads.Worker = WatchedWorker;
  syncBuiltinESMExports();
}

/** Terminates the thread of a KN; false if that cannot be done here. */
export function terminateNode(agent: number): boolean {
  const worker = workers.get(agent);
  workers.delete(agent);
  void worker?.terminate();
  return worker !== undefined;
}

/** Makes workers unwatched again. */
export function unwatchWorkers(): void {
  workers.clear();
  workerThreads.Worker = Worker;
  syncBuiltinESMExports();
}
