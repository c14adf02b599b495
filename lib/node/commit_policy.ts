/**
 * How a KN makes its changes take effect. There are three ways, and the pipeline
 * (request_pipeline.ts) is the same for all:
 *
 * | policy              | a change is visible                     | and answered         |
 * | ------------------- | --------------------------------------- | -------------------- |
 * | immediate_commit.ts | when its record is in the pool          | right afterwards     |
 * | logged_commit.ts    | when its step's records are in the file | with all of the step |
 * | far: merged_commit  | to the KN when its step is logged, and  | with all of the step |
 * |                     | to the index when the log is merged     |                      |
 *
 * A KN is made with one of them, so calls are monomorphic.
 *
 * @module
 */
import type { LogWriter } from "../log/log_writer.ts";
import type { RequestConsumer } from "../rings/request_consumer.ts";
import type { PoolAddress } from "../core/brands.ts";
import type { Change } from "./change.ts";

/**
 * What became of a request. Those that wait are below zero, so that a verdict is either one of
 * these or a `Status`.
 */
export const Outcome = {
  /** It has been answered, or will be with the group that it belongs to. */
  DONE: 0,
  /** It waits for the end of the group, or for a slot's lock. */
  WAITS: -1,
  /** It waits for a segment. */
  WAITS_FOR_SPACE: -2,
  /** Far placement: it waits until what this KN has logged is merged. */
  WAITS_FOR_MERGE: -3,
  /** Far placement: it waits until what other KNs have logged is merged. */
  WAITS_FOR_OTHERS: -4,
  /** Far placement: it waits for its client to take responses. */
  WAITS_FOR_CLIENT: -5,
} as const;
/** One of {@linkcode Outcome}. */
export type Outcome = typeof Outcome[keyof typeof Outcome];

/** What the pipeline asks of a way to commit; called in this order for each change. */
export interface CommitPolicy {
  /**
   * Where records wait whose values their clients write themselves. If it is the log, they are
   * committed in place.
   */
  readonly staging: LogWriter;
  /** Whether anything waits for the end of the step: answers, and slots that are locked. */
  readonly isOpen: boolean;
  /**
   * Whether it can be told now what the change will find; otherwise it waits for the end of the
   * group.
   */
  mayJoin(change: Change): boolean;
  /** Locks what the change was routed by; one of `Lock`. */
  lock(change: Change): number;
  /**
   * Finds what the change replaces: `Status.OK` if it may go ahead, another status if not, or an
   * `Outcome` to wait for.
   */
  admit(change: Change): number;
  /**
   * Stamps the record, which is complete, and commits it with the change's answer. Unlocks now, or
   * with the group.
   */
  commit(consumer: RequestConsumer, change: Change): void;
  /** Undoes {@linkcode lock} for a change that is not made, after it was answered. */
  release(change: Change): void;
  /** Answers a request that changes nothing; `staged` is given back. */
  refuse(consumer: RequestConsumer, status: number, staged: PoolAddress): void;
  /** Answers a request for a place that has been reserved. */
  answerReserved(consumer: RequestConsumer, address: PoolAddress): void;
}

/** Where a KN gets room in its logs. */
export interface LogSpace {
  /** Reserves a record; `NO_ADDRESS` when there is no segment for it now. */
  reserve(log: LogWriter, words: number, segmentReserve: number): PoolAddress;
  /**
   * What the request waits for whose reservation has just failed; {@linkcode Outcome.DONE} if it is
   * refused.
   */
  whenFull(): Outcome;
}
