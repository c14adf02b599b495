/**
 * The options of queues.
 *
 * @module
 */
import { describe, InvalidArgumentError } from "../core/errors.ts";
import type { Durability } from "../pool/durability.ts";
import { type AbortOptions, assertSignal } from "../store/arguments/abort.ts";
import { assertOptions } from "../store/arguments/option_names.ts";

/** The shortest lease of a job: below, a busy event loop alone would lose it. */
export const LEASE_MS_MIN = 10;
/** The longest time that an option may say: a year. */
const MS_MAX = 365 * 24 * 60 * 60 * 1000;
/** The most times that a job may be tried. */
const ATTEMPTS_MAX = 1_000_000;
/** The most jobs that one consumer works on at once. */
const CONCURRENCY_MAX = 10_000;
/**
 * The first pause before a job that has failed is tried again, and the longest, unless it is said.
 */
const BACKOFF_MS = 1000;
const BACKOFF_MS_MAX = 60 * 60 * 1000;

/** How the jobs of a queue are tried. */
export interface QueueOptions {
  /**
   * Milliseconds after which a job is given to another consumer if its own has died, from 10 on.
   * @default 30_000
   */
  leaseMs?: number | undefined;
  /** How often a job is tried before it becomes a dead letter. @default 5 */
  attempts?: number | undefined;
  /**
   * Milliseconds to wait after a failure, or a function that tells them from the number of attempts
   * so far. A job for which it tells none, or throws, comes back when its lease ends.
   * @default a second, twice as long each time, an hour at most
   */
  backoffMs?: number | ((attempts: number) => number) | undefined;
  /** As for `put`, of all changes of jobs. @default the store's */
  durability?: Durability | undefined;
}

/** How a job is added. */
export interface AddOptions {
  /** Milliseconds after which it is due. @default 0 */
  delayMs?: number | undefined;
}

/** How jobs are taken. */
export interface JobsOptions extends AbortOptions {
  /** Whether the process goes on as long as jobs are waited for. @default true */
  keepAlive?: boolean | undefined;
}

/** How jobs are worked on. */
export interface ProcessOptions extends JobsOptions {
  /** How many jobs are worked on at once. @default 1 */
  concurrency?: number | undefined;
  /**
   * Told what a handler has thrown, or why a job could not be ended. What it throws itself is an
   * uncaught exception. @default nothing is told
   */
  onError?: ((error: unknown, jobId: string) => void) | undefined;
}

/** Options of a queue, complete. */
export interface ResolvedQueueOptions {
  readonly leaseMs: number;
  readonly attempts: number;
  readonly backoffMs: (attempts: number) => number;
  readonly durability: Durability | undefined;
}

/** Checks the options of a queue, and completes them. */
export function queueOptionsOf(options: QueueOptions = {}): ResolvedQueueOptions {
  assertOptions(options, ["leaseMs", "attempts", "backoffMs", "durability"]);
  const { leaseMs = 30_000, attempts = 5, backoffMs = exponential, durability } = options;
  assertMs("leaseMs", leaseMs, LEASE_MS_MIN);
  assertWhole("attempts", attempts, ATTEMPTS_MAX);
  if (typeof backoffMs !== "function") assertMs("backoffMs", backoffMs, 0);
  const told = typeof backoffMs === "function" ? backoffMs : () => backoffMs;
  const checked = (attempt: number) => {
    const ms = told(attempt);
    assertMs("what backoffMs returns", ms, 0);
    return ms;
  };
  return { leaseMs, attempts, backoffMs: checked, durability };
}

/** Checks how a job is added; the milliseconds until it is due. */
export function delayOf(options: AddOptions | undefined): number {
  if (options === undefined) return 0;
  assertOptions(options, ["delayMs"]);
  const { delayMs = 0 } = options;
  assertMs("delayMs", delayMs, 0);
  return delayMs;
}

/** Checks how jobs are taken. */
export function jobsOptionsOf(options: JobsOptions = {}): { keepsAlive: boolean } {
  assertOptions(options, ["signal", "keepAlive"]);
  return { keepsAlive: keepsAliveOf(options) };
}

/** Checks how jobs are worked on. */
export function processOptionsOf(
  options: ProcessOptions = {},
): { keepsAlive: boolean; concurrency: number; onError: (error: unknown, jobId: string) => void } {
  assertOptions(options, ["signal", "keepAlive", "concurrency", "onError"]);
  const { concurrency = 1, onError = () => {} } = options;
  assertWhole("concurrency", concurrency, CONCURRENCY_MAX);
  if (typeof onError !== "function") {
    throw new InvalidArgumentError(`onError must be a function, got ${describe(onError)}`);
  }
  return { keepsAlive: keepsAliveOf(options), concurrency, onError };
}

/** Checks a number of milliseconds. */
export function assertMs(option: string, ms: unknown, min: number): void {
  if (typeof ms === "number" && ms >= min && ms <= MS_MAX) return;
  throw new InvalidArgumentError(
    `${option} must be from ${min} to ${MS_MAX} milliseconds, got ${describe(ms)}`,
  );
}

function keepsAliveOf({ signal, keepAlive = true }: JobsOptions): boolean {
  assertSignal(signal);
  if (typeof keepAlive === "boolean") return keepAlive;
  throw new InvalidArgumentError(`keepAlive must be a boolean, got ${describe(keepAlive)}`);
}

function assertWhole(option: string, number: unknown, max: number): void {
  if (Number.isInteger(number) && (number as number) >= 1 && (number as number) <= max) return;
  throw new InvalidArgumentError(
    `${option} must be a whole number from 1 to ${max}, got ${describe(number)}`,
  );
}

function exponential(attempts: number): number {
  return Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** (attempts - 1));
}
