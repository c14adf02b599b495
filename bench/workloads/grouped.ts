/**
 * Many operations in one call or in one tick: bulk work, and a server under concurrent requests.
 *
 * @module
 */
import { operationsPerSecond } from "../measure/repetition.ts";
import { missingRecord, type Workload, type WorkloadContext } from "./workload.ts";

/** Entries of one `putMany`, keys of one `getMany`. */
export const BATCH_SIZE = 1000;

/** Puts in flight at a time in the concurrent workload. */
const CONCURRENT_PUTS = 128;

export const groupedWorkloads: readonly Workload[] = [
  createWorkload("put-concurrent", `put, ${CONCURRENT_PUTS} at a time`, putConcurrently),
  createWorkload("put-batch", `putMany of ${BATCH_SIZE}`, putBatch),
  createWorkload("get-batch", `getMany of ${BATCH_SIZE}`, getBatch),
];

/** Starts operations, awaits them, and returns how many they were. */
type Group = (context: WorkloadContext) => Promise<number>;

function createWorkload(id: string, title: string, group: Group): Workload {
  return {
    id,
    title,
    needsSync: false,
    run: async (context, durationMs) => {
      let operationCount = 0;
      let elapsedMs = 0;
      const startMs = performance.now();
      while (elapsedMs < durationMs) {
        operationCount += await group(context);
        elapsedMs = performance.now() - startMs;
      }
      return { operationsPerSecond: operationsPerSecond({ operationCount, elapsedMs }) };
    },
  };
}

async function putConcurrently(context: WorkloadContext): Promise<number> {
  const { store, keys, values } = context;
  const pending: (Promise<unknown> | void)[] = new Array(CONCURRENT_PUTS);
  for (let i = 0; i < CONCURRENT_PUTS; i++) {
    const position = context.cursor++;
    pending[i] = store.put(
      keys[position & (keys.length - 1)],
      values[position & (values.length - 1)],
    );
  }
  await Promise.all(pending);
  return CONCURRENT_PUTS;
}

async function putBatch(context: WorkloadContext): Promise<number> {
  const { store, batches } = context;
  await store.putMany(batches[context.cursor++ & (batches.length - 1)]);
  return BATCH_SIZE;
}

async function getBatch(context: WorkloadContext): Promise<number> {
  const { store, batches } = context;
  const keys = batches[context.cursor++ & (batches.length - 1)].map(([key]) => key);
  const values = store.getMany === undefined
    ? await Promise.all(keys.map((key) => store.get(key)))
    : await store.getMany(keys);
  const missing = values.indexOf(undefined);
  if (missing >= 0) throw missingRecord(keys[missing]);
  return BATCH_SIZE;
}
