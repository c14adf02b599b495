/**
 * A thread that reads and writes a few keys through a client cache, and records what it sees; see
 * test/api/cached_threads.test.ts.
 *
 * @module
 */
import { workerData } from "node:worker_threads";
import { attach, type StoreHandle } from "../../../mod.ts";
import { HistoryRecorder } from "../linearizability/history_recorder.ts";
import type { HistoryTape } from "../linearizability/history_tape.ts";
import { ABSENT, OperationKind } from "../linearizability/operation.ts";
import { SharedClock } from "../linearizability/shared_clock.ts";
import { Random } from "../random.ts";

/** What a thread is started with. */
export interface CachedClientData {
  readonly handle: StoreHandle;
  readonly tape: HistoryTape;
  readonly clockWord: Int32Array;
  readonly seed: number;
  readonly keyCount: number;
  readonly cacheBytes: number;
  /** Two words: hits and misses of all threads. */
  readonly counts: Int32Array;
}

interface Value {
  readonly id: number;
  readonly filler: string;
}

/** Ids of writes are different for every write of the history. */
const ID_FACTOR = 1_000_000;

const data = workerData as CachedClientData;
const random = new Random(data.seed);
const recorder = new HistoryRecorder(data.tape, new SharedClock(data.clockWord));
const store = await attach<Value>(data.handle, { cache: data.cacheBytes });

function put(key: number): void {
  const id = data.tape.client * ID_FACTOR + recorder.rowCount;
  const row = recorder.begin(OperationKind.PUT, key, id);
  store.putSync(`key ${key}`, { id, filler: "x".repeat(random.below(900)) });
  recorder.end(row);
}

function get(key: number): void {
  const row = recorder.begin(OperationKind.GET, key);
  recorder.end(row, store.getSync(`key ${key}`)?.id ?? ABSENT);
}

function getEntry(key: number): void {
  const row = recorder.begin(OperationKind.GET_ENTRY, key);
  const entry = store.getEntrySync(`key ${key}`);
  recorder.endEntry(row, entry?.value.id, entry?.version);
}

while (!recorder.isFull) {
  const key = random.below(data.keyCount);
  const kind = random.below(20);
  if (kind < 3) {
    put(key);
  } else if (kind === 3) {
    const row = recorder.begin(OperationKind.DELETE, key);
    recorder.endWith(row, store.deleteSync(`key ${key}`));
  } else if (kind < 8) {
    getEntry(key);
  } else {
    get(key);
  }
}

const { hits, misses } = store.stats().cache!;
Atomics.add(data.counts, 0, hits);
Atomics.add(data.counts, 1, misses);
await store.close();
