/**
 * A thread that attaches to a store and works on it, until it is told to stop, dies, or is killed.
 *
 * @module
 */
import process from "node:process";
import { workerData } from "node:worker_threads";
import { Pool } from "../../../lib/pool/pool.ts";
import { checkHandle } from "../../../lib/store/parts/handle.ts";
import { attach, type StoreHandle } from "../../../mod.ts";
import { HistoryRecorder } from "../linearizability/history_recorder.ts";
import type { HistoryTape } from "../linearizability/history_tape.ts";
import { SharedClock } from "../linearizability/shared_clock.ts";
import { Random } from "../random.ts";
import { hookAtomics } from "../sim_atomics.ts";
import { ChaosClient } from "./chaos_client.ts";
import { cacheOption, type Workload } from "./chaos_settings.ts";
import { ClientOrderTaker, ClientPhase, type ClientWords } from "./client_orders.ts";
import type { SlowList } from "./slow_operations.ts";

/** What a thread is started with. */
export interface ClientThreadData {
  readonly handle: StoreHandle;
  readonly client: number;
  readonly seed: number;
  readonly workload: Workload;
  readonly tape: HistoryTape;
  readonly clockWord: Int32Array;
  readonly slow: SlowList;
  readonly traded: Int32Array;
  readonly words: ClientWords;
}

const data = workerData as ClientThreadData;
const store = await attach(data.handle, cacheOption(data.workload.cacheBytes));
const pool = Pool.attach(checkHandle(data.handle).pool);
const orders = new ClientOrderTaker(data.words, pool, () => process.exit(3));
hookAtomics({ onAccess: () => orders.onAccess() });
const client = new ChaosClient({
  ...data,
  store,
  pool,
  random: new Random(data.seed),
  recorder: new HistoryRecorder(data.tape, new SharedClock(data.clockWord)),
  isStopWanted: () => orders.isStopWanted,
  onTurn: () => orders.throwIfOrdered(),
});
orders.setPhase(ClientPhase.RUNNING);
try {
  await client.run();
  await store.close();
  orders.setPhase(ClientPhase.LEFT);
} catch (error) {
  orders.setPhase(ClientPhase.FAILED);
  throw error;
}
