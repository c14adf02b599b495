/**
 * `dinomo put`: stores a value in a pool that a process has open.
 *
 * @module
 */
import { TagReader } from "../codec/tagged_json.ts";
import { keyOfText } from "../core/key_text.ts";
import type { Command } from "./command.ts";
import { wholeNumberOf } from "./command_line.ts";
import { ExitCode, messageOf, UsageError } from "./exit_codes.ts";
import { withHost } from "./pool_reader.ts";
import { printLine } from "./terminal.ts";

/** The command. */
export const putCommand: Command = {
  name: "put",
  summary: "stores a value under a key, if the process allows it",
  details:
    `Stores a value, which is JSON with the tags of dump, and prints its version. It is durable
when the command ends, as the store is.

The process that has the pool open must allow it: open({ inspect: { write: true } }), or
open({ processes: true }) without inspect.`,
  operands: { usage: "<key> <value>", countMin: 2, countMax: 2 },
  rules: {
    text: { help: "the value is a string as it stands, not JSON" },
    ttl: { value: "<ms>", help: "milliseconds after which the key is gone" },
  },
  run: ({ path, words: [text, given], options }, terminal) => {
    const value = options.has("text") ? given! : valueOf(given!);
    const ttl = options.has("ttl") ? wholeNumberOf(options, "ttl", 0) : undefined;
    return withHost(path, async (host) => {
      const key = keyOfText(text!, host.description.keys);
      printLine(terminal, String(await host.askOnce({ op: "put", key, value, ttl })));
      return ExitCode.FINE;
    });
  },
};

function valueOf(text: string): unknown {
  try {
    return new TagReader().read(JSON.parse(text));
  } catch (error) {
    throw new UsageError(`value must be JSON, or a string with --text: ${messageOf(error)}`);
  }
}
