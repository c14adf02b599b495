/**
 * What an adapter has to know of the store that it is given: how far a change gets before it is
 * acknowledged, and whether that is far away.
 *
 * @module
 */
import { describe, HostOnlyError, InvalidArgumentError } from "../core/errors.ts";
import type { Durability } from "../pool/durability.ts";
import type { StoreStats } from "./figures/stats.ts";

/** How a store keeps what it acknowledges. */
export interface StoreNature {
  /** What an acknowledged change has survived. */
  readonly level: Durability;
  /** Whether its placement is near. */
  readonly isNear: boolean;
}

/** Checks that a module was given a store, or a namespace of one: by a method that it uses. */
export function assertStore(store: unknown, method: string): void {
  if (typeof (store as Record<string, unknown> | null | undefined)?.[method] === "function") return;
  throw new InvalidArgumentError(
    `store must be what open or attach has returned, or a namespace of it, got ${describe(store)}`,
  );
}

/** The nature of a store, in any thread; undefined for a namespace, which does not tell. */
export function natureOf(source: object): StoreNature | undefined {
  const { stats } = source as { stats?: () => StoreStats };
  if (typeof stats !== "function") return undefined;
  try {
    const { durability, nodes } = stats.call(source);
    return { level: durability.level, isNear: nodes.every(({ far }) => far === undefined) };
  } catch (error) {
    if (!(error instanceof HostOnlyError)) throw error;
    // What another process has open is in files, and near.
    return { level: "os", isNear: true };
  }
}

/**
 * Whether a put waits for nothing but this thread's own work, so that there is no gain in awaiting
 * it: neither for files nor for KNs that are far.
 */
export function putsAtOnce(source: object): boolean {
  const nature = natureOf(source);
  return nature?.isNear === true && nature.level === "memory";
}
