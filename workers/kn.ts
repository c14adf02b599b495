/**
 * The worker module of a KN.
 *
 * @module
 */
import { workerData } from "node:worker_threads";
import type { NodeStart } from "../lib/node/node_shell.ts";
import { stopsAtOnce } from "../lib/node/early_stop.ts";

const start = workerData as NodeStart;
if (!stopsAtOnce(start)) await run();

async function run(): Promise<void> {
  const { runNode } = await import("../lib/node/node_shell.ts");
  const isLogged = start.log !== undefined;
  const log = isLogged ? await import("../lib/persistence/open_log.ts") : undefined;
  const far = start.far === undefined ? undefined : await import("../lib/far/node/far_start.ts");
  runNode(start, { openLog: log?.openLog, makeFarNode: far?.makeFarNode });
}
