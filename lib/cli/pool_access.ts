/**
 * How commands get at a pool without opening it: they restore it in memory, as `open` would, and
 * start no threads. They write nothing, and take no lock; a repair opens the pool for what it
 * writes.
 *
 * @module
 */
import * as fs from "node:fs";
import { join, resolve } from "node:path";
import { CorruptionError, PathError, PoolLockedError } from "../core/errors.ts";
import { sleep } from "../platform/runtime.ts";
import { systemCodeOf } from "../core/system_code.ts";
import { formatBytes } from "../core/units.ts";
import { nodeFileSystem } from "../persistence/file_system.ts";
import type { Damage } from "../persistence/replay_report.ts";
import { CHECKPOINT_FILE, imageNumber } from "../persistence/pool_directory.ts";
import { readSnapshot, type RestoredPool } from "../persistence/snapshot_reader.ts";
import { readUnlocked } from "../persistence/unlocked_read.ts";
import type { Measure } from "./progress.ts";
import { printMessage, type Terminal } from "./terminal.ts";

/** How often a pool that is open is read, at most, to find the same damage twice. */
const READINGS_MAX = 8;
/** Time between two of them. */
const READ_AGAIN_MS = 100;

/**
 * Reads the files of a pool that no store has open. Writes nothing, and is in no opener's way.
 *
 * @param read gets the absolute path of the pool's directory; is called again if the files have
 *   changed meanwhile
 * @throws {PathError} when there is no pool that can be read
 * @throws {PoolLockedError} when it is open
 */
export async function readClosedPool<Result>(
  path: string,
  read: (directory: string) => Result | Promise<Result>,
): Promise<Result> {
  const directory = resolve(path);
  return await readUnlocked(nodeFileSystem, directory, () => read(directory));
}

/**
 * Reads the files of a pool, also while a process has it open.
 *
 * What a checkpoint names stays as it is until the next one is in its place (I10), and what is
 * appended behind it is whole in its place in the end. So damage that is found counts only if it is
 * found again, at the same place and under the same checkpoint; what was found in a file that was
 * being written is gone then. A reading that was not disturbed is right at once.
 *
 * @param read reads all of it, and says what is damaged; or throws `CorruptionError`
 * @throws {PathError} when there is no pool that can be read, or it changes faster than that
 * @throws {PoolLockedError} never, unlike {@linkcode readClosedPool}
 */
export async function readPool<Result>(
  path: string,
  terminal: Terminal,
  read: (directory: string) => Reading<Result> | Promise<Reading<Result>>,
): Promise<Result> {
  try {
    return await readClosedPool(path, async (directory) => (await read(directory)).result);
  } catch (error) {
    if (!(error instanceof PoolLockedError)) throw error;
  }
  const directory = resolve(path);
  printMessage(terminal, `${directory} is open: what is said is as of about now`);
  let before: { readonly reading: Outcome<Result>; readonly checkpoint: string } | undefined;
  for (let attempt = 0; attempt < READINGS_MAX; attempt++) {
    const checkpoint = checkpointIdentity(directory);
    const reading = await outcomeOf(() => read(directory));
    if (reading.damage === "") return reading.result();
    const isUndisturbed = checkpointIdentity(directory) === checkpoint;
    const isAgain = before?.checkpoint === checkpoint && before.reading.damage === reading.damage;
    if (isUndisturbed && isAgain) return reading.result();
    before = { reading, checkpoint };
    await sleep(READ_AGAIN_MS);
  }
  throw new PathError(
    `path must be a pool that does not change faster than it is read, got ${
      JSON.stringify(directory)
    }: try again when less is written, or when it is closed`,
  );
}

/** What was read, and the damage that was found, as a text; "" if there is none. */
export interface Reading<Result> {
  readonly result: Result;
  readonly damage: string;
}

/** How a reading has ended. */
interface Outcome<Result> {
  readonly damage: string;
  /** Returns the result, or throws what the reading has thrown. */
  readonly result: () => Result;
}

async function outcomeOf<Result>(
  read: () => Reading<Result> | Promise<Reading<Result>>,
): Promise<Outcome<Result>> {
  try {
    const { result, damage } = await read();
    return { damage, result: () => result };
  } catch (error) {
    // Of a file that is gone, too: another checkpoint has taken its place.
    const isOfFiles = error instanceof CorruptionError || error instanceof PathError ||
      systemCodeOf(error) !== undefined;
    if (!isOfFiles) throw error;
    return {
      damage: String(error),
      result: () => {
        throw error;
      },
    };
  }
}

/** Which checkpoint is in its place: each is a file of its own. */
function checkpointIdentity(directory: string): string {
  const info = fs.statSync(join(directory, CHECKPOINT_FILE), {
    bigint: true,
    throwIfNoEntry: false,
  });
  return info === undefined ? "" : `${info.ino} ${info.mtimeNs} ${info.size}`;
}

/** Bytes of the image that a reading reads; 0 if that cannot be told. */
function imageBytes(path: string): number {
  try {
    const directory = resolve(path);
    const images = fs.readdirSync(directory).filter((name) => imageNumber(name) !== undefined);
    return Math.max(0, ...images.map((name) => fs.statSync(join(directory, name)).size));
  } catch {
    return 0;
  }
}

/**
 * Restores a pool in memory. Damage behind the checkpoint is left out and reported; nothing changes
 * in the files.
 *
 * @throws {FormatError} when a file is not of this format
 * @throws {CorruptionError} when checkpoint or image are damaged
 */
export function restoreInMemory(
  directory: string,
  onProgress?: (share: number) => void,
): RestoredPool {
  const asStored = { codec: undefined, capacityBytes: undefined, segmentBytes: undefined };
  return readSnapshot(nodeFileSystem, directory, asStored, { repair: true, onProgress });
}

/** Says where something is damaged. */
export function describeDamage({ file, offset, bytes, reason }: Damage): string {
  return `${file}: damaged at byte ${offset}: ${reason}, ${bytes} bytes`;
}

/** A count as a person reads it. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** What is counted where keys are. */
export function keysOf(total: number | undefined): Measure {
  return { total, format: (count) => counted(count, "key") };
}

/** What is counted where the image of a pool is read. */
export function bytesOfImage(path: string): Measure {
  return { total: Math.max(1, imageBytes(path)), format: formatBytes };
}

/** A count with its noun. */
export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}
