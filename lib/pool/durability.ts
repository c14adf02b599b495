/**
 * Durability levels, and the word that says that durability has been lost.
 *
 * @module
 */
import { DurabilityError } from "../core/errors.ts";
import { ADDRESS_UNIT_BYTES } from "../core/limits.ts";
import { systemCodeAt, systemCodeNumber, systemError } from "../core/system_code.ts";
import {
  DURABILITY_FAILURE,
  DURABILITY_LEVEL,
  SYNC_FIGURES,
  UNITS_SYNCED,
  UNITS_WRITTEN,
} from "./control_layout.ts";
import type { Pool } from "./pool.ts";

/** What a put has survived when it is acknowledged, as in {@linkcode DURABILITY_LEVEL}. */
export const DurabilityLevel = {
  /** It is in the pool. */
  MEMORY: 0,
  /** It has been written to the image: the operating system has it. */
  OS: 1,
  /** It has been synced: the disk has it. */
  DISK: 2,
} as const;

/** Names of the levels, as `open` and `put` take them. */
export type Durability = "memory" | "os" | "disk";

/** Levels by name. */
export const DURABILITY_LEVELS: Readonly<Record<Durability, number>> = {
  memory: DurabilityLevel.MEMORY,
  os: DurabilityLevel.OS,
  disk: DurabilityLevel.DISK,
};

/** Why nothing is durable any more, as in {@linkcode DURABILITY_FAILURE}. */
export const DurabilityFailure = {
  NONE: 0,
  /** A write to the image failed, or made no progress. */
  WRITE: 1,
  /** The image could not be synced: the operating system may have dropped what was written. */
  SYNC: 2,
  /** A checkpoint could not be written. */
  CHECKPOINT: 3,
} as const;

/** Names of the failures, as `stats` and events tell them. */
export const DURABILITY_FAILURES = [undefined, "write", "sync", "checkpoint"] as const;

/** Whether writes are logged to the image. */
export function isLogged(pool: Pool): boolean {
  return pool.control[DURABILITY_LEVEL] !== DurabilityLevel.MEMORY;
}

/** Whether every write waits until it is synced. */
export function syncsAlways(pool: Pool): boolean {
  return pool.control[DURABILITY_LEVEL] === DurabilityLevel.DISK;
}

/** One of {@linkcode DurabilityFailure}. */
export function durabilityFailure(pool: Pool): number {
  return durabilityWord(pool) & FAILURE_MASK;
}

/**
 * What has ended durability, and with which code of the system, for {@linkcode durabilityError}; 0
 * if nothing has.
 */
export function durabilityWord(pool: Pool): number {
  return Atomics.load(pool.control, DURABILITY_FAILURE);
}

/**
 * Records the first failure, and the system's code in its error: from here on nothing is
 * acknowledged as durable.
 */
export function loseDurability(pool: Pool, failure: number, error: unknown): void {
  const word = failure | (systemCodeNumber(error) << FAILURE_BITS);
  Atomics.compareExchange(pool.control, DURABILITY_FAILURE, DurabilityFailure.NONE, word);
}

/**
 * The error about something that is not durable.
 *
 * @param what the beginning of the message: what was not made durable
 * @param word what has ended durability: from {@linkcode durabilityWord}
 */
export function durabilityError(
  what: string,
  word: number,
  options?: ErrorOptions,
): DurabilityError {
  const code = systemCodeAt(word >>> FAILURE_BITS);
  const failed = FAILED[word & FAILURE_MASK] ??
    "a write to the files of the pool, or a sync, has failed";
  const why = code === undefined ? "" : ` with ${code}${CAUSES[code] ?? ""}`;
  // In the thread that it happened to there was an error; its code is what reaches all threads.
  const cause = options?.cause ?? (code && systemError(code, `${failed}${CAUSES[code] ?? ""}`));
  return new DurabilityError(
    `${what}: ${failed}${why}, and nothing is durable until the store is opened again`,
    cause === undefined ? undefined : { cause },
  );
}

const FAILURE_BITS = 4;
const FAILURE_MASK = 2 ** FAILURE_BITS - 1;

/** By {@linkcode DurabilityFailure}. */
const FAILED: readonly (string | undefined)[] = [
  undefined,
  "a write to the files of the pool has failed",
  "a sync of the files of the pool has failed",
  "writing a checkpoint has failed",
];

/** What codes mean here. */
const CAUSES: Readonly<Record<string, string>> = {
  ENOSPC: " (the disk is full)",
  EDQUOT: " (the user's share of the disk is full)",
  EROFS: " (the disk is read-only)",
  EMFILE: " (the process has too many open files)",
  ENOENT: " (the directory of the pool, or a file in it, is gone)",
  ESTALE:
    " (the directory of the pool, or its lock file, was moved or replaced while the store was open)",
};

/**
 * Figures about syncing, as float64 words from SYNC_FIGURES on. Written by the thread that has
 * synced; for stats and deadlines.
 */
export const SyncFigure = { LAST_AT_MS: 0, COUNT: 1, TOTAL_MS: 2, LAST_MS: 3, MAX_MS: 4 } as const;

/** What syncing has cost. */
export interface SyncStats {
  /** How often the image was synced since the store was opened. */
  readonly count: number;
  /** How long it took in all, the last time, and at most, in milliseconds. */
  readonly totalMs: number;
  /** See {@linkcode totalMs}. */
  readonly lastMs: number;
  /** See {@linkcode totalMs}. */
  readonly maxMs: number;
}

/** Bytes written to the image that a loss of power could take back. */
export function unsyncedBytes(pool: Pool): number {
  const written = Atomics.load(pool.control, UNITS_WRITTEN);
  return ((written - Atomics.load(pool.control, UNITS_SYNCED)) >>> 0) * ADDRESS_UNIT_BYTES;
}

/** What syncing has cost so far. */
export function syncStats(pool: Pool): SyncStats {
  const figure = (index: number) => pool.counters[SYNC_FIGURES / 2 + index];
  return {
    count: figure(SyncFigure.COUNT),
    totalMs: figure(SyncFigure.TOTAL_MS),
    lastMs: figure(SyncFigure.LAST_MS),
    maxMs: figure(SyncFigure.MAX_MS),
  };
}
