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

/** What a module can use as a store. */
export interface StoreRule {
  readonly isMet: (value: unknown) => boolean;
  /** What it must be, as it is told to who gave something else. */
  readonly text: string;
}

/** For what keeps its keys in a namespace. */
export const STORE_OR_NAMESPACE: StoreRule = {
  isMet: (value) => hasMethod(value, "namespace"),
  text: "what open or attach has returned, or a namespace of it",
};

/** For what asks for figures, which a namespace has none of. */
export const STORE_WITH_FIGURES: StoreRule = {
  isMet: (value) => hasMethod(value, "stats"),
  text: "a store of this thread",
};

/** Checks that a module was given a store that it can use. */
export function assertStore(store: unknown, { isMet, text }: StoreRule): void {
  if (!isMet(store)) {
    throw new InvalidArgumentError(`store must be ${text}, got ${describe(store)}`);
  }
}

function hasMethod(value: unknown, name: string): boolean {
  return typeof (value as Record<string, unknown> | null | undefined)?.[name] === "function";
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
