/**
 * `dinomo restore`: a new pool from the lines of a dump.
 *
 * The pool is made in a directory of its own, "<path>.restoring", and gets its name in one step
 * when it is complete and synced. So a restore that fails, or is killed, leaves nothing at the
 * path.
 *
 * @module
 */
import * as fs from "node:fs";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import type { CodecOption, CustomCodec } from "../codec/codec.ts";
import { DinomoError, PathError, StoreClosedError } from "../core/errors.ts";
import type { Key } from "../core/key_encoder.ts";
import { KEY_TYPE_NUMBERS, type KeyTypes } from "../core/key_types.ts";
import { HEADER_KEY_TYPES } from "../pool/control_layout.ts";
import { Pool } from "../pool/pool.ts";
import { checkHandle } from "../store/parts/handle.ts";
import type { Bytes } from "../core/units.ts";
import { CODEC_NUMBERS, type CodecName } from "../persistence/checkpoint_layout.ts";
import { nodeFileSystem } from "../persistence/file_system.ts";
import { CHECKPOINT_FILE } from "../persistence/pool_directory.ts";
import type { Durability } from "../pool/durability.ts";
import type { OpenOptions } from "../store/options/options.ts";
import { controlsOf, type Store } from "../store/store.ts";
import type { Command } from "./command.ts";
import { choiceOf } from "./command_line.ts";
import { ExitCode } from "./exit_codes.ts";
import { linesOf } from "./line_reader.ts";
import { counted } from "./pool_access.ts";
import { RestoreWriter } from "./restore_writer.ts";
import { Progress, PROGRESS_RULES } from "./progress.ts";
import { printLine, printMessage } from "./terminal.ts";

/** Lines after which the progress is shown. */
const PROGRESS_LINES = 10_000;
const KEY_TYPES = Object.keys(KEY_TYPE_NUMBERS) as KeyTypes[];
const CODECS = Object.keys(CODEC_NUMBERS) as CodecName[];

/** Bytes as they are, for a pool whose codec only the application has. */
export const BYTES_OF_CUSTOM_CODEC: CustomCodec<unknown> = {
  encode: (value) => value as Uint8Array,
  decode: (bytes) => bytes,
};

/** The command. */
export const restoreCommand: Command = {
  name: "restore",
  summary: "makes a new pool from the lines that dump has written",
  details:
    `Makes a new pool at a path where nothing is yet. Keys get new versions and keep their expiry
times; those that have expired are left out. Of two lines with one key the later one counts.

The pool is made in the directory "<path>.restoring" beside it, and gets its name when it is
complete. A line that is not one of a dump ends the restore, with its number, and nothing is
left. A restore that was killed leaves "<path>.restoring": remove it, and start again.`,
  rules: {
    input: { value: "<file>", help: "read a file instead of the standard input" },
    keys: {
      value: "<types>",
      help: `${KEY_TYPES.join(", ")}: types of keys; default: the dump's`,
    },
    codec: { value: "<name>", help: `${CODECS.join(", ")}; default: msgpack` },
    capacity: { value: "<size>", help: "bytes of the log, such as 64MiB; default: 1GiB" },
    "segment-bytes": { value: "<size>", help: "bytes of a segment, a power of two" },
    durability: {
      value: "<level>",
      help: "memory, os or disk, while it is made; default: memory",
    },
    ...PROGRESS_RULES,
  },
  async run({ path, options }, terminal) {
    const codec = choiceOf(options, "codec", CODECS, "msgpack");
    const directory = resolve(path);
    const unfinished = `${directory}.restoring`;
    assertNothing(directory, "path must not exist yet");
    assertNothing(unfinished, "path must not have an unfinished restore beside it");
    // A pool with anything else in its directory cannot be opened.
    assertNothing(join(dirname(directory), CHECKPOINT_FILE), "path must not be inside of a pool");
    const input = openInput(options.get("input"));
    const progress = new Progress(terminal, "restore: ", options, {
      total: undefined,
      format: (count) => counted(count, "line"),
    });
    const { keys, expired } = await intoDirectory(unfinished, directory, async () => {
      const store = await openNew(unfinished, codec, options);
      return await fill(store, codec, input, progress, options.has("keys"));
    });
    if (expired > 0) {
      printMessage(terminal, `${counted(expired, "key")} had expired, and been left out`);
    }
    printLine(terminal, `${directory}: ${counted(keys, "key")} restored`);
    return ExitCode.FINE;
  },
};

async function openNew(
  path: string,
  codec: CodecName,
  given: ReadonlyMap<string, string>,
): Promise<Store<unknown, Key>> {
  const { open } = await import("../store/open.ts");
  const values: CodecOption<unknown> = codec === "custom" ? BYTES_OF_CUSTOM_CODEC : codec;
  const options: OpenOptions<unknown, "mixed"> = {
    path,
    // Without a choice what the lines have decides in the end.
    keys: choiceOf(given, "keys", KEY_TYPES, "mixed") as "mixed",
    codec: values,
    durability: (given.get("durability") ?? "memory") as Durability,
  };
  const capacity = given.get("capacity");
  const segmentBytes = given.get("segment-bytes");
  if (capacity !== undefined) options.capacity = capacity as Bytes;
  if (segmentBytes !== undefined) options.segmentBytes = segmentBytes as Bytes;
  return await open<unknown>({ ...options, keys: options.keys! });
}

/** Stores every line; closes the store, which writes a checkpoint only if all went well. */
async function fill(
  store: Store<unknown, Key>,
  codec: CodecName,
  input: AsyncIterable<Uint8Array>,
  progress: Progress,
  areKeysGiven: boolean,
): Promise<{ keys: number; expired: number }> {
  const writer = new RestoreWriter(store, codec);
  try {
    for await (const line of linesOf(input)) {
      await writer.add(line);
      if (line.number % PROGRESS_LINES === 0) progress.update(line.number);
    }
    await writer.flush();
    if (!areKeysGiven) setKeyTypes(store, writer.keyTypes);
    return { keys: store.count, expired: writer.expiredCount };
  } catch (error) {
    const reason = error instanceof DinomoError
      ? error
      : new StoreClosedError("the restore has failed");
    // So closing it writes no checkpoint of what is incomplete.
    controlsOf(store).fail(reason);
    throw error;
  } finally {
    progress.end();
    await store.close();
  }
}

/** Has a store, of which no other thread uses the keys, remember what types they have. */
function setKeyTypes(store: Store<unknown, Key>, types: number): void {
  const { control } = Pool.attach(checkHandle(store.share()).pool);
  control[HEADER_KEY_TYPES] = types || KEY_TYPE_NUMBERS.string;
}

/** Gives a directory its name when `make` has filled it, or removes it. */
async function intoDirectory<Result>(
  unfinished: string,
  directory: string,
  make: () => Promise<Result>,
): Promise<Result> {
  let isComplete = false;
  try {
    const result = await make();
    assertNothing(directory, "path must not exist yet");
    fs.renameSync(unfinished, directory);
    isComplete = true;
    nodeFileSystem.syncDirectory(dirname(directory));
    return result;
  } finally {
    if (!isComplete) fs.rmSync(unfinished, { recursive: true, force: true });
  }
}

function assertNothing(path: string, rule: string): void {
  let isThere = true;
  try {
    fs.lstatSync(path);
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") {
      throw new PathError(`${rule}, failed at ${JSON.stringify(path)}: ${String(error)}`, {
        cause: error,
      });
    }
    isThere = false;
  }
  if (isThere) throw new PathError(`${rule}, got ${JSON.stringify(path)}, which exists`);
}

/** Opens the input before anything else happens. */
function openInput(path: string | undefined): AsyncIterable<Uint8Array> {
  if (path === undefined) return process.stdin;
  try {
    const file = fs.openSync(path, "r");
    if (fs.fstatSync(file).isDirectory()) throw new Error("it is a directory");
    return fs.createReadStream(path, { fd: file });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new PathError(`--input must be a file that can be read, failed at "${path}": ${reason}`, {
      cause: error,
    });
  }
}
