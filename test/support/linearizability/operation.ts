/**
 * Operations on one key as a client saw them: what it asked, what it was told, when it called and
 * when it had the answer.
 *
 * A value is a number. Usually it is the id of the put that wrote it, different for every put of a
 * history, and stands for whatever the put stored; in a history with increments it is the number
 * that is stored.
 *
 * An operation whose outcome nobody knows, because its client died or was told of an error that
 * leaves it open, is pending: it returns at Infinity, and may take effect at any time after its
 * call, or never. One that was refused for certain has not happened, and does not belong into a
 * history.
 *
 * @module
 */

/** What an operation does. */
export const OperationKind = {
  GET: 1,
  GET_ENTRY: 2,
  HAS: 3,
  PUT: 4,
  DELETE: 5,
  COMPARE_AND_SET: 6,
  INCREMENT: 7,
  TOUCH: 8,
  COMPARE_AND_DELETE: 9,
  /** getAndDelete. */
  TAKE: 10,
} as const;

const KIND_NAMES = [
  ...["", "get", "getEntry", "has", "put", "delete", "compareAndSet", "increment"],
  ...["touch", "compareAndDelete", "getAndDelete"],
];

/**
 * No value: a read found no key, or compareAndSet expects none. Not a number that can be stored,
 * and equal to itself, which NaN is not.
 */
export const ABSENT = -Infinity;

/** One operation on one key. */
export interface Operation {
  readonly client: number;
  /** One of {@linkcode OperationKind}. */
  readonly kind: number;
  /** The value that it writes, or the number that it adds; otherwise 0. */
  readonly input: number;
  /**
   * The version that getEntry returned, or that compareAndSet or compareAndDelete expects,
   * {@linkcode ABSENT} for null; otherwise 0.
   */
  readonly version: number;
  /**
   * The value that a read found, or getAndDelete took, or {@linkcode ABSENT}; the sum that
   * increment returned; 1 for true or a version, 0 for false or undefined. Means nothing while the
   * operation is pending.
   */
  readonly output: number;
  /** Any clock that never runs backwards between threads. */
  readonly callAt: number;
  /** Infinity while it is pending. */
  readonly returnAt: number;
}

/** All operations on one key, in columns, in any order. */
export interface KeyHistory {
  readonly key: number;
  readonly count: number;
  readonly client: Int32Array;
  readonly kind: Uint8Array;
  readonly input: Float64Array;
  readonly version: Float64Array;
  readonly output: Float64Array;
  readonly callAt: Float64Array;
  readonly returnAt: Float64Array;
}

/** Makes a history with room for so many operations, all of them to be filled in. */
export function emptyHistory(key: number, count: number): KeyHistory {
  return {
    key,
    count,
    client: new Int32Array(count),
    kind: new Uint8Array(count),
    input: new Float64Array(count),
    version: new Float64Array(count),
    output: new Float64Array(count),
    callAt: new Float64Array(count),
    returnAt: new Float64Array(count),
  };
}

/** Puts operations into columns. */
export function historyOf(key: number, operations: readonly Operation[]): KeyHistory {
  const history = emptyHistory(key, operations.length);
  for (let i = 0; i < operations.length; i++) setOperation(history, i, operations[i]!);
  return history;
}

/** Fills in one operation. */
function setOperation(history: KeyHistory, index: number, operation: Operation): void {
  if (!(operation.callAt < operation.returnAt)) {
    throw new Error(`must return after it was called: ${describeOperation(operation)}`);
  }
  history.client[index] = operation.client;
  history.kind[index] = operation.kind;
  history.input[index] = operation.input;
  history.version[index] = operation.version;
  history.output[index] = operation.output;
  history.callAt[index] = operation.callAt;
  history.returnAt[index] = operation.returnAt;
}

/** Takes one operation out of the columns. */
export function operationAt(history: KeyHistory, index: number): Operation {
  return {
    client: history.client[index],
    kind: history.kind[index],
    input: history.input[index],
    version: history.version[index],
    output: history.output[index],
    callAt: history.callAt[index],
    returnAt: history.returnAt[index],
  };
}

/** Says what an operation asked and was told, as in `compareAndSet(version 7, 12): false`. */
export function describeOperation(operation: Operation): string {
  const { kind, input, version, output, returnAt } = operation;
  const name = KIND_NAMES[kind] ?? `kind ${kind}`;
  const answer = (text: string | boolean) => returnAt === Infinity ? "pending" : text;
  switch (kind) {
    case OperationKind.PUT:
      return `${name}(${input}): ${answer("done")}`;
    case OperationKind.GET:
    case OperationKind.TAKE:
      return `${name}(): ${answer(describeValue(output))}`;
    case OperationKind.GET_ENTRY: {
      const entry = output === ABSENT ? "absent" : `${output} of version ${version}`;
      return `${name}(): ${answer(entry)}`;
    }
    case OperationKind.COMPARE_AND_SET: {
      const expected = version === ABSENT ? "absent" : `version ${version}`;
      return `${name}(${expected}, ${input}): ${answer(output === 1)}`;
    }
    case OperationKind.COMPARE_AND_DELETE:
      return `${name}(version ${version}): ${answer(output === 1)}`;
    case OperationKind.INCREMENT:
      return `${name}(${input}): ${answer(String(output))}`;
    default:
      return `${name}(): ${answer(output === 1)}`;
  }
}

/** Names a value. */
export function describeValue(value: number): string {
  return value === ABSENT ? "absent" : String(value);
}
