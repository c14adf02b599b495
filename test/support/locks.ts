/**
 * Lock files as processes leave them behind that were killed.
 *
 * @module
 */
import { renameSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { LockHolder } from "../../lib/persistence/lock_holder.ts";
import { ownProcess } from "../../lib/persistence/process_identity.ts";

/** No process has it: above the largest pid of Linux and of macOS. */
export const FREE_PID = 2 ** 22 + 1;

/** A token that was not used yet. */
export function newToken(): string {
  return crypto.randomUUID().replaceAll("-", "").slice(0, 16);
}

/** The text of a lock file of a directory; its holder is this process, except for what is given. */
export function lockText(path: string, changes: Partial<LockHolder>): string {
  const { dev, ino } = statSync(path, { bigint: true });
  const holder: LockHolder = {
    ...ownProcess(),
    token: newToken(),
    directory: `${dev}:${ino}`,
    since: new Date().toISOString(),
    socket: null,
    ...changes,
  };
  return `${JSON.stringify(holder)}\n`;
}

/** Replaces the lock file by one of a holder that has ended, in one step. */
export function abandonLock(path: string): void {
  // Not a draft's name: the lock removes drafts of processes that have ended.
  const draft = `${path}-${process.pid}-abandoned`;
  writeFileSync(draft, lockText(path, { pid: FREE_PID }), { mode: 0o600 });
  renameSync(draft, join(path, "lock"));
}

/** Makes a file older than any that is still being written. */
export function makeOld(path: string): void {
  const hourAgo = Date.now() / 1000 - 3600;
  utimesSync(path, hourAgo, hourAgo);
}
