/**
 * Exit codes of the command, and which error ends in which.
 *
 * @module
 */
import { DinomoError } from "../core/errors.ts";
import { LiveError } from "../live/live_client.ts";

export { BadDataError } from "../codec/bad_data_error.ts";

/** Exit codes, as `dinomo --help` lists them. */
export const ExitCode = {
  FINE: 0,
  /** The pool is damaged, or the input of a restore is bad. */
  BAD_DATA: 1,
  USAGE: 2,
  /** The path cannot be used. */
  UNUSABLE_PATH: 3,
} as const;

/** A command line that means nothing. */
export class UsageError extends Error {
  static {
    this.prototype.name = "UsageError";
  }
}

/** The process that read the output has gone away, such as `head`. */
export class OutputClosedError extends Error {
  static {
    this.prototype.name = "OutputClosedError";
  }
}

/** By `DinomoError.code`; the others are about data. */
const CODES: Readonly<Record<string, number>> = {
  DINOMO_INVALID_OPTION: ExitCode.USAGE,
  DINOMO_INVALID_ARGUMENT: ExitCode.USAGE,
  DINOMO_INVALID_KEY: ExitCode.USAGE,
  DINOMO_INVALID_VALUE: ExitCode.USAGE,
  DINOMO_VALUE_TOO_LARGE: ExitCode.USAGE,
  DINOMO_POOL_FULL: ExitCode.USAGE,
  DINOMO_CLOSED: ExitCode.UNUSABLE_PATH,
  DINOMO_PATH: ExitCode.UNUSABLE_PATH,
  DINOMO_FORMAT: ExitCode.UNUSABLE_PATH,
  DINOMO_LOCKED: ExitCode.UNUSABLE_PATH,
  DINOMO_SNAPSHOT: ExitCode.UNUSABLE_PATH,
  DINOMO_DURABILITY: ExitCode.UNUSABLE_PATH,
};

/** The exit code of a command that ended with an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof OutputClosedError) return ExitCode.FINE;
  if (error instanceof UsageError) return ExitCode.USAGE;
  if (error instanceof DinomoError || error instanceof LiveError) {
    return CODES[error.code] ?? ExitCode.BAD_DATA;
  }
  return isSystemError(error) ? ExitCode.UNUSABLE_PATH : ExitCode.BAD_DATA;
}

/** Whether an error comes from a call of the operating system, such as EACCES or ENOSPC. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}

/** What an error says, in one line. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replaceAll(/\s*\n\s*/g, " ");
}
