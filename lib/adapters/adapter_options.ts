/**
 * Options that several adapters have.
 *
 * @module
 */
import { describe, InvalidArgumentError } from "../core/errors.ts";
import { EXPIRY_MS_MAX } from "../core/limits.ts";
import { epochMs } from "../platform/runtime.ts";

/** Checks what keys are to begin with. */
export function assertPrefix(prefix: unknown): asserts prefix is string {
  if (typeof prefix === "string") return;
  throw new InvalidArgumentError(`prefix must be a string, got ${describe(prefix)}`);
}

/** Checks how long an entry is to live, in milliseconds. */
export function assertTtl(ttlMs: unknown): asserts ttlMs is number {
  if (typeof ttlMs === "number" && ttlMs > 0) return;
  throw new InvalidArgumentError(
    `ttlMs must be a number of milliseconds above 0, got ${describe(ttlMs)}`,
  );
}

/**
 * When a session ends, in milliseconds since the epoch: at a date, or after so long if it has none.
 * Dates may be later than a store's expiry times: the last one that there is means never.
 */
export function sessionEnd(dateMs: number, ttlMs: number): number {
  if (Number.isNaN(dateMs)) return epochMs() + ttlMs;
  return dateMs > EXPIRY_MS_MAX ? Infinity : dateMs;
}

/** Options of an adapter for Keyv. */
export interface KeyvDinomoOptions {
  /** What the keys begin with in the store, before a namespace of Keyv. @default "" */
  prefix?: string | undefined;
}
