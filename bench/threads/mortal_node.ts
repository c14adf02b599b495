/**
 * A KN that dies in the middle of a step when it is told to: see kill_board.ts.
 *
 * The library reaches `Atomics` through the global object, so an unmodified KN can be made to die
 * at any atomic access.
 *
 * @module
 */
import process from "node:process";
import { workerData } from "node:worker_threads";
import { Executor } from "../../lib/agent/executor.ts";
import type { NodeStart } from "../../lib/node/node_shell.ts";
import { AGENT_EXECUTOR } from "../../lib/pool/control_layout.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { exitForGood } from "../../scripts/exit_for_good.ts";
import { Death, KillBoard } from "./kill_board.ts";

const HOOKED = ["load", "store", "add", "sub", "exchange", "compareExchange"] as const;

type Access = (array: Int32Array, index: number, a?: number, b?: number) => number;

const start = workerData as NodeStart;
const pool = Pool.attach(start.pool);
const board = new KillBoard(start.pool);
const executorAt = pool.agentAt(start.agent) + AGENT_EXECUTOR;

function dieIfOrdered(): void {
  // Only in a step: a KN that dies between two of them leaves nothing to repair.
  if (pool.control[executorAt] !== Executor.OWN_THREAD) return;
  const death = board.takeOrder(start.agent);
  if (death === Death.THROW) throw new Error("killed");
  if (death === Death.EXIT) exitForGood(() => exit(3));
}

const exit: (code: number) => void = process.exit;
const table = Atomics as unknown as Record<string, Access>;
for (const name of HOOKED) {
  const access = table[name];
  table[name] = (array, index, a, b) => {
    dieIfOrdered();
    return access(array, index, a, b);
  };
}

await import("../../workers/kn.ts");
