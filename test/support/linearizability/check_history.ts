/**
 * Whether a history is linearizable (I4), and if not, the part of it that shows why.
 *
 * @module
 */
import { type SearchFailure, searchOrder } from "./key_search.ts";
import { type HistoryTape, keyHistories } from "./history_tape.ts";
import {
  ABSENT,
  describeOperation,
  describeValue,
  type KeyHistory,
  type Operation,
  operationAt,
  OperationKind,
} from "./operation.ts";
import { renderTimeline } from "./timeline.ts";

/** The operations shown before the one that has no place, at most. */
const WINDOW_OPERATIONS_MAX = 40;
/** The same for those from long before. */
const EARLIER_OPERATIONS_MAX = 8;

/** A history that is not linearizable. */
export interface Violation {
  readonly key: number;
  /** The first operation that returned something for which there was no reason. */
  readonly operation: Operation;
  /**
   * The operations that were called before it returned, since the key was last quiet, by the time
   * of the call; only the last of them when there are many. The history up to here has no order.
   */
  readonly window: readonly Operation[];
  /** How many operations since the key was quiet are not shown. */
  readonly omittedCount: number;
  /** Who wrote, or deleted, what the operation returned, if that is not in the window. */
  readonly earlier: readonly Operation[];
  /** Values that the key may have had before the operation took effect, ABSENT among them. */
  readonly values: readonly number[];
}

/** What the check of many keys has found. */
export interface CheckReport {
  readonly keyCount: number;
  readonly operationCount: number;
  /** One for each key whose history is not linearizable. */
  readonly violations: readonly Violation[];
}

/** What the store may do on its own. */
export interface CheckOptions {
  /**
   * Whether it may drop a key at any time: then a read may miss what was there, and whatever has
   * been missed is gone until the key is written again.
   *
   * @default false
   */
  readonly evicts?: boolean;
}

/** Checks the history of one key; returns undefined if it is linearizable. */
export function checkHistory(
  history: KeyHistory,
  { evicts = false }: CheckOptions = {},
): Violation | undefined {
  const failure = searchOrder(history, evicts);
  return failure === undefined ? undefined : describeFailure(history, failure);
}

/** Checks everything that is on the tapes. */
export function checkTapes(
  tapes: readonly HistoryTape[],
  options: CheckOptions = {},
): CheckReport {
  let keyCount = 0;
  let operationCount = 0;
  const violations: Violation[] = [];
  for (const history of keyHistories(tapes)) {
    keyCount += 1;
    operationCount += history.count;
    const violation = checkHistory(history, options);
    if (violation !== undefined) violations.push(violation);
  }
  return { keyCount, operationCount, violations };
}

/**
 * Checks everything that is on the tapes.
 *
 * @returns how many operations were checked
 * @throws {Error} with a timeline, when a history is not linearizable
 */
export function assertLinearizable(
  tapes: readonly HistoryTape[],
  options: CheckOptions = {},
): number {
  const { violations, operationCount, keyCount } = checkTapes(tapes, options);
  if (violations.length > 0) {
    throw new Error(
      `${violations.length} of ${keyCount} keys are not linearizable (I4)\n` +
        renderViolation(violations[0]!),
    );
  }
  return operationCount;
}

/** Shows a violation in full. */
export function renderViolation(violation: Violation): string {
  const { key, operation, window, omittedCount, earlier, values } = violation;
  const lines = [
    `key ${key}: nothing explains ${describeOperation(operation)} of client ${operation.client}`,
    `the value may have been: ${values.map(describeValue).join(", ")}`,
  ];
  if (earlier.length > 0) lines.push("long before:", renderTimeline(earlier));
  if (omittedCount > 0) lines.push(`${omittedCount} operations before are not shown`);
  lines.push(renderTimeline(window, operation));
  return lines.join("\n");
}

function describeFailure(history: KeyHistory, failure: SearchFailure): Violation {
  const { callAt, returnAt } = history;
  const { quietAt, values } = failure;
  const endAt = returnAt[failure.operation];
  const part = Array.from({ length: history.count }, (_, index) => index)
    .filter((index) => callAt[index] <= endAt)
    .sort((a, b) => callAt[a] - callAt[b]);
  const sinceQuiet = part.filter((index) => callAt[index] >= quietAt);
  // What overlaps the operation is never left out, however long ago it was called.
  const recentFrom = sinceQuiet.length - WINDOW_OPERATIONS_MAX;
  const isShown = (index: number, position: number) =>
    position >= recentFrom || returnAt[index] >= callAt[failure.operation];
  const shown = sinceQuiet.filter(isShown);
  const operation = operationAt(history, failure.operation);
  const window = shown.map((index) =>
    index === failure.operation ? operation : operationAt(history, index)
  );
  const seen = new Set([...values, ...valuesSeenBy(operation)]);
  const earlier = part
    .filter((index) => !shown.includes(index) && wroteOne(history, index, seen))
    .slice(-EARLIER_OPERATIONS_MAX)
    .map((index) => operationAt(history, index));
  const omittedCount = sinceQuiet.length - shown.length;
  return { key: history.key, operation, window, omittedCount, earlier, values };
}

/** The value, if any, that an operation's answer tells. */
function valuesSeenBy({ kind, input, output }: Operation): number[] {
  if (kind === OperationKind.GET || kind === OperationKind.GET_ENTRY) return [output];
  return kind === OperationKind.INCREMENT ? [output, output - input] : [];
}

/** Whether an operation wrote one of the values. */
function wroteOne(history: KeyHistory, index: number, values: ReadonlySet<number>): boolean {
  switch (history.kind[index]) {
    case OperationKind.PUT:
    case OperationKind.COMPARE_AND_SET:
      return values.has(history.input[index]);
    case OperationKind.INCREMENT:
      return values.has(history.output[index]);
    case OperationKind.DELETE:
      return values.has(ABSENT) && history.output[index] === 1;
    default:
      return false;
  }
}
