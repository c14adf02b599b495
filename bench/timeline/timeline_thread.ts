/**
 * An attached thread under load on a timeline.
 *
 * @module
 */
import { workerData } from "node:worker_threads";
import { attach, type StoreHandle } from "../../mod.ts";
import { serve } from "../threads/served_thread.ts";
import { TimelineLoad } from "./timeline_load.ts";
import { type WindowBoardHandle, WindowCounter } from "./window_board.ts";

export interface TimelineThreadData {
  handle: StoreHandle;
  thread: number;
  /** See `createHeatWord`. */
  heat: Int32Array;
}

const { handle, thread, heat } = workerData as TimelineThreadData;
const store = await attach<Uint8Array>(handle, { keepAlive: true });
let load: TimelineLoad | undefined;

serve({
  beginLoad: (board: WindowBoardHandle) => {
    load = new TimelineLoad(store, new WindowCounter(board, thread), thread, heat);
  },
  endLoad: () => load!.end(),
  end: async () => {
    await load?.end();
    await store.close();
  },
});
