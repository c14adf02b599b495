/**
 * What `--help` and `--version` print.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "./command.ts";
import type { OptionRules } from "./command_line.ts";

const LABEL_WIDTH = 26;

/** The help on everything. */
export function generalHelp(commands: readonly Command[]): string {
  return `Usage: dinomo <command> <path> [options]

Works on the pool in a directory, given by its path or a file: URL. The first five commands
reach a pool that a process has open with the option inspect or processes; info and verify
read any pool, and the others one that no process has open.

Where the keys of a pool may be bytes, these are 0x and hexadecimal digits, and a string that
looks like that has string: before it, such as string:0xab.

Commands:
${rows(commands.map((command) => [usageOf(command), command.summary]))}
${rows([["help <command>", "says more about a command"]])}

Options:
${rows([["-h, --help", "this text"], ["--version", "the version of dinomo"]])}

Exit codes:
  0  all is well
  1  the pool is damaged, the input of restore is bad, or the key of get is not there
  2  the command line means nothing
  3  the path cannot be used: it does not exist, is not a pool, has another format version,
     is open in another process, or may not be read or written; or no process answers`;
}

/** The help on one command. */
export function commandHelp(command: Command): string {
  const rules: OptionRules = { ...command.rules, help: { help: "this text" } };
  const options = Object.entries(rules).map(([name, { value, help }]): [string, string] => [
    value === undefined ? `--${name}` : `--${name} ${value}`,
    help,
  ]);
  return `Usage: dinomo ${usageOf(command)} [options]

${command.details}

Options:
${rows(options)}`;
}

function usageOf({ name, operands }: Command): string {
  return `${name} <path>${operands === undefined ? "" : ` ${operands.usage}`}`;
}

/** The version in package.json, whether this module runs from lib/ or from dist/lib/. */
export function packageVersion(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url));; folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (existsSync(file)) return String(JSON.parse(readFileSync(file, "utf8")).version);
    if (folder === dirname(folder)) return "unknown";
  }
}

function rows(entries: readonly (readonly [string, string])[]): string {
  return entries.map(([label, text]) => `  ${label.padEnd(LABEL_WIDTH)}${text}`).join("\n");
}
