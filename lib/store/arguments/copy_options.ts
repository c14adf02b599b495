/**
 * The options and the results of copying a whole store.
 *
 * @module
 */
import { describe, InvalidArgumentError } from "../../core/errors.ts";
import type { AbortOptions } from "./abort.ts";
import { assertOptions } from "./option_names.ts";

/** Options of `backup`. */
export interface BackupOptions extends AbortOptions {
  /**
   * Called with the share that is done, 0 to 1: of a cluster as its keys are copied, otherwise
   * once, at the end. If it throws before the end, nothing is written. @default none
   */
  onProgress?: ((share: number) => void) | undefined;
}

/** Options of `restore`. */
export interface RestoreOptions extends AbortOptions {
  /**
   * Whether the store may have keys, which stay as they are: so a restore that was interrupted goes
   * on. @default false: a store that has keys is refused
   */
  merge?: boolean | undefined;
  /**
   * Called with the share of the pool's keys that is done, 0 to 1. If it throws, what has been
   * restored by then stays, and the rest is left out. @default none
   */
  onProgress?: ((share: number) => void) | undefined;
}

/** What `restore` has done. */
export interface RestoreReport {
  /** Keys that were put. */
  readonly restored: number;
  /** Keys that the store had, and has as it had them. */
  readonly kept: number;
  /** How long it took, in milliseconds. */
  readonly durationMs: number;
}

/** Checks the options of `backup`. */
export function backupOptionsOf(options: BackupOptions = {}): BackupOptions {
  assertOptions(options, ["signal", "onProgress"]);
  assertProgress(options.onProgress);
  return options;
}

/** Checks the options of `restore`. */
export function restoreOptionsOf(options: RestoreOptions = {}): RestoreOptions {
  assertOptions(options, ["signal", "merge", "onProgress"]);
  const { merge = false, onProgress } = options;
  if (typeof merge !== "boolean") {
    throw new InvalidArgumentError(`merge must be a boolean, got ${describe(merge)}`);
  }
  assertProgress(onProgress);
  return options;
}

function assertProgress(onProgress: unknown): void {
  if (onProgress === undefined || typeof onProgress === "function") return;
  throw new InvalidArgumentError(`onProgress must be a function, got ${describe(onProgress)}`);
}
