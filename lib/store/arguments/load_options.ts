/**
 * The arguments of `getOrPut`.
 *
 * @module
 */
import { describe, InvalidArgumentError } from "../../core/errors.ts";
import type { Key } from "../../core/key_encoder.ts";
import { assertSignal } from "./abort.ts";
import { givenExpiryOf } from "./arguments.ts";
import type { PutOptions } from "./method_options.ts";
import { assertOptions } from "./option_names.ts";

/** Options of a `getOrPut`. */
export interface LoadOptions extends PutOptions {
  /**
   * Milliseconds, behind the `ttl`, for which a value is still used while it is loaded again: the
   * key is gone only when they are over, too. @default 0
   */
  staleWhileRevalidateMs?: number | undefined;
  /**
   * Ends the call when it is aborted. The load goes on for others that wait for it; when none does,
   * the signal that it was given is aborted, too. @default none
   */
  signal?: AbortSignal | undefined;
}

/** What a loader is told. */
export interface LoadContext {
  /** Aborted when no caller waits for the value any more. */
  readonly signal: AbortSignal;
}

/** How a value is loaded and stored. */
export interface LoadPlan<V> {
  readonly load: (key: Key, context: LoadContext) => V | Promise<V>;
  readonly putOptions: PutOptions;
  /** How long the value is used behind its time. */
  readonly staleMs: number;
  readonly signal: AbortSignal | undefined;
}

const NO_OPTIONS: PutOptions = {};
const NAMES = ["ttl", "expiresAt", "durability", "staleWhileRevalidateMs", "signal"];

/** Checks the arguments of a `getOrPut`. */
export function loadPlanOf<V>(
  load: (key: Key, context: LoadContext) => V | Promise<V>,
  options: LoadOptions | undefined,
): LoadPlan<V> {
  if (typeof load !== "function") {
    throw new InvalidArgumentError(`load must be a function, got ${describe(load)}`);
  }
  if (options === undefined) {
    return { load, putOptions: NO_OPTIONS, staleMs: 0, signal: undefined };
  }
  assertOptions(options, NAMES);
  const { staleWhileRevalidateMs: stale, signal, ...putOptions } = options;
  // Before anything is loaded.
  givenExpiryOf(putOptions);
  assertSignal(signal);
  const staleMs = staleMsOf(stale, putOptions.ttl);
  if (staleMs > 0) putOptions.ttl! += staleMs;
  return { load, putOptions, staleMs, signal };
}

function staleMsOf(stale: unknown, ttl: number | undefined): number {
  if (stale === undefined || stale === 0) return 0;
  if (typeof stale !== "number" || !(stale > 0) || !Number.isFinite(stale)) {
    throw new InvalidArgumentError(
      `staleWhileRevalidateMs must be a finite number of milliseconds from 0, got ${
        describe(stale)
      }`,
    );
  }
  if (ttl === undefined) {
    throw new InvalidArgumentError("staleWhileRevalidateMs must be given with a ttl, got none");
  }
  return stale;
}
