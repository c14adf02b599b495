/**
 * From what threads do to the histories of keys: the clock, the tapes, and the check of everything
 * on them.
 *
 * @module
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { assertLinearizable, checkTapes } from "../../support/linearizability/check_history.ts";
import { HistoryRecorder } from "../../support/linearizability/history_recorder.ts";
import { keyHistories, KEYS_MAX, makeTape } from "../../support/linearizability/history_tape.ts";
import {
  ABSENT,
  type KeyHistory,
  type Operation,
  operationAt,
  OperationKind,
} from "../../support/linearizability/operation.ts";
import {
  makeClockWord,
  SharedClock,
  TICKS_MAX,
} from "../../support/linearizability/shared_clock.ts";

const { GET, GET_ENTRY, PUT, DELETE, COMPARE_AND_SET, INCREMENT } = OperationKind;

function operationsOf(history: KeyHistory): Operation[] {
  return Array.from({ length: history.count }, (_, index) => operationAt(history, index));
}

test("operations come back by key, with what was said about them", () => {
  const clock = new SharedClock(makeClockWord());
  const tapes = [makeTape(3, 10), makeTape(4, 10)];
  const [first, second] = tapes.map((tape) => new HistoryRecorder(tape, clock));
  const write = first!.begin(PUT, 7, 100);
  const read = second!.begin(GET_ENTRY, 7);
  first!.end(write);
  second!.endEntry(read, 100, 55);
  second!.endEntry(second!.begin(GET_ENTRY, 2));
  first!.endWith(first!.begin(COMPARE_AND_SET, 7, 101, 55), true);
  first!.discard(first!.begin(DELETE, 7));
  second!.begin(DELETE, 7);

  const histories = [...keyHistories(tapes)];
  assert.equal(histories.map(({ key }) => key), [2, 7]);
  assert.equal(operationsOf(histories[0]!), [
    { client: 4, kind: GET_ENTRY, input: 0, version: 0, output: ABSENT, callAt: 5, returnAt: 6 },
  ]);
  assert.equal(operationsOf(histories[1]!), [
    { client: 3, kind: PUT, input: 100, version: 0, output: 0, callAt: 1, returnAt: 3 },
    {
      client: 3,
      kind: COMPARE_AND_SET,
      input: 101,
      version: 55,
      output: 1,
      callAt: 7,
      returnAt: 8,
    },
    { client: 4, kind: GET_ENTRY, input: 0, version: 55, output: 100, callAt: 2, returnAt: 4 },
    { client: 4, kind: DELETE, input: 0, version: 0, output: 0, callAt: 10, returnAt: Infinity },
  ]);
  assert.is(assertLinearizable(tapes), 5);
});

test("what is wrong with one key is said with a timeline", () => {
  const tape = makeTape(1, 10);
  const recorder = new HistoryRecorder(tape, new SharedClock(makeClockWord()));
  recorder.end(recorder.begin(PUT, 1, 5));
  recorder.end(recorder.begin(PUT, 2, 6));
  recorder.end(recorder.begin(GET, 1), 6);
  const { keyCount, operationCount, violations } = checkTapes([tape]);
  assert.equal([keyCount, operationCount, violations.length], [2, 3, 1]);
  assert.throws(() => assertLinearizable([tape]), /1 of 2 keys .*\n.*nothing explains get\(\): 6/);
});

test("a tape has an end, and keys have a limit", () => {
  const recorder = new HistoryRecorder(makeTape(1, 1), new SharedClock(makeClockWord()));
  assert.throws(() => recorder.begin(GET, KEYS_MAX), /key must be below/);
  assert.not.ok(recorder.isFull);
  recorder.begin(GET, 0);
  assert.ok(recorder.isFull);
  assert.throws(() => recorder.begin(GET, 0), /holds only 1 operations/);
});

test("the clock ends before it would run backwards", () => {
  const word = makeClockWord();
  const clock = new SharedClock(word);
  assert.is(clock.tick(), 1);
  word[0] = TICKS_MAX - 1;
  assert.is(clock.tick(), TICKS_MAX);
  for (let i = 0; i < 3; i++) assert.throws(() => clock.tick(), /has only/);
});

test("threads that count together: right with an atomic addition, and found without one", async () => {
  const url = new URL(
    `../../support/linearizability/counting_thread.${extension()}`,
    import.meta.url,
  );
  const clockWord = makeClockWord();
  const counters = new Int32Array(new SharedArrayBuffer(8));
  const tapes = [makeTape(1, 20_000), makeTape(2, 20_000)];
  const started = new Int32Array(new SharedArrayBuffer(4));
  const threads = tapes.map((tape) =>
    new Worker(url, { workerData: { tape, clockWord, counters, started } })
  );
  await Promise.all(threads.map((thread) => once(thread, "exit")));
  const { operationCount, violations } = checkTapes(tapes);
  assert.is(operationCount, 40_000);
  assert.equal(violations.map(({ key }) => key), [1], "key 0 counts atomically, key 1 does not");
  assert.is(violations[0]!.operation.kind, INCREMENT);
});

/** Node runs what the build made of the sources. */
function extension(): string {
  return import.meta.url.endsWith(".ts") ? "ts" : "js";
}

test.run();
