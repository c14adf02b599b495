/**
 * The options of locks.
 *
 * @module
 */
import { describe, InvalidArgumentError } from "../core/errors.ts";
import type { Durability } from "../pool/durability.ts";
import type { AbortOptions } from "../store/arguments/abort.ts";
import { assertOptions } from "../store/arguments/option_names.ts";

/** How long a lease lasts unless it is said, in milliseconds. */
const LEASE_MS = 10_000;
/** The shortest lease: below, a busy event loop alone would lose it. */
const LEASE_MS_MIN = 10;
/** The longest lease: a day. */
const LEASE_MS_MAX = 24 * 60 * 60 * 1000;
/** How long to wait for a lock unless it is said, in milliseconds. */
const WAIT_MS = 30_000;

/** How a lock is held. */
export interface LockOptions {
  /**
   * Milliseconds after which the lock is free again if its holder has died, from 10 to a day.
   * @default 10_000
   */
  leaseMs?: number | undefined;
  /**
   * Whether the lease is renewed every third of it, as long as the holder's event loop turns and
   * the lock is not released. @default true
   */
  renew?: boolean | undefined;
  /** Who holds it, for people: `readLock` shows it. @default none */
  owner?: string | undefined;
  /** As for `put`. @default the store's */
  durability?: Durability | undefined;
}

/** How a lock is waited for. */
export interface AcquireOptions extends LockOptions, AbortOptions {
  /** Milliseconds to wait for it at most; `Infinity` for ever. @default 30_000 */
  waitMs?: number | undefined;
}

/** The options of a lock, complete. */
export interface ResolvedLockOptions {
  readonly leaseMs: number;
  readonly renew: boolean;
  readonly owner: string | undefined;
  readonly durability: Durability | undefined;
}

const LOCK_NAMES = ["leaseMs", "renew", "owner", "durability"];
const ACQUIRE_NAMES = [...LOCK_NAMES, "waitMs", "signal"];

/** Checks the options of a lock, and completes them. */
export function lockOptionsOf(
  options: LockOptions = {},
  names: readonly string[] = LOCK_NAMES,
): ResolvedLockOptions {
  assertOptions(options, names);
  const { leaseMs = LEASE_MS, renew = true, owner, durability } = options;
  assertLease(leaseMs);
  if (typeof renew !== "boolean") {
    throw new InvalidArgumentError(`renew must be a boolean, got ${describe(renew)}`);
  }
  if (owner !== undefined && typeof owner !== "string") {
    throw new InvalidArgumentError(`owner must be a string, got ${describe(owner)}`);
  }
  return { leaseMs, renew, owner, durability };
}

/** The same for a lock that is waited for; with how long. */
export function acquireOptionsOf(
  options: AcquireOptions = {},
): ResolvedLockOptions & { waitMs: number } {
  const resolved = lockOptionsOf(options, ACQUIRE_NAMES);
  const { waitMs = WAIT_MS } = options;
  if (typeof waitMs !== "number" || !(waitMs >= 0)) {
    throw new InvalidArgumentError(
      `waitMs must be a number of milliseconds from 0 on, got ${describe(waitMs)}`,
    );
  }
  return { ...resolved, waitMs };
}

/** Checks how long a lease is to last. */
export function assertLease(leaseMs: unknown): void {
  const isRight = typeof leaseMs === "number" && leaseMs >= LEASE_MS_MIN && leaseMs <= LEASE_MS_MAX;
  if (isRight) return;
  throw new InvalidArgumentError(
    `leaseMs must be from ${LEASE_MS_MIN} to ${LEASE_MS_MAX} milliseconds, got ${
      describe(leaseMs)
    }`,
  );
}
