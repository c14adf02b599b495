/**
 * What the M-node tells about the KNs: the events of a store, and the report of a change of their
 * number.
 *
 * @module
 */
import type { NodeFailedError } from "../core/errors.ts";

/** What `scale` did. */
export interface ScaleReport {
  /** Number of KNs before. */
  readonly from: number;
  /** Number of KNs after. */
  readonly to: number;
  /** Slots that changed owners, of 4096. */
  readonly slotsMoved: number;
  /** Bytes of records copied to move them. */
  readonly bytesMoved: number;
  /** How long it took to start threads, in milliseconds; not part of `durationMs`. */
  readonly startMs: number;
  /** How long the rest took, in milliseconds. */
  readonly durationMs: number;
  /** Longest time for which one slot had no owner, in milliseconds. */
  readonly longestPauseMs: number;
}

/** A KN that has failed. */
export interface NodeFailure {
  /** Identity of the KN. */
  readonly node: number;
  /** What happened to it. */
  readonly reason: string;
  /** What its thread has thrown, or this one in its place; undefined if that is not known. */
  readonly cause: unknown;
  /** Identity of the KN that has taken its place. */
  readonly replacement: number;
  /** Slots that were given to the replacement at once, and slots that the failed KN still holds. */
  readonly slotsMoved: number;
  /** See {@linkcode slotsMoved}. */
  readonly slotsHeld: number;
}

/** A failed KN of which nothing is left. */
export interface NodeRecovery {
  /** Identity of the KN. */
  readonly node: number;
  /** Identity of the KN that has taken its place. */
  readonly replacement: number;
  /** Changes that its thread had begun when it died, and that were completed. */
  readonly changesCompleted: number;
  /**
   * From its failure until every slot could be written again, and its thread was in no step any
   * more, in milliseconds.
   */
  readonly durationMs: number;
}

/**
 * A KN whose thread could not be started. Its requests are executed by the threads that make them.
 */
export interface ThreadFailure {
  /** Identity of the KN. */
  readonly node: number;
  /** Why the last attempt failed; its `cause` is what the runtime reported. */
  readonly error: NodeFailedError;
}

/** What the M-node reports. */
export interface NodeEvents {
  onNodeAdded(node: number): void;
  onNodeRemoved(node: number): void;
  onNodeFailed(failure: NodeFailure): void;
  onNodeRecovered(recovery: NodeRecovery): void;
  onSlotsMoved(report: ScaleReport): void;
  /** Called when a KN's thread cannot be started, and clients execute for it. */
  onThreadless(failure: ThreadFailure): void;
  /** Called when KNs fail for good: the store cannot go on. */
  onHopeless(error: NodeFailedError): void;
}
