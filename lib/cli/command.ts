/**
 * What a command is.
 *
 * @module
 */
import type { Invocation, Operands, OptionRules } from "./command_line.ts";
import type { Terminal } from "./terminal.ts";

/** One command of `dinomo`. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What there is to know about it, as lines of at most 90 characters. */
  readonly details: string;
  /** What follows the path; nothing unless it is given. */
  readonly operands?: Operands;
  readonly rules: OptionRules;
  /**
   * Runs it.
   *
   * @returns an exit code
   */
  run(invocation: Invocation, terminal: Terminal): Promise<number>;
}
