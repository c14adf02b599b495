/**
 * Operations of one thread in shared columns, and how the tapes of many threads become one history
 * for each key.
 *
 * A tape is made by the thread that will read it, so it is still there when the thread that writes
 * it has died. A row is complete before it is counted, and its output is written before the time of
 * its return: a row that has no such time is pending, whatever its output says.
 *
 * @module
 */
import { emptyHistory, type KeyHistory } from "./operation.ts";

/** Keys that a tape can tell apart. */
export const KEYS_MAX: number = 2 ** 24;

/** Operations of one thread; structured-cloneable, and shared by whom it is sent to. */
export interface HistoryTape {
  readonly client: number;
  /** One word: rows that have begun. */
  readonly rowCount: Int32Array;
  /** Numbers of keys, from 0 to {@linkcode KEYS_MAX}. */
  readonly key: Int32Array;
  /** One of OperationKind, or 0 for an operation that was refused. */
  readonly kind: Uint8Array;
  readonly input: Float64Array;
  readonly version: Float64Array;
  readonly output: Float64Array;
  readonly callTick: Int32Array;
  /** 0 while the operation is pending. */
  readonly returnTick: Int32Array;
}

/** Makes an empty tape; 37 bytes for each operation, which take memory when they are written. */
export function makeTape(client: number, operationsMax = 1_000_000): HistoryTape {
  const int32s = () => new Int32Array(new SharedArrayBuffer(operationsMax * 4));
  const doubles = () => new Float64Array(new SharedArrayBuffer(operationsMax * 8));
  return {
    client,
    rowCount: new Int32Array(new SharedArrayBuffer(4)),
    key: int32s(),
    kind: new Uint8Array(new SharedArrayBuffer(operationsMax)),
    input: doubles(),
    version: doubles(),
    output: doubles(),
    callTick: int32s(),
    returnTick: int32s(),
  };
}

/** Sorts what is on the tapes by key; for when the threads that record have ended. */
export function* keyHistories(tapes: readonly HistoryTape[]): Generator<KeyHistory> {
  const rowCounts = tapes.map((tape) => Atomics.load(tape.rowCount, 0));
  const countOf = countKeys(tapes, rowCounts);
  // Where the next operation of a key goes among all operations; in the end, where those of the key
  // end.
  const nextAt = new Int32Array(countOf.length);
  for (let key = 1; key < nextAt.length; key++) nextAt[key] = nextAt[key - 1] + countOf[key - 1];
  const total = countOf.reduce((sum, count) => sum + count, 0);
  const tapeAt = new Uint16Array(total);
  const rowAt = new Int32Array(total);
  tapes.forEach((tape, t) => {
    for (let row = 0; row < rowCounts[t]!; row++) {
      if (tape.kind[row] === 0) continue;
      const at = nextAt[tape.key[row]]++;
      tapeAt[at] = t;
      rowAt[at] = row;
    }
  });
  for (let key = 0; key < countOf.length; key++) {
    if (countOf[key] === 0) continue;
    const history = emptyHistory(key, countOf[key]);
    const from = nextAt[key] - history.count;
    for (let i = 0; i < history.count; i++) {
      copyRow(history, i, tapes[tapeAt[from + i]]!, rowAt[from + i]);
    }
    yield history;
  }
}

/** Counts the operations on each key that were not discarded. */
function countKeys(tapes: readonly HistoryTape[], rowCounts: readonly number[]): Int32Array {
  let keyMax = -1;
  tapes.forEach((tape, t) => {
    for (let row = 0; row < rowCounts[t]!; row++) keyMax = Math.max(keyMax, tape.key[row]);
  });
  const countOf = new Int32Array(keyMax + 1);
  tapes.forEach((tape, t) => {
    for (let row = 0; row < rowCounts[t]!; row++) {
      if (tape.kind[row] !== 0) countOf[tape.key[row]] += 1;
    }
  });
  return countOf;
}

function copyRow(history: KeyHistory, index: number, tape: HistoryTape, row: number): void {
  const returnTick = Atomics.load(tape.returnTick, row);
  history.client[index] = tape.client;
  history.kind[index] = tape.kind[row];
  history.input[index] = tape.input[row];
  history.version[index] = tape.version[row];
  history.output[index] = tape.output[row];
  history.callAt[index] = tape.callTick[row];
  history.returnAt[index] = returnTick === 0 ? Infinity : returnTick;
}
