/**
 * Durability levels, and the word that says that durability has been lost.
 *
 * @module
 */
import { ADDRESS_UNIT_BYTES } from "../core/limits.ts";
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
  return Atomics.load(pool.control, DURABILITY_FAILURE);
}

/** Records the first failure: from here on nothing is acknowledged as durable. */
export function loseDurability(pool: Pool, failure: number): void {
  Atomics.compareExchange(pool.control, DURABILITY_FAILURE, DurabilityFailure.NONE, failure);
}

/** Figures about syncing, as float64 words from SYNC_FIGURES on. Written by whoever has synced; for stats and deadlines. */
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
