/**
 * An attached thread under load while KNs are killed.
 *
 * @module
 */
import { checkHandle } from "../../lib/store/parts/handle.ts";
import { workerData } from "node:worker_threads";
import { attach } from "../../mod.ts";
import { CountingLoad } from "./counting_load.ts";
import type { FailoverThreadData } from "./failover.ts";
import { KillBoard } from "./kill_board.ts";
import { serve } from "./served_thread.ts";

const { handle, name } = workerData as FailoverThreadData;
const store = await attach<number>(handle, { keepAlive: true });
const load = new CountingLoad(store, new KillBoard(checkHandle(handle).pool), name);

serve({
  settled: () => load.settled(),
  endLoad: () => load.end(),
  end: async () => {
    await load.end();
    await store.close();
  },
});
