/**
 * What one key does when its operations come one after another: the specification that histories
 * are checked against.
 *
 * The state is a value, or {@linkcode ABSENT}, and what is known about its version. The store tells
 * versions to getEntry only, so a write has no known version until a getEntry has returned it; from
 * then on it has that one, and all later writes have larger ones (I9). That takes a number and a
 * flag: the newest version that is known, and whether it is that of the current value or of an
 * earlier one.
 *
 * A touch writes the same value anew.
 *
 * A key of a store that evicts may become absent between any two operations, see {@linkcode evict}.
 * That is no write: the versions of later writes are larger than those before, as always.
 *
 * A client can expect only a version that getEntry has returned before, so a compareAndSet that
 * expects a version newer than all known ones has guessed. Then either answer may be right, and yes
 * makes the version known.
 *
 * The state is kept in three variables of the module instead of an object, and changed in place:
 * the checker takes millions of steps.
 *
 * @module
 */
import { ABSENT, type KeyHistory, OperationKind } from "./operation.ts";

/** Smaller than every version of the store. */
export const NO_VERSION = -1;

/** The state that the next step starts from, and then the one that it has led to. */
export const register = {
  value: ABSENT,
  /** The newest version known. */
  version: NO_VERSION,
  /** Whether the version is that of the value. */
  isBound: 0,
};

/** A key that has not been written yet. */
export function startRegister(): void {
  setRegister(ABSENT, NO_VERSION, 0);
}

/** Goes back to a state. */
export function setRegister(value: number, version: number, isBound: number): void {
  register.value = value;
  register.version = version;
  register.isBound = isBound;
}

/** The store drops what the key holds. False if it is absent already. */
export function evict(): boolean {
  if (register.value === ABSENT) return false;
  write(ABSENT);
  return true;
}

/**
 * Takes one operation's step.
 *
 * @param index the operation's position in the history
 * @returns whether the operation answers as it did in this state; if not, the state is as it was
 */
export function step(history: KeyHistory, index: number): boolean {
  const input = history.input[index];
  const output = history.output[index];
  const isPending = history.returnAt[index] === Infinity;
  const isPresent = register.value !== ABSENT;
  switch (history.kind[index]) {
    case OperationKind.GET:
      return register.value === output;
    case OperationKind.HAS:
      return isPresent === (output === 1);
    case OperationKind.GET_ENTRY:
      if (register.value !== output) return false;
      return !isPresent || bind(history.version[index]);
    case OperationKind.PUT:
      write(input);
      return true;
    case OperationKind.DELETE:
      if (!isPresent) return !isPending && output === 0;
      if (!isPending && output === 0) return false;
      write(ABSENT);
      return true;
    case OperationKind.COMPARE_AND_SET:
      return compareAndSet(history.version[index], input, isPending || output === 1);
    case OperationKind.COMPARE_AND_DELETE:
      return compareAndSet(history.version[index], ABSENT, isPending || output === 1);
    case OperationKind.TOUCH:
      if (!isPending && isPresent !== (output === 1)) return false;
      if (isPresent) write(register.value);
      return isPresent || !isPending;
    case OperationKind.TAKE:
      if (!isPending && register.value !== output) return false;
      if (isPresent) write(ABSENT);
      return isPresent || !isPending;
    case OperationKind.INCREMENT: {
      const sum = isPresent ? register.value + input : input;
      if (!isPending && sum !== output) return false;
      write(sum);
      return true;
    }
    default:
      throw new Error(`no such kind of operation: ${history.kind[index]}`);
  }
}

/** Whether an operation never changes the value, whatever the state; pending, it can be ignored. */
export function isReading(history: KeyHistory, index: number): boolean {
  const output = history.output[index];
  const hasReturned = history.returnAt[index] !== Infinity;
  switch (history.kind[index]) {
    case OperationKind.GET:
    case OperationKind.GET_ENTRY:
    case OperationKind.HAS:
      return true;
    case OperationKind.DELETE:
    case OperationKind.COMPARE_AND_SET:
    case OperationKind.COMPARE_AND_DELETE:
    case OperationKind.TOUCH:
      return hasReturned && output === 0;
    case OperationKind.TAKE:
      return hasReturned && output === ABSENT;
    default:
      return false;
  }
}

/** Says that the current value has a version; false if it cannot have that one. */
function bind(version: number): boolean {
  if (register.isBound === 1) return register.version === version;
  if (version <= register.version) return false;
  register.version = version;
  register.isBound = 1;
  return true;
}

function write(value: number): void {
  register.value = value;
  register.isBound = 0;
}

function compareAndSet(expected: number, input: number, isApplied: boolean): boolean {
  const isPresent = register.value !== ABSENT;
  if (expected === ABSENT) {
    if (isPresent === isApplied) return false;
  } else if (isApplied) {
    if (!isPresent || !bind(expected)) return false;
  } else {
    return !(isPresent && register.isBound === 1 && register.version === expected);
  }
  if (isApplied) write(input);
  return true;
}
