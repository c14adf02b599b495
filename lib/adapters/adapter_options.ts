/**
 * Options that several adapters have.
 *
 * @module
 */
import { describe, InvalidArgumentError } from "../core/errors.ts";

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

/** Options of an adapter for Keyv. */
export interface KeyvDinomoOptions {
  /** What the keys begin with in the store, before a namespace of Keyv. @default "" */
  prefix?: string | undefined;
}
