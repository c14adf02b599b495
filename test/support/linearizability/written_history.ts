/**
 * Histories written by hand, an operation a line: `put(1).at(0, 5)`.
 *
 * @module
 */
import { ABSENT, type Operation, OperationKind } from "./operation.ts";

/** An operation without its time. */
class Answer {
  readonly #kind: number;
  readonly #input: number;
  readonly #version: number;
  readonly #output: number;

  constructor(kind: number, output: number, input = 0, version = 0) {
    this.#kind = kind;
    this.#input = input;
    this.#version = version;
    this.#output = output;
  }

  /** Says when it was called and returned, and by which client. */
  at(callAt: number, returnAt: number, client = 0): Operation {
    return {
      client,
      kind: this.#kind,
      input: this.#input,
      version: this.#version,
      output: this.#output,
      callAt,
      returnAt,
    };
  }

  /** Says when it was called by a client that never had an answer. */
  pendingFrom(callAt: number, client = 0): Operation {
    return this.at(callAt, Infinity, client);
  }
}

/** A get that found a value, or none. */
export function get(output: number = ABSENT): Answer {
  return new Answer(OperationKind.GET, output);
}

/** A getEntry that found a value with a version, or none. */
export function getEntry(output: number = ABSENT, version = 0): Answer {
  return new Answer(OperationKind.GET_ENTRY, output, 0, version);
}

/** A has. */
export function has(isPresent: boolean): Answer {
  return new Answer(OperationKind.HAS, isPresent ? 1 : 0);
}

/** A put. */
export function put(input: number): Answer {
  return new Answer(OperationKind.PUT, 0, input);
}

/** A delete, and whether the key existed. */
export function del(existed: boolean): Answer {
  return new Answer(OperationKind.DELETE, existed ? 1 : 0);
}

/** A compareAndSet, and whether it stored its value. */
export function cas(version: number | null, input: number, isStored: boolean): Answer {
  return new Answer(OperationKind.COMPARE_AND_SET, isStored ? 1 : 0, input, version ?? ABSENT);
}

/** A compareAndDelete, and whether it deleted the key. */
export function cad(version: number, isDeleted: boolean): Answer {
  return new Answer(OperationKind.COMPARE_AND_DELETE, isDeleted ? 1 : 0, 0, version);
}

/** A touch, and whether the key existed. */
export function touch(existed: boolean): Answer {
  return new Answer(OperationKind.TOUCH, existed ? 1 : 0);
}

/** A getAndDelete that took a value, or none. */
export function take(output: number = ABSENT): Answer {
  return new Answer(OperationKind.TAKE, output);
}

/** An increment, and the sum that it returned. */
export function increment(by: number, sum: number): Answer {
  return new Answer(OperationKind.INCREMENT, sum, by);
}
