/**
 * The core workloads of YCSB (Cooper et al., "Benchmarking cloud serving systems with YCSB", SoCC
 * '10) that need no scans. A closed loop: a fixed number of clients, each waits for its answer
 * before it sends its next request. An update writes the whole record, as a key-value store must.
 *
 * @module
 */
import {
  CLOCK_STRIDE,
  operationsPerSecond,
  type Pass,
  type RepetitionFigures,
  THROUGHPUT_SHARE,
} from "../measure/repetition.ts";
import type { KeyChooser } from "./key_chooser.ts";
import { createRandom } from "./random.ts";
import { missingRecord, type Workload, type WorkloadContext } from "./workload.ts";

/** Concurrent clients of one thread: enough for peers that group concurrent requests to do so. */
export const YCSB_CLIENT_COUNT = 16;

/** The kinds of request; numbers, so that a mix is drawn beforehand into bytes. */
const READ = 0;
const UPDATE = 1;
const INSERT = 2;
const READ_MODIFY_WRITE = 3;

/** Requests drawn beforehand, then used again from the start; a power of two. */
const REQUEST_COUNT = 1 << 16;

const REQUEST_SEED = 20_100_610;

interface Mix {
  name: string;
  title: string;
  /** The share of requests that are not reads, and what they are. */
  writeShare: number;
  write: number;
  /** Reads prefer recent records; if not, records anywhere. */
  latest: boolean;
}

const MIXES: readonly Mix[] = [
  { name: "a", title: "50% update", writeShare: 0.5, write: UPDATE, latest: false },
  { name: "b", title: "5% update", writeShare: 0.05, write: UPDATE, latest: false },
  { name: "c", title: "read only", writeShare: 0, write: UPDATE, latest: false },
  { name: "d", title: "5% insert", writeShare: 0.05, write: INSERT, latest: true },
  { name: "f", title: "50% modify", writeShare: 0.5, write: READ_MODIFY_WRITE, latest: false },
];

interface PassSettings {
  context: WorkloadContext;
  keyChooser: KeyChooser;
  requests: Uint8Array;
  latest: boolean;
  /** Records every latency; if not, the clock is read once in `CLOCK_STRIDE` requests. */
  timed: boolean;
}

/** One pass of all clients, and what they share. */
interface Run extends PassSettings {
  deadlineMs: number;
  requestCount: number;
  ended: boolean;
}

export const ycsbWorkloads: readonly Workload[] = MIXES.map(createWorkload);

function createWorkload(mix: Mix): Workload {
  const random = createRandom(REQUEST_SEED);
  const requests = Uint8Array.from(
    { length: REQUEST_COUNT },
    () => random() < mix.writeShare ? mix.write : READ,
  );
  return {
    id: `ycsb-${mix.name}`,
    title: `YCSB ${mix.name.toUpperCase()}, ${mix.title}`,
    needsSync: false,
    run: async (context, durationMs): Promise<RepetitionFigures> => {
      const shared = { context, requests, latest: mix.latest, keyChooser: context.keyChooser };
      const pass = await runClients({ ...shared, timed: false }, durationMs * THROUGHPUT_SHARE);
      context.latencies.reset();
      await runClients({ ...shared, timed: true }, durationMs * (1 - THROUGHPUT_SHARE));
      return {
        operationsPerSecond: operationsPerSecond(pass),
        latency: context.latencies.figures(),
      };
    },
  };
}

async function runClients(settings: PassSettings, durationMs: number): Promise<Pass> {
  const startMs = performance.now();
  const run: Run = { ...settings, deadlineMs: startMs + durationMs, requestCount: 0, ended: false };
  await Promise.all(Array.from({ length: YCSB_CLIENT_COUNT }, () => runClient(run)));
  return { operationCount: run.requestCount, elapsedMs: performance.now() - startMs };
}

async function runClient(run: Run): Promise<void> {
  const { context, keyChooser, requests, timed, latest } = run;
  const { store, values, latencies } = context;
  while (!run.ended) {
    const position = context.cursor++;
    const request = requests[position & (REQUEST_COUNT - 1)];
    const value = values[position & (values.length - 1)];
    const beforeMs = timed ? performance.now() : 0;
    if (request === UPDATE) {
      await store.put(keyChooser.scrambledKey(), value);
    } else if (request === INSERT) {
      const index = keyChooser.issueInsert();
      await store.put(keyChooser.keyAt(index), value);
      keyChooser.acknowledgeInsert(index);
    } else {
      const key = latest ? keyChooser.latestKey() : keyChooser.scrambledKey();
      const found = await store.get(key);
      if (found === undefined) throw missingRecord(key);
      if (request === READ_MODIFY_WRITE) await store.put(key, { ...found, score: value.score });
    }
    run.requestCount++;
    if (timed || run.requestCount % CLOCK_STRIDE === 0) {
      const afterMs = performance.now();
      if (timed) latencies.record(afterMs - beforeMs);
      run.ended ||= afterMs >= run.deadlineMs;
    }
  }
}
