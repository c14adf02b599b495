/**
 * The directory of a pool: which files are in it, and whether it can be used.
 *
 * @module
 */
import { describe, PathError } from "../core/errors.ts";
import type { FileSystem } from "./file_system.ts";

/** The newest checkpoint. */
export const CHECKPOINT_FILE = "checkpoint";
const IMAGE_PREFIX = "image-";

/** Name of the image of a snapshot. */
export function imageFile(number: number): string {
  return `${IMAGE_PREFIX}${number}`;
}

/** The snapshot that an image belongs to; undefined for other names. */
export function imageNumber(name: string): number | undefined {
  const match = /^image-(\d{1,10})$/.exec(name);
  return match ? Number(match[1]) : undefined;
}

/**
 * Makes sure that a directory exists, is writable, and holds nothing but a pool.
 *
 * @returns whether it holds a snapshot
 * @throws {PathError} when it cannot be used
 */
export function preparePoolDirectory(files: FileSystem, path: string): boolean {
  let names: string[];
  try {
    const info = files.info(path);
    if (info !== undefined && info.kind !== "directory") {
      throw new PathError(
        `path must be a directory or not exist yet, got ${describe(path)}, which is a file`,
      );
    }
    if (info === undefined) files.makeDirectory(path);
    files.assertWritable(path);
    names = files.list(path);
  } catch (error) {
    if (error instanceof PathError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new PathError(`path must be a writable directory, got ${describe(path)}: ${reason}`, {
      cause: error,
    });
  }
  const foreign = names.find((name) => !isPoolFile(name));
  if (foreign !== undefined) {
    throw new PathError(
      `path must be an empty directory or a pool, got ${describe(path)}, which holds ${
        describe(foreign)
      }`,
    );
  }
  return names.includes(CHECKPOINT_FILE);
}

function isPoolFile(name: string): boolean {
  return name === CHECKPOINT_FILE || name === `${CHECKPOINT_FILE}.new` ||
    imageNumber(name) !== undefined;
}
