/**
 * The command `dinomo`: finds out what is asked for, runs it, and turns errors into messages and
 * exit codes.
 *
 * @module
 */
import type { Command } from "./command.ts";
import { readArguments, readInvocation } from "./command_line.ts";
import { dumpCommand } from "./dump.ts";
import { ExitCode, exitCodeOf, messageOf, OutputClosedError, UsageError } from "./exit_codes.ts";
import { commandHelp, generalHelp, packageVersion } from "./help.ts";
import { getCommand } from "./get.ts";
import { infoCommand } from "./info.ts";
import { keysCommand } from "./keys.ts";
import { putCommand } from "./put.ts";
import { repairCommand } from "./repair.ts";
import { restoreCommand } from "./restore.ts";
import { printLine, printMessage, processTerminal, type Terminal } from "./terminal.ts";
import { topCommand } from "./top.ts";
import { verifyCommand } from "./verify.ts";
import { watchCommand } from "./watch.ts";

/** All commands, in the order in which the help lists them. */
export const COMMANDS: readonly Command[] = [
  topCommand,
  getCommand,
  keysCommand,
  watchCommand,
  putCommand,
  infoCommand,
  verifyCommand,
  dumpCommand,
  restoreCommand,
  repairCommand,
];

/**
 * Runs the command that the arguments ask for; reports all errors itself.
 *
 * @returns an exit code
 */
export async function runCommandLine(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<number> {
  try {
    return await run(args, terminal);
  } catch (error) {
    if (!(error instanceof OutputClosedError)) {
      const more = error instanceof UsageError ? "; see dinomo --help" : "";
      printMessage(terminal, messageOf(error) + more);
    }
    return exitCodeOf(error);
  }
}

async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...others] = args;
  if (name === undefined || name.startsWith("-")) return runWithoutCommand(args, terminal);
  if (name === "help") return runHelp(others, terminal);
  const command = findCommand(name);
  const rules = { ...command.rules, help: { help: "" } };
  const invocation = readInvocation(others, rules, command.operands);
  if (!invocation.options.has("help")) return await command.run(invocation, terminal);
  printLine(terminal, commandHelp(command));
  return ExitCode.FINE;
}

function runWithoutCommand(args: readonly string[], terminal: Terminal): number {
  const { words, options } = readArguments(args, { help: { help: "" }, version: { help: "" } });
  const isUsage = words.length === 0 && options.size === 1;
  if (!isUsage) throw new UsageError(`command must come first, and be one of ${names()}`);
  printLine(terminal, options.has("version") ? packageVersion() : generalHelp(COMMANDS));
  return ExitCode.FINE;
}

function runHelp(args: readonly string[], terminal: Terminal): number {
  const { words } = readArguments(args, {});
  if (words.length > 1) {
    throw new UsageError(`help must be asked for one command, got "${words.join(" ")}"`);
  }
  const [name] = words;
  printLine(terminal, name === undefined ? generalHelp(COMMANDS) : commandHelp(findCommand(name)));
  return ExitCode.FINE;
}

function findCommand(name: string): Command {
  const found = COMMANDS.find((command) => command.name === name);
  if (found !== undefined) return found;
  throw new UsageError(`command must be one of ${names()}, got "${name}"`);
}

function names(): string {
  return [...COMMANDS.map(({ name }) => name), "help"].join(", ");
}
