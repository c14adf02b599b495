/**
 * One operation after the other, each awaited: what a request handler sees.
 *
 * @module
 */
import type { LatencyRecorder } from "../measure/latency_recorder.ts";
import {
  CLOCK_STRIDE,
  operationsPerSecond,
  type Pass,
  type RepetitionFigures,
  THROUGHPUT_SHARE,
} from "../measure/repetition.ts";
import { missingRecord, type Workload, type WorkloadContext } from "./workload.ts";

type ThroughputPass = (context: WorkloadContext, durationMs: number) => Promise<Pass>;
type LatencyPass = (context: WorkloadContext, durationMs: number) => Promise<void>;

export const awaitedWorkloads: readonly Workload[] = [
  createWorkload("put", "put, awaited", putThroughput, putLatency),
  createWorkload("get", "get, awaited", getThroughput, getLatency),
];

function createWorkload(
  id: string,
  title: string,
  throughputPass: ThroughputPass,
  latencyPass: LatencyPass,
): Workload {
  return {
    id,
    title,
    needsSync: false,
    run: async (context, durationMs): Promise<RepetitionFigures> => {
      const pass = await throughputPass(context, durationMs * THROUGHPUT_SHARE);
      const latencies: LatencyRecorder = context.latencies;
      latencies.reset();
      await latencyPass(context, durationMs * (1 - THROUGHPUT_SHARE));
      return { operationsPerSecond: operationsPerSecond(pass), latency: latencies.figures() };
    },
  };
}

async function putThroughput(context: WorkloadContext, durationMs: number): Promise<Pass> {
  const { store, keys, values } = context;
  const keyMask = keys.length - 1;
  const valueMask = values.length - 1;
  let cursor = context.cursor;
  let elapsedMs = 0;
  const startMs = performance.now();
  while (elapsedMs < durationMs) {
    for (let i = 0; i < CLOCK_STRIDE; i++) {
      await store.put(keys[cursor & keyMask], values[cursor & valueMask]);
      cursor++;
    }
    elapsedMs = performance.now() - startMs;
  }
  const operationCount = cursor - context.cursor;
  context.cursor = cursor;
  return { operationCount, elapsedMs };
}

async function putLatency(context: WorkloadContext, durationMs: number): Promise<void> {
  const { store, keys, values, latencies } = context;
  const keyMask = keys.length - 1;
  const valueMask = values.length - 1;
  let cursor = context.cursor;
  let beforeMs = performance.now();
  const deadlineMs = beforeMs + durationMs;
  while (beforeMs < deadlineMs) {
    await store.put(keys[cursor & keyMask], values[cursor & valueMask]);
    const afterMs = performance.now();
    latencies.record(afterMs - beforeMs);
    beforeMs = afterMs;
    cursor++;
  }
  context.cursor = cursor;
}

async function getThroughput(context: WorkloadContext, durationMs: number): Promise<Pass> {
  const { store, keys } = context;
  const keyMask = keys.length - 1;
  let cursor = context.cursor;
  let elapsedMs = 0;
  const startMs = performance.now();
  while (elapsedMs < durationMs) {
    for (let i = 0; i < CLOCK_STRIDE; i++) {
      const key = keys[cursor & keyMask];
      const value = await store.get(key);
      if (value === undefined) throw missingRecord(key);
      cursor++;
    }
    elapsedMs = performance.now() - startMs;
  }
  const operationCount = cursor - context.cursor;
  context.cursor = cursor;
  return { operationCount, elapsedMs };
}

async function getLatency(context: WorkloadContext, durationMs: number): Promise<void> {
  const { store, keys, latencies } = context;
  const keyMask = keys.length - 1;
  let cursor = context.cursor;
  let beforeMs = performance.now();
  const deadlineMs = beforeMs + durationMs;
  while (beforeMs < deadlineMs) {
    const key = keys[cursor & keyMask];
    const value = await store.get(key);
    if (value === undefined) throw missingRecord(key);
    const afterMs = performance.now();
    latencies.record(afterMs - beforeMs);
    beforeMs = afterMs;
    cursor++;
  }
  context.cursor = cursor;
}
