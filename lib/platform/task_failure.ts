/**
 * Why a task of a DPM processor has failed, as it gets to the thread that asked for it. An error
 * would lose its class and the system's code on the way, and on some runtimes its cause.
 *
 * @module
 */
import { systemCodeOf } from "../core/system_code.ts";

/** A failure; structured-cloneable. */
export interface TaskFailure {
  readonly failure: string;
  /** Code of the operating system's error, if it was one. */
  readonly systemCode: string | undefined;
  readonly stack: string | undefined;
}

/** Describes an error for another thread. */
export function taskFailureOf(error: unknown): TaskFailure {
  const failure = error instanceof Error ? error.message : String(error);
  const stack = error instanceof Error ? error.stack : undefined;
  return { failure, systemCode: systemCodeOf(error), stack };
}

/** What a task came to; throws an error like the one that it has failed with. */
export function resultOf<Result>(result: Result | TaskFailure): Result {
  if (!isFailure(result)) return result;
  const { failure, systemCode, stack } = result;
  const error = new Error(failure);
  if (systemCode !== undefined) Object.assign(error, { code: systemCode });
  if (stack !== undefined) error.stack = stack;
  throw error;
}

function isFailure(result: unknown): result is TaskFailure {
  return typeof result === "object" && result !== null && "failure" in result;
}
