/**
 * `dinomo keys`: the keys of a pool.
 *
 * @module
 */
import { toTaggedJson } from "../codec/tagged_json.ts";
import type { Key } from "../core/key_encoder.ts";
import { keyOfText, textOfKey } from "../core/key_text.ts";
import type { KeyTypes } from "../core/key_types.ts";
import type { Command } from "./command.ts";
import { wholeNumberOf } from "./command_line.ts";
import { ExitCode } from "./exit_codes.ts";
import { withReader } from "./pool_reader.ts";
import { printLine } from "./terminal.ts";

/** What a control character is: a terminal would obey it. */
const CONTROL = /\p{Cc}/gu;

/** The command. */
export const keysCommand: Command = {
  name: "keys",
  summary: "prints the keys of a pool, or those with a prefix",
  details:
    `Prints a key on each line, in the order of the keys if the store is ordered, and in no order
if it is not. On a terminal the control characters in keys are shown as in JSON.

Asks the process that has the pool open with the option inspect or processes; keys that come
or go meanwhile may be there or not. If none has it open, the files are read.`,
  operands: { usage: "[prefix]", countMin: 0, countMax: 1 },
  rules: {
    limit: { value: "<count>", help: "at most so many" },
    json: { help: "keys as dump writes them: JSON strings, or { $bytes }" },
  },
  run: ({ path, words: [prefix = ""], options }, terminal) => {
    const limit = wholeNumberOf(options, "limit", Infinity);
    return withReader(path, async (reader) => {
      const shown = options.has("json")
        ? (key: Key) => toTaggedJson(key)
        : terminal.isOutputInteractive
        ? visibleTextOfKey
        : textOfKey;
      const { keyTypes } = reader;
      for await (const keys of reader.keys(keyOfText(prefix, keyTypes), limit)) {
        for (const key of keys) printLine(terminal, shown(key, keyTypes));
      }
      return ExitCode.FINE;
    });
  },
};

function visibleTextOfKey(key: Key, types: KeyTypes | undefined): string {
  return textOfKey(key, types).replace(
    CONTROL,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
