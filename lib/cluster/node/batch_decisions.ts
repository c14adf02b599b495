/**
 * Decides what the requests of one append do, one after the other.
 *
 * A key that has expired is absent from the moment on in which its owner has told a client so: then
 * a delete of it is written first. So no later owner, whose clock may be behind, finds it again.
 *
 * @module
 */
import {
  type LogRecord,
  NO_ORIGIN,
  recordBytes,
  type RecordOrigin,
} from "../messages/log_codec.ts";
import type { MessageLimits } from "../messages/message_limits.ts";
import { nameOf } from "./key_table.ts";
import type { ClusterClock } from "./cluster_clock.ts";
import type { LateRequests } from "./late_requests.ts";
import type { LentKeys } from "./lent_keys.ts";
import type { RecordTable } from "./record_table.ts";
import type { SessionEvidence } from "./session_evidence.ts";
import { appliedAnswer, DELETED, outcomeOf, type Written } from "./request_outcome.ts";
import {
  answerOf,
  type ClusterAnswer,
  type ClusterRequest,
  ClusterStatus,
  slotOf,
  type WaitingRequest,
} from "./requests.ts";

/** By what requests are decided. */
export interface BatchParts {
  readonly clock: ClusterClock;
  /** Time by which requests come too late: see `ClusterRequest.untilMs`. */
  readonly requestClockMs: () => number;
  readonly table: RecordTable;
  readonly evidence: SessionEvidence;
  /** What is lent does not expire. */
  readonly lent: Pick<LentKeys, "isThere">;
  readonly limits: MessageLimits;
}

/** A request and its answer, which waits for the append. */
export interface Ended {
  readonly waiting: WaitingRequest;
  readonly answer: ClusterAnswer;
}

/** The requests of one append. */
export class BatchDecisions {
  readonly records: LogRecord[] = [];
  readonly ended: Ended[] = [];
  readonly #parts: BatchParts;
  readonly #found: ReadonlyMap<string, LogRecord | undefined>;
  readonly #late: LateRequests;
  /** What the records of this append have made of their keys. */
  readonly #changed = new Map<string, LogRecord>();
  /** The answers of requests of this append that are sent again. */
  readonly #applied = new Map<string, ClusterAnswer>();
  #bytes = 0;

  /**
   * @param found what the keys hold for which that matters
   * @param late of which sessions requests that wait have come too late
   */
  constructor(
    parts: BatchParts,
    found: ReadonlyMap<string, LogRecord | undefined>,
    late: LateRequests,
  ) {
    this.#parts = parts;
    this.#found = found;
    this.#late = late;
  }

  /** Decides about requests, as many as fit one append; returns how many. */
  decide(members: readonly WaitingRequest[]): number {
    const count = members.findIndex((waiting) => !this.#decideOne(waiting));
    return count === -1 ? members.length : count;
  }

  /** Decides about a request; false if its record does not fit. */
  #decideOne(waiting: WaitingRequest): boolean {
    const { request } = waiting;
    const known = this.#answerKnown(waiting);
    if (known !== undefined) {
      this.ended.push({ waiting, answer: known });
      return true;
    }
    const name = nameOf(request.key);
    const last = this.#changed.get(name) ?? this.#found.get(name);
    const { lent, clock } = this.#parts;
    const old = lent.isThere(last, request.hash, clock.epochMs()) ? last : undefined;
    const { answer, written } = outcomeOf(request, old);
    if (written === undefined) {
      const hasExpired = last?.value !== undefined && old === undefined;
      if (hasExpired && this.#add(request, DELETED, NO_ORIGIN) === 0) return false;
      this.ended.push({ waiting, answer });
      return true;
    }
    const { session, number, confirmed } = request;
    const origin = { session, number, confirmed, isSum: written.isSum };
    const version = this.#add(request, written, origin);
    if (version === 0) return false;
    const ended = { waiting, answer: { ...answer, version } };
    this.#applied.set(`${session} ${number}`, ended.answer);
    this.ended.push(ended);
    return true;
  }

  /** The answer to a request that is not executed: it was before, or it comes too late. */
  #answerKnown({ request }: WaitingRequest): ClusterAnswer | undefined {
    const { evidence, requestClockMs } = this.#parts;
    const { session, number } = request;
    if (session !== 0) {
      const applied = evidence.find(session, number);
      if (applied !== undefined) return appliedAnswer(request, applied);
      const twice = this.#applied.get(`${session} ${number}`);
      if (twice !== undefined) return twice;
      if (evidence.isConfirmed(session, number)) return answerOf(ClusterStatus.UNKNOWN);
    }
    const isLate = this.#late.take(request, requestClockMs());
    return isLate ? answerOf(ClusterStatus.UNKNOWN) : undefined;
  }

  /** Adds a record of a request's key; returns its version, 0 if there is no room. */
  #add(request: ClusterRequest, { value, expiresAtMs }: Written, origin: RecordOrigin): number {
    const { key } = request;
    const bytes = recordBytes({ key, value, expiresAtMs });
    // One that is larger has its message to itself.
    const { batchBytes } = this.#parts.limits;
    if (this.records.length > 0 && this.#bytes + bytes > batchBytes) return 0;
    this.#bytes += bytes;
    const version = this.#parts.table.nextVersion(slotOf(request));
    const record = { key, version, value, expiresAtMs, origin };
    this.records.push(record);
    this.#changed.set(nameOf(key), record);
    return version;
  }
}
