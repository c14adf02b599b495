/**
 * What a node of a cluster is asked, and what it answers: the requests of the rings
 * (rings/ring_layout.ts) of one key, as objects.
 *
 * @module
 */
import type { StoredKey } from "../../core/key_encoder.ts";
import { SLOT_SHIFT } from "../../core/limits.ts";
import type { DerivationWords } from "../../rings/derivation_words.ts";
import { Condition, Operation, Status } from "../../rings/ring_layout.ts";
import type { Borrower } from "./borrower.ts";

/** How long after its issue a request may be executed, in milliseconds. */
export const RESEND_MS = 30_000;

/**
 * Asks whether there is room for what a request is going to read; `go` is called when there is,
 * maybe at once, and in any case. Asked again, the request needs that much instead.
 *
 * @param number of the request
 * @param bytes of its value, or more
 */
export type ReadRoom = (number: number, bytes: number, go: () => void) => void;

/** A request of one key. */
export interface ClusterRequest {
  /** One of `Operation`: GET, HAS, PUT, DELETE, ADD or TOUCH. */
  readonly operation: number;
  readonly key: StoredKey;
  /** Of the key, under the hash key of the cluster. */
  readonly hash: number;
  /** One of `Condition`; of PUT and DELETE. */
  readonly condition: number;
  /** For `Condition.VERSION`. */
  readonly expectedVersion: number;
  /** Of PUT: what is to be stored. Must not be changed before the answer. */
  readonly value: Uint8Array;
  /** Of PUT: in milliseconds since the epoch, or Infinity. */
  readonly expiresAtMs: number;
  /** Of ADD and TOUCH: what is to be derived, once. */
  readonly derivation: DerivationWords | undefined;
  /** By which the sender knows who owns the slot: `ControlState.assignedAt`. */
  readonly routedBy: number;
  /** The client's session, from 1; 0: the request is never sent twice. */
  readonly session: number;
  /** Of the request in its session, from 1. A request that is sent again has the same number. */
  readonly number: number;
  /** The number up to which the session has all answers. */
  readonly confirmed: number;
  /**
   * When it is too late to execute it, {@linkcode RESEND_MS} after its issue, by
   * `ClusterNode.requestClockMs`.
   */
  readonly untilMs: number;
  /** Who may have a copy of what is read, to answer reads from it; undefined: nobody. */
  readonly borrower?: Borrower | undefined;
  /** How many reads of the key its sender has answered from copies since it has said so last. */
  readonly copiedReads?: number;
  /** Whether it comes from the thread with which the node shares values. */
  readonly isOwn?: boolean;
  /** Of GET: asked before a value is read that is not in memory; undefined: there always is. */
  readonly room?: ReadRoom | undefined;
}

/** Statuses of answers, beside those of the rings: see `Status`. */
export const ClusterStatus = {
  /** Not applied: this node does not own the slot, or not any more, as `Status.MOVED` says. */
  NOT_OWNER: Status.MOVED,
  /** Not applied: too much waits. It has not come to this where `isCrowded` is respected. */
  BUSY: 80,
  /** It may or may not have been applied, or will be. */
  UNKNOWN: 81,
  /** Not applied: the record would be larger than a message. */
  TOO_LARGE: 82,
} as const;

/** What becomes of a request. */
export interface ClusterAnswer {
  /** One of `Status` or {@linkcode ClusterStatus}. */
  readonly status: number;
  /** Of what was read or written; 0 if there is nothing. */
  readonly version: number;
  /** Of FOUND: what was read. Valid until it is copied. */
  readonly value: Uint8Array;
  /**
   * Of FOUND, ADD and TOUCH: when the key expires, in milliseconds since the epoch, or Infinity.
   */
  readonly expiresAtMs: number;
  /** Of ADD: the number before it, which with the addend makes the sum; NaN for what is none. */
  readonly before: number;
  /** Of FOUND: for how long its receiver may answer reads from it, see `LentKeys.lend`; 0: not. */
  readonly lentMs: number;
  /** Of NOT_OWNER: the owner of the slot as far as this node knows, or NO_OWNER. */
  readonly owner: number | undefined;
}

/** Called once with the answer, maybe before the call that asked for it returns. */
export type Answered = (answer: ClusterAnswer) => void;

/** A request that waits. */
export interface WaitingRequest {
  readonly request: ClusterRequest;
  /** What it counts for. */
  readonly bytes: number;
  /**
   * Bytes of what it was found to read or to write again, if that was more than an append takes.
   */
  foundBytes?: number;
  readonly done: Answered;
}

const NO_BYTES = new Uint8Array(0);

/** Makes an answer. */
export function answerOf(
  status: number,
  {
    version = 0,
    value = NO_BYTES,
    expiresAtMs = Infinity,
    before = 0,
    lentMs = 0,
    owner,
  }: Partial<ClusterAnswer> = {},
): ClusterAnswer {
  return { status, version, value, expiresAtMs, before, lentMs, owner };
}

/** A read that nobody waits for. */
export function readOf(key: StoredKey, hash: number): ClusterRequest {
  return {
    operation: Operation.HAS,
    key,
    hash,
    condition: Condition.NONE,
    expectedVersion: 0,
    value: NO_BYTES,
    expiresAtMs: Infinity,
    derivation: undefined,
    routedBy: 0,
    session: 0,
    number: 0,
    confirmed: 0,
    untilMs: Infinity,
  };
}

/** The slot of a request. */
export function slotOf({ hash }: { readonly hash: number }): number {
  return hash >>> SLOT_SHIFT;
}

/** Whether a request changes nothing. */
export function isReading({ operation }: ClusterRequest): boolean {
  return operation === Operation.GET || operation === Operation.HAS;
}

/** Whether a request needs the value that the key holds: to answer it, or to write it again. */
export function asksForValue({ operation }: ClusterRequest): boolean {
  return operation === Operation.GET || operation === Operation.TOUCH;
}

/** Whether what a request does depends on what the key holds. */
export function asksForOld({ operation, condition }: ClusterRequest): boolean {
  return operation !== Operation.PUT || condition !== Condition.NONE;
}
