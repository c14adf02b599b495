/**
 * What the processes say that use a store together and check what they find: see checked_load.ts.
 *
 * @module
 */
import type { ClusterOptions } from "../../mod.ts";

/** What a process that uses a pool is started with. */
export interface ProcessLoadOptions {
  readonly path: string;
  readonly id: number;
}

/** What a process that uses a cluster is started with. */
export interface ClusterLoadOptions {
  readonly cluster: ClusterOptions;
  readonly id: number;
  /** Where its thread reaches what is at 127.0.0.1; undefined: there. */
  readonly host?: string | undefined;
}

/** What is said. What a process is about to do it says before, as it may be killed at any time. */
export type LoadMessage =
  | { readonly kind: "open" | "closed" }
  | { readonly kind: "wrong" | "gone"; readonly what: string }
  | { readonly kind: "adding" | "added"; readonly key: string; readonly count: number }
  | { readonly kind: "put"; readonly round: number }
  | { readonly kind: "linking" | "linked"; readonly value: number }
  | { readonly kind: "gap"; readonly fromMs: number; readonly toMs: number }
  | RegisterCall
  | {
    readonly kind: "returned";
    readonly number: number;
    readonly output: number;
    readonly atMs: number;
  };

/** A register is read, or written with something that nobody else writes. */
export interface RegisterCall {
  readonly kind: "called";
  readonly number: number;
  readonly key: string;
  /** 0: it is read. */
  readonly input: number;
  readonly atMs: number;
}

/** What stands for a register that was not written. */
export const UNWRITTEN = -1;
/** Numbers to which all processes add. */
export const SHARED_COUNT = 4;
/** Keys that a process puts in each round, and nobody changes any more. */
export const UNIQUE_COUNT = 4;
