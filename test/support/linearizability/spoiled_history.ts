/**
 * Ways to spoil a history that is linearizable, so that it is not any more.
 *
 * Each looks for operations that it can use, from a random place on, and says whether it found any.
 * The result is a violation for certain: the operations that prove it do not overlap, or no order
 * could explain them.
 *
 * @module
 */
import type { Random } from "../random.ts";
import { ABSENT, type Operation, OperationKind } from "./operation.ts";

const { GET, GET_ENTRY, PUT, COMPARE_AND_SET, INCREMENT, TAKE } = OperationKind;

/**
 * Changes the operations, which are in the order of their ends; false if there was nothing to
 * change.
 */
export type Spoiler = (operations: Operation[], random: Random) => boolean;

/** Smaller than half the distance of two versions. */
const VERSION_STEP = 0.25;

/** For histories in which every value is written once. */
export const REGISTER_SPOILERS: Readonly<Record<string, Spoiler>> = {
  "a value that was never written": (operations, random) => {
    const at = find(operations, random, ({ kind }) => kind === GET);
    return change(operations, at, { output: 1e9 });
  },
  "a write that is missing": (operations, random) => {
    const read = find(operations, random, ({ kind, output }) => kind === GET && output !== ABSENT);
    const value = operations[read]?.output;
    const at = operations.findIndex(({ kind, input }) =>
      (kind === PUT || kind === COMPARE_AND_SET) && input === value
    );
    if (read < 0 || at < 0) return false;
    operations.splice(at, 1);
    return true;
  },
  "a value that was overwritten": (operations, random) => {
    const old = find(operations, random, isEndedPut);
    if (old < 0) return false;
    const { input, returnAt } = operations[old]!;
    const newer = operations.find((other) => isEndedPut(other) && other.callAt > returnAt);
    if (newer === undefined) return false;
    const at = operations.findIndex(({ kind, callAt }) => kind === GET && callAt > newer.returnAt);
    return change(operations, at, { output: input });
  },
  "a version that goes backwards": (operations, random) => {
    const [before, at] = findEntries(operations, random, (a, b) => a.version < b.version);
    if (at < 0) return false;
    return change(operations, at, { version: operations[before]!.version - VERSION_STEP });
  },
  "a value with two versions": (operations, random) => {
    const [before, at] = findEntries(operations, random, (a, b) => a.output === b.output);
    if (at < 0) return false;
    return change(operations, at, { version: operations[before]!.version + VERSION_STEP });
  },
  "two compareAndSets from one version": (operations, random) => {
    const first = find(operations, random, (operation) => isCas(operation, 1));
    const version = operations[first]?.version;
    const at = operations.findIndex((other) => isCas(other, 0) && other.version === version);
    return change(operations, at, { output: 1 });
  },
};

/** For histories in which values are taken, too. */
export const TAKEN_SPOILERS: Readonly<Record<string, Spoiler>> = {
  "a value that was taken twice": (operations, random) => {
    const first = find(operations, random, isEndedTake);
    const value = operations[first]?.output;
    const at = find(operations, random, (other) => isEndedTake(other) && other.output !== value);
    return first >= 0 && change(operations, at, { output: value! });
  },
};

/** For histories in which every value is written once and keys are evicted. */
export const EVICTED_SPOILERS: Readonly<Record<string, Spoiler>> = {
  "a value that has been missed": (operations, random) => {
    const miss = find(operations, random, isMiss);
    if (miss < 0) return false;
    const { callAt, returnAt } = operations[miss]!;
    const old = operations.findLast((other) => isEndedPut(other) && other.returnAt < callAt);
    const at = operations.findIndex(({ kind, callAt }) => kind === GET && callAt > returnAt);
    return old !== undefined && change(operations, at, { output: old.input });
  },
  "a value older than one that was read": (operations, random) => {
    const isRead = ({ kind, output }: Operation) => kind === GET && output !== ABSENT;
    const newer = find(operations, random, isRead);
    if (newer < 0) return false;
    const { output, returnAt } = operations[newer]!;
    const write = operations.find(({ kind, input }) => kind === PUT && input === output);
    if (write === undefined) return false;
    const old = operations.findLast((other) => isEndedPut(other) && other.returnAt < write.callAt);
    const at = operations.findIndex(({ kind, callAt }) => kind === GET && callAt > returnAt);
    return old !== undefined && change(operations, at, { output: old.input });
  },
};

/** For histories of a counter that is evicted, and grows by 1 until then. */
export const EVICTED_COUNTER_SPOILERS: Readonly<Record<string, Spoiler>> = {
  "a sum that goes on after it has been missed": (operations, random) => {
    const miss = find(operations, random, isMiss);
    if (miss < 0) return false;
    const { callAt, returnAt } = operations[miss]!;
    const counted = operations.filter((other) =>
      other.kind === INCREMENT && other.returnAt > callAt
    );
    const at = operations.findIndex((other) => isEndedIncrement(other) && other.callAt > returnAt);
    return change(operations, at, { output: counted.length + 1 });
  },
};

/** For histories of a counter that only ever grows. */
export const COUNTER_SPOILERS: Readonly<Record<string, Spoiler>> = {
  "two increments with one sum": (operations, random) => {
    const first = find(operations, random, isEndedIncrement);
    const sum = operations[first]?.output;
    const at = find(operations, random, (other) => isEndedIncrement(other) && other.output !== sum);
    return first >= 0 && change(operations, at, { output: sum! });
  },
  "a sum that goes backwards": (operations, random) => {
    const first = find(operations, random, ({ kind }) => kind === INCREMENT);
    const { returnAt, output } = operations[first]!;
    const at = operations.findIndex(({ kind, callAt }) => kind === GET && callAt > returnAt);
    return returnAt !== Infinity && change(operations, at, { output: output - 1 });
  },
};

function isEndedPut({ kind, returnAt }: Operation): boolean {
  return kind === PUT && returnAt !== Infinity;
}

function isMiss({ kind, output }: Operation): boolean {
  return kind === GET && output === ABSENT;
}

function isEndedTake({ kind, output, returnAt }: Operation): boolean {
  return kind === TAKE && output !== ABSENT && returnAt !== Infinity;
}

function isEndedIncrement({ kind, returnAt }: Operation): boolean {
  return kind === INCREMENT && returnAt !== Infinity;
}

/** Whether it is a compareAndSet that expected a version and ended with the output. */
function isCas({ kind, version, output, returnAt }: Operation, expected: number): boolean {
  return kind === COMPARE_AND_SET && version !== ABSENT && output === expected &&
    returnAt !== Infinity;
}

/** Two getEntry that found a value, one after the other. */
function findEntries(
  operations: readonly Operation[],
  random: Random,
  fits: (a: Operation, b: Operation) => boolean,
): [number, number] {
  const isEntry = ({ kind, output }: Operation) => kind === GET_ENTRY && output !== ABSENT;
  const findAfter = (first: Operation) =>
    operations.findIndex((other) =>
      isEntry(other) && other.callAt > first.returnAt && fits(first, other)
    );
  const before = find(operations, random, (first) => isEntry(first) && findAfter(first) >= 0);
  return before < 0 ? [-1, -1] : [before, findAfter(operations[before]!)];
}

/** Position of an operation that fits, from a random one on and around; -1 if there is none. */
function find(
  operations: readonly Operation[],
  random: Random,
  fits: (operation: Operation) => boolean,
): number {
  const from = random.below(operations.length);
  for (let i = 0; i < operations.length; i++) {
    const at = (from + i) % operations.length;
    if (fits(operations[at]!)) return at;
  }
  return -1;
}

function change(operations: Operation[], at: number, changes: Partial<Operation>): boolean {
  if (at < 0) return false;
  operations[at] = { ...operations[at]!, ...changes };
  return true;
}
