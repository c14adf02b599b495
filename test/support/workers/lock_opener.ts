/**
 * A thread that opens the pool at a path, or takes its lock and ends without releasing it; says how
 * that went.
 *
 * @module
 */
import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { open } from "../../../mod.ts";
import { PoolLock } from "../../../lib/persistence/pool_lock.ts";

/** What to do. */
export interface LockOpening {
  readonly path: string;
  readonly mode: "open" | "leave";
}

const { path, mode } = workerData as LockOpening;
try {
  if (mode === "leave") await PoolLock.acquire(path);
  else await (await open({ path })).close();
  parentPort!.postMessage("done");
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  parentPort!.postMessage(`${code}: ${message}`);
}
// Nothing keeps this thread, on any runtime.
process.exit(0);
