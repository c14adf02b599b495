/**
 * `dinomo get`: the value of a key.
 *
 * @module
 */
import { toTaggedJson } from "../codec/tagged_json.ts";
import { keyOfText } from "../core/key_text.ts";
import type { Command } from "./command.ts";
import { toDumpLine } from "./dump_line.ts";
import { ExitCode } from "./exit_codes.ts";
import { withReader } from "./pool_reader.ts";
import { printLine, printMessage } from "./terminal.ts";

/** The command. */
export const getCommand: Command = {
  name: "get",
  summary: "prints the value of a key",
  details:
    `Prints the value of a key as JSON, with the tags of dump for what JSON cannot say. Ends with
exit code 1 if the key is not there.

Asks the process that has the pool open with the option inspect or processes. If none has it
open, the files are read, into as much memory as an open store takes.`,
  operands: { usage: "<key>", countMin: 1, countMax: 1 },
  rules: { json: { help: "the line that dump writes: key, value, version, expiry" } },
  run: ({ path, words: [text], options }, terminal) =>
    withReader(path, async (reader) => {
      const key = keyOfText(text!, reader.keyTypes);
      const entry = await reader.get(key);
      if (entry === undefined) {
        printMessage(terminal, `key ${toTaggedJson(key)} is not there`);
        return ExitCode.BAD_DATA;
      }
      const { value, version, expiresAt: expiresAtMs = Infinity } = entry;
      const line = options.has("json")
        ? toDumpLine({ key, decode: () => value, version, expiresAtMs })
        : toTaggedJson(value);
      printLine(terminal, line);
      return ExitCode.FINE;
    }),
};
