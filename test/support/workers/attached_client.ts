/**
 * A thread that attaches to a store and does what it is told, by messages; see
 * ../attached_thread.ts.
 *
 * @module
 */
import { exitForGood } from "../../../scripts/exit_for_good.ts";
import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { attach, DinomoError, type Store, type StoreHandle } from "../../../mod.ts";
import { sleepSync } from "../../../lib/platform/sleep_sync.ts";
import { Executor } from "../../../lib/agent/executor.ts";
import { AGENT_EXECUTOR } from "../../../lib/pool/control_layout.ts";
import { Pool } from "../../../lib/pool/pool.ts";
import { checkHandle } from "../../../lib/store/parts/handle.ts";
import { hookAtomics } from "../sim_atomics.ts";
import type { ThreadOrder } from "../attached_thread.ts";

const port = parentPort!;
let store: Store<unknown> | undefined;
let handle: StoreHandle | undefined;

/** Lets something happen to this thread at an atomic access in a step that it executes for a KN. */
function whileHelping(accesses: number, happen: () => void): void {
  const pool = Pool.attach(checkHandle(handle!).pool);
  let left = accesses;
  hookAtomics({
    onAccess: () => {
      const isHelping = Array.from({ length: 4 }, (_, agent) => agent).some((agent) =>
        pool.control[pool.agentAt(agent) + AGENT_EXECUTOR]! > Executor.OWN_THREAD
      );
      if (isHelping && --left === 0) happen();
    },
  });
}

async function obey(order: ThreadOrder): Promise<unknown> {
  switch (order.kind) {
    case "attach":
      handle = order.handle;
      store = await attach(order.handle);
      return;
    case "call": {
      const target = store as unknown as Record<string, (...args: unknown[]) => unknown>;
      return await target[order.method]!(...order.args);
    }
    case "leave":
      for (let i = 0; i < order.unanswered; i++) store!.put(`unanswered ${i}`, i).catch(() => {});
      if (order.how === "throw") throw new Error("planted failure");
      return process.exit(5);
    case "die-helping":
      return whileHelping(order.accesses, () => exitForGood(() => process.exit(7)));
    case "stall-helping":
      return whileHelping(order.accesses, () => sleepSync(order.durationMs));
    case "loop":
      for (;;) store!.putSync("looping", 1);
  }
}

port.on("message", async (order: ThreadOrder) => {
  try {
    const result = await obey(order);
    port.postMessage({ number: order.number, result });
  } catch (error) {
    if (order.kind === "leave") {
      // Outside of this promise, so that it ends the thread.
      setTimeout(() => {
        throw error;
      });
      return;
    }
    const code = error instanceof DinomoError ? error.code : undefined;
    port.postMessage({ number: order.number, error: String(error), code });
  }
});

const { handle: given } = workerData as { handle?: StoreHandle };
if (given !== undefined) await obey({ kind: "attach", number: 0, handle: given });
port.postMessage({ number: 0, result: undefined });
