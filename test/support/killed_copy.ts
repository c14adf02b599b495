/**
 * Copies of the directory of a pool that is open: what a process that is killed now would leave.
 *
 * @module
 */
import { cpSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { CHECKPOINT_FILE, LOCK_FILE } from "../../lib/persistence/pool_directory.ts";
import { temporaryPath } from "./temporary.ts";

/**
 * Copies a pool's directory while its store is open, and idle but for what it does by itself. What
 * the segments have belongs to a checkpoint: if that is replaced meanwhile the copy is made again.
 *
 * @returns where the copy is
 */
export function copyAsKilled(path: string): string {
  // A checkpoint that is being written has another name a moment later.
  const isLeft = (file: string) => !file.startsWith(LOCK_FILE) && file !== `${CHECKPOINT_FILE}.new`;
  const filter = (file: string) => isLeft(basename(file));
  const copy = temporaryPath("killed");
  for (;;) {
    const before = checkpointOf(path);
    cpSync(path, copy, { recursive: true, filter });
    if (checkpointOf(path) === before) return copy;
    rmSync(copy, { recursive: true });
  }
}

function checkpointOf(path: string): string {
  const { ino, mtimeNs } = statSync(join(path, CHECKPOINT_FILE), { bigint: true });
  return `${ino} ${mtimeNs}`;
}
