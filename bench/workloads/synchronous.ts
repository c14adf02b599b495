/**
 * `putSync` and `getSync`, one after the other: what code that cannot await uses.
 *
 * @module
 */
import { CLOCK_STRIDE, operationsPerSecond, type Pass } from "../measure/repetition.ts";
import { missingRecord, type Workload, type WorkloadContext } from "./workload.ts";

export const synchronousWorkloads: readonly Workload[] = [
  createWorkload("put-sync", "putSync", putSyncThroughput),
  createWorkload("get-sync", "getSync", getSyncThroughput),
];

function createWorkload(
  id: string,
  title: string,
  throughputPass: (context: WorkloadContext, durationMs: number) => Pass,
): Workload {
  return {
    id,
    title,
    needsSync: true,
    run: (context, durationMs) =>
      Promise.resolve({
        operationsPerSecond: operationsPerSecond(throughputPass(context, durationMs)),
      }),
  };
}

function putSyncThroughput(context: WorkloadContext, durationMs: number): Pass {
  const { keys, values } = context;
  const store = context.store as Required<typeof context.store>;
  const keyMask = keys.length - 1;
  const valueMask = values.length - 1;
  let cursor = context.cursor;
  let elapsedMs = 0;
  const startMs = performance.now();
  while (elapsedMs < durationMs) {
    for (let i = 0; i < CLOCK_STRIDE; i++) {
      store.putSync(keys[cursor & keyMask], values[cursor & valueMask]);
      cursor++;
    }
    elapsedMs = performance.now() - startMs;
  }
  const operationCount = cursor - context.cursor;
  context.cursor = cursor;
  return { operationCount, elapsedMs };
}

function getSyncThroughput(context: WorkloadContext, durationMs: number): Pass {
  const { keys } = context;
  const store = context.store as Required<typeof context.store>;
  const keyMask = keys.length - 1;
  let cursor = context.cursor;
  let elapsedMs = 0;
  const startMs = performance.now();
  while (elapsedMs < durationMs) {
    for (let i = 0; i < CLOCK_STRIDE; i++) {
      const key = keys[cursor & keyMask];
      if (store.getSync(key) === undefined) throw missingRecord(key);
      cursor++;
    }
    elapsedMs = performance.now() - startMs;
  }
  const operationCount = cursor - context.cursor;
  context.cursor = cursor;
  return { operationCount, elapsedMs };
}
