/**
 * What the processes of a cluster that is disturbed are told, and what they say.
 *
 * @module
 */
import type { ClusterOptions } from "../../../../mod.ts";

/** What a process is started with. */
export interface LoadOptions {
  readonly cluster: ClusterOptions;
  readonly id: number;
}

/** What it says. What it is about to do it says before, as it may be killed at any time. */
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
export const SHARED_COUNT = 4;
export const UNIQUE_COUNT = 4;
