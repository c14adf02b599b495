/**
 * `dinomo watch`: the changes of keys of a pool that a process has open.
 *
 * @module
 */
import { toTaggedJson } from "../codec/tagged_json.ts";
import type { Key } from "../core/key_encoder.ts";
import { keyOfText } from "../core/key_text.ts";
import type { KeyChange } from "../store/watches/prefix_watch.ts";
import type { LiveClient } from "../live/live_client.ts";
import type { Command } from "./command.ts";
import { wholeNumberOf } from "./command_line.ts";
import { toDumpLine } from "./dump_line.ts";
import { ExitCode, UsageError } from "./exit_codes.ts";
import { type ReadEntry, whileHostIsOpen } from "./pool_reader.ts";
import { printLine } from "./terminal.ts";

/** Keys that one command watches. */
const KEYS_MAX = 1024;

/** The command. */
export const watchCommand: Command = {
  name: "watch",
  summary: "prints the values of keys, and again when they change",
  details: `Prints a line for each key, and another one whenever it has changed: the line that dump
would write, or { "key": ..., "gone": true }. Changes that come faster than they are printed
are left out, but not the last one.

With --prefix it prints all changes of keys that begin with it, from now on:
  { "kind": "put" or "delete", "key": ..., "version": ... }
and { "kind": "resync" } where some may be missing, and in the beginning.

The process must have the pool open with the option inspect or processes. Ends with exit
code 0 when that closes the store, with 3 when it is killed, or by Ctrl-C.`,
  operands: { usage: "[key...]", countMin: 0, countMax: KEYS_MAX },
  rules: {
    prefix: { value: "<text>", help: "changes of all keys that begin with this, instead of keys" },
    count: { value: "<lines>", help: "end after so many lines" },
  },
  run: ({ path, words, options }, terminal) => {
    const prefix = options.get("prefix");
    if ((prefix === undefined) === (words.length === 0)) {
      throw new UsageError("watch must be given keys, or --prefix, and not both");
    }
    let linesLeft = wholeNumberOf(options, "count", Infinity);
    return whileHostIsOpen(path, terminal, async (host) => {
      const { keys: types } = host.description;
      const lines = prefix === undefined
        ? linesOfKeys(host, words.map((word) => keyOfText(word, types)))
        : linesOfPrefix(host, keyOfText(prefix, types));
      for await (const line of lines) {
        printLine(terminal, line);
        if (--linesLeft === 0) break;
      }
      return ExitCode.FINE;
    });
  },
};

async function* linesOfKeys(host: LiveClient, keys: readonly Key[]): AsyncGenerator<string> {
  /** Versions of the entries that were printed; 0 for a key that is gone. */
  let seen: number[] | undefined;
  for await (const item of host.ask({ op: "watch", keys })) {
    const entries = item as readonly (ReadEntry | undefined)[];
    const versions = entries.map((entry) => entry?.version ?? 0);
    for (const [i, entry] of entries.entries()) {
      if (versions[i] !== seen?.[i]) yield lineOf(keys[i]!, entry);
    }
    seen = versions;
  }
}

function lineOf(key: Key, entry: ReadEntry | undefined): string {
  if (entry === undefined) return `{"key":${toTaggedJson(key)},"gone":true}`;
  const { value, version, expiresAt: expiresAtMs = Infinity } = entry;
  return toDumpLine({ key, decode: () => value, version, expiresAtMs });
}

async function* linesOfPrefix(host: LiveClient, prefix: Key): AsyncGenerator<string> {
  for await (const change of host.ask({ op: "watchPrefix", prefix })) {
    yield toTaggedJson(change as KeyChange);
  }
}
