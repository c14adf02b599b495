/**
 * A thread that counts together with others: key 0 with an atomic addition, key 1 with a load and a
 * store, between which the others' counts are lost.
 *
 * @module
 */
import { workerData } from "node:worker_threads";
import { HistoryRecorder } from "./history_recorder.ts";
import type { HistoryTape } from "./history_tape.ts";
import { OperationKind } from "./operation.ts";
import { SharedClock } from "./shared_clock.ts";

interface CountingData {
  readonly tape: HistoryTape;
  readonly clockWord: Int32Array;
  readonly counters: Int32Array;
  /** One word: threads that have started. */
  readonly started: Int32Array;
}

/** A thread that started first waits so long for the other: both must count at the same time. */
const START_WAIT_MS_MAX = 10_000;
/**
 * Every how many counts the slow counter takes a nap between load and store, in which others count.
 */
const NAP_EVERY = 1000;

const { tape, clockWord, counters, started } = workerData as CountingData;
const recorder = new HistoryRecorder(tape, new SharedClock(clockWord));
Atomics.add(started, 0, 1);
Atomics.notify(started, 0);
Atomics.wait(started, 0, 1, START_WAIT_MS_MAX);

while (!recorder.isFull) {
  const key = recorder.rowCount % 2;
  const row = recorder.begin(OperationKind.INCREMENT, key, 1);
  recorder.end(row, key === 0 ? Atomics.add(counters, 0, 1) + 1 : addInSteps());
}

function addInSteps(): number {
  const sum = Atomics.load(counters, 1) + 1;
  if (recorder.rowCount % NAP_EVERY === 0) Atomics.wait(started, 0, 2, 1);
  Atomics.store(counters, 1, sum);
  return sum;
}
