/**
 * `dinomo dump`: the contents of a pool as lines of JSON.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import { dirname, resolve, sep } from "node:path";
import { DecodeError, PathError } from "../core/errors.ts";
import type { CodecName } from "../persistence/checkpoint_layout.ts";
import { createAnew, nodeFileSystem } from "../persistence/file_system.ts";
import type { Pool } from "../pool/pool.ts";
import type { Command } from "./command.ts";
import { toDumpLine, toFailureLine } from "./dump_line.ts";
import { BadDataError, ExitCode, OutputClosedError, UsageError } from "./exit_codes.ts";
import { keysOf, readClosedPool, restoreInMemory } from "./pool_access.ts";
import { entriesOf, valueReader } from "../store/opening/pool_entries.ts";
import { countKeys, requireWhole } from "./pool_info.ts";
import { toTaggedJson } from "../codec/tagged_json.ts";
import { Progress, PROGRESS_RULES } from "./progress.ts";
import { reportUndecodable } from "./undecodable_keys.ts";
import { printLine, type Terminal, writeAll } from "./terminal.ts";

/** Characters that are collected before they are written. */
const CHUNK_CHARS = 64 * 1024;
/** Keys after which the progress is looked at. */
const PROGRESS_KEYS = 256;

type Write = (bytes: Uint8Array) => void;

/** The command. */
export const dumpCommand: Command = {
  name: "dump",
  summary: "writes the keys and values of a pool as lines of JSON",
  details: `Writes one line of JSON for each key, in no order:
  { "key": ..., "value": ..., "version": ..., "expiresAt": milliseconds }
A version is only for the reader; "expiresAt" is there if the key expires. Keys that have
expired are left out. A damaged pool is not dumped: repair it first. A value that cannot
be decoded ends the dump, unless --skip-undecodable is given.

What JSON cannot say is an object with one property:
  $bytes, $typed, $date, $map, $set, $bigint, $number, $undefined, $regexp, $error,
  $exception
and an ordinary object that looks like one of these is wrapped in $object. Values of an
application's own codec are $bytes.

A file appears under its name only when it is complete. A dump to the standard output that
fails ends with a line { "incomplete": reason }, which restore refuses.

Reads the whole pool into memory; starts no threads, and writes nothing into the pool.`,
  rules: {
    prefix: { value: "<text>", help: "only keys that begin with this text" },
    "skip-undecodable": {
      help: "leave out values that cannot be decoded, and name their keys",
    },
    output: { value: "<file>", help: "write to a file instead of the standard output" },
    ...PROGRESS_RULES,
  },
  async run({ path, options }, terminal) {
    const output = options.get("output");
    const prefix = new TextEncoder().encode(options.get("prefix") ?? "");
    const skipped: string[] | undefined = options.has("skip-undecodable") ? [] : undefined;
    try {
      const { pool, codec, recovery } = await readClosedPool(path, (directory) => {
        if (output !== undefined) assertOutside(directory, output);
        return restoreInMemory(directory);
      });
      requireWhole(recovery.damages);
      const dumped = { pool, codec, prefix, skipped };
      const progress = new Progress(terminal, "dump: ", options, keysOf(countKeys(pool)));
      await writeTo(output, terminal, (write) => dump(dumped, progress, write));
      reportUndecodable(terminal, skipped ?? []);
      return ExitCode.FINE;
    } catch (error) {
      // A process that reads a pipe does not see the exit code: an empty dump would be one of an
      // empty pool.
      const isSaid = output === undefined && !(error instanceof OutputClosedError);
      if (isSaid) printLine(terminal, toFailureLine(error));
      throw error;
    }
  },
};

/** What is dumped. */
interface Dumped {
  readonly pool: Pool;
  readonly codec: CodecName;
  readonly prefix: Uint8Array;
  /** Takes the keys whose values cannot be decoded; undefined if such a value ends the dump. */
  readonly skipped: string[] | undefined;
}

async function dump(
  { pool, codec, prefix, skipped }: Dumped,
  progress: Progress,
  write: Write,
): Promise<void> {
  const values = await valueReader(pool, codec);
  let chunk = "";
  let count = 0;
  try {
    for (const entry of entriesOf(pool, values, prefix)) {
      try {
        chunk += `${toDumpLine(entry)}\n`;
      } catch (error) {
        const isUndecodable = error instanceof BadDataError && error.cause instanceof DecodeError;
        if (skipped === undefined || !isUndecodable) throw error;
        skipped.push(toTaggedJson(entry.key));
      }
      if (++count % PROGRESS_KEYS === 0) progress.update(count);
      if (chunk.length < CHUNK_CHARS) continue;
      write(Buffer.from(chunk));
      chunk = "";
    }
    progress.update(count);
  } finally {
    progress.end();
    write(Buffer.from(chunk));
  }
}

/**
 * Calls `fill` with what writes to the standard output, or to a file that replaces one of that name
 * in the end.
 */
async function writeTo(
  output: string | undefined,
  terminal: Terminal,
  fill: (write: Write) => Promise<void>,
): Promise<void> {
  if (output === undefined) return await fill((bytes) => terminal.write(bytes));
  // A device or a pipe must not be replaced.
  const isReplaced = whenWritable(output, () => isFileOrNothing(output));
  const written = isReplaced ? `${output}.new` : output;
  const file = whenWritable(
    output,
    () => isReplaced ? createAnew(nodeFileSystem, written) : fs.openSync(written, "w"),
  );
  let isComplete = false;
  try {
    await fill((bytes) => whenWritable(output, () => writeAll(file, bytes)));
    if (isReplaced) whenWritable(output, () => fs.fsyncSync(file));
    isComplete = true;
  } finally {
    fs.closeSync(file);
    if (isReplaced && !isComplete) fs.rmSync(written, { force: true });
  }
  if (isReplaced) whenWritable(output, () => fs.renameSync(written, output));
}

/**
 * Whether there is a file, or nothing. A symbolic link to one is refused: it would neither be
 * followed nor stay.
 */
function isFileOrNothing(output: string): boolean {
  const info = fs.statSync(output, { throwIfNoEntry: false });
  if (info !== undefined && !info.isFile()) return false;
  if (fs.lstatSync(output, { throwIfNoEntry: false })?.isSymbolicLink()) {
    throw new PathError(`--output must not be a symbolic link to a file, got "${output}"`);
  }
  return true;
}

/** A file inside the directory would make it something that is not a pool. */
function assertOutside(directory: string, output: string): void {
  const folder = dirname(resolve(output));
  const isInside = (parent: string, child: string) =>
    child === parent || child.startsWith(parent + sep);
  const real = (path: string) => whenWritable(output, () => fs.realpathSync(path));
  if (!isInside(real(directory), real(folder))) return;
  throw new UsageError(`--output must be outside of the pool, got "${output}"`);
}

function whenWritable<Result>(output: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error)) throw error;
    throw new PathError(
      `--output must be a file that can be written, failed at "${output}": ${error.message}`,
      { cause: error },
    );
  }
}
