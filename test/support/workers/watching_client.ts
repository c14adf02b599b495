/**
 * A thread that watches keys of a store and reports what it sees; see
 * test/api/watching_threads.test.ts.
 *
 * @module
 */
import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { attach, type StoreHandle } from "../../../mod.ts";

/** What a thread is started with. */
export interface WatchingOrder {
  readonly handle: StoreHandle;
  readonly keys: readonly string[];
  /** Value of the first key at which it ends, if it ends by itself. */
  readonly endsAt?: number;
  /** What it does then: ends the loop and closes the store, or lets the thread end at once. */
  readonly how?: "close" | "exit";
}

/** What a thread reports. */
export type WatchingReport =
  | { readonly kind: "item"; readonly values: readonly unknown[] }
  | { readonly kind: "error"; readonly code: string | undefined };

const order = workerData as WatchingOrder;
const store = await attach<number>(order.handle);

function report(what: WatchingReport): void {
  parentPort!.postMessage(what);
}

try {
  for await (const entries of store.watch(order.keys, { keepAlive: true })) {
    report({ kind: "item", values: entries.map((entry) => entry?.value) });
    if (order.endsAt === undefined || entries[0]?.value !== order.endsAt) continue;
    // A message to the host is delivered before a thread ends by itself.
    if (order.how === "exit") setTimeout(() => process.exit(0), 20);
    else break;
  }
  await store.close();
} catch (error) {
  report({ kind: "error", code: (error as { code?: string }).code });
}
