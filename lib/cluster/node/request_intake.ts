/**
 * What a node does with the requests that come to it: one waits until the node can say whether it
 * is for it, or goes back to its sender, or is answered from the table, or goes to the log.
 *
 * @module
 */
import type { LogRecord } from "../messages/log_codec.ts";
import type { SharedValues } from "../shared/shared_values.ts";
import type { ClusterClock } from "./cluster_clock.ts";
import { HeldRequests } from "./held_requests.ts";
import type { LentKeys } from "./lent_keys.ts";
import type { LogWriter } from "./log_writer.ts";
import { PendingRequests } from "./pending_requests.ts";
import type { RecordTable } from "./record_table.ts";
import type { RequestClock } from "./request_clock.ts";
import { outcomeOf } from "./request_outcome.ts";
import {
  type Answered,
  answerOf,
  type ClusterRequest,
  ClusterStatus,
  isReading,
  slotOf,
} from "./requests.ts";

/** What the node is at a moment. */
export interface NodeStanding {
  /** Sequence of the last message of the control stream that it has read. */
  readonly sequence: () => number;
  /** Of its term; undefined if it has none, or is leaving. */
  readonly writer: () => LogWriter | undefined;
  /** Whether it may answer. */
  readonly isActive: () => boolean;
  /** Whether it does nothing any more. */
  readonly isStopped: () => boolean;
  /** Who owns a slot, as far as it knows. */
  readonly ownerOf: (slot: number) => number;
  /** Whether it owns a slot by an assignment, and is not giving it away. */
  readonly hasSlot: (slot: number, assignedAt: number) => boolean;
  /** Whether it is still reading what there is of a slot. */
  readonly isComing: (slot: number) => boolean;
}

/** What an intake is made of. */
export interface RequestIntakeParts {
  readonly standing: NodeStanding;
  readonly clock: ClusterClock;
  readonly requestClock: RequestClock;
  readonly table: RecordTable;
  /** What is lent: before a change of it all copies are returned. */
  readonly lent: LentKeys;
  /** What is shared with a thread of this process, if anything is. */
  readonly shared: SharedValues | undefined;
  /** A request of a slot is executed. */
  readonly executes: (slot: number) => void;
}

/** Takes the requests of one node. */
export class RequestIntake {
  readonly #parts: RequestIntakeParts;
  readonly #held = new HeldRequests();
  /** Reads that wait for the engine. */
  readonly #reading = new PendingRequests();

  constructor(parts: RequestIntakeParts) {
    this.#parts = parts;
  }

  /** Bytes of requests that wait here. */
  get bytes(): number {
    return this.#held.bytes;
  }

  /** Takes a request of so many bytes; it is answered once, in any case. */
  take(request: ClusterRequest, bytes: number, done: Answered): void {
    if (this.#mustWait(request)) this.#held.add({ request, bytes, done });
    else this.#execute(request, done);
  }

  /** Requests that waited may be for this node now, or not. */
  release(): void {
    const late = this.#held.takeLate(this.#parts.requestClock.nowMs());
    for (const { done } of late) done(answerOf(ClusterStatus.UNKNOWN));
    for (const held of this.#held.takeAll()) {
      const { request, done } = held;
      if (this.#mustWait(request)) this.#held.add(held);
      else this.#execute(request, done);
    }
  }

  /** Whether this node cannot say yet whether a request is for it, or not execute it yet. */
  #mustWait(request: ClusterRequest): boolean {
    const { standing } = this.#parts;
    const slot = slotOf(request);
    if (standing.isStopped()) return false;
    // What a read that is on its way finds is of when it began, or of later: see RecordTable.find.
    const isBehindRead = request.session !== 0 && this.#reading.has(slot, request.session);
    if (this.#held.has(slot, request.session) || isBehindRead) return true;
    return request.routedBy > standing.sequence() ||
      (this.#isFor(request) && (standing.isComing(slot) || this.#mustRecall(request)));
  }

  /** Whether a request changes a key of which there are copies, which are recalled. */
  #mustRecall(request: ClusterRequest): boolean {
    return !isReading(request) && this.#parts.lent.recall(request.hash);
  }

  /** Whether this node owns the slot of a request, by the assignment that its sender knows. */
  #isFor(request: ClusterRequest): boolean {
    const { standing } = this.#parts;
    return standing.writer() !== undefined && standing.hasSlot(slotOf(request), request.routedBy);
  }

  #execute(request: ClusterRequest, done: Answered): void {
    const { standing, executes, lent } = this.#parts;
    const slot = slotOf(request);
    if (!this.#isFor(request)) {
      return done(answerOf(ClusterStatus.NOT_OWNER, { owner: standing.ownerOf(slot) }));
    }
    executes(slot);
    lent.count(request);
    const writer = standing.writer()!;
    const isBehind = writer.hasPending(slot, request.session);
    if (isReading(request) && !isBehind && standing.isActive()) this.#read(request, done);
    else writer.add(request, done);
  }

  #read(request: ClusterRequest, done: Answered): void {
    const slot = slotOf(request);
    let [isReturned, hasEnded] = [false, false];
    const found = (record: LogRecord | undefined) => {
      hasEnded = true;
      if (isReturned) this.#reading.end(slot, request.session);
      // What has come later may be older than what the table has by now.
      this.#answerRead(request, record, !isReturned, done);
      if (isReturned && this.#held.hasAny(slot)) this.release();
    };
    this.#parts.table.find(request.key, request.hash, found, request);
    isReturned = true;
    if (!hasEnded) this.#reading.begin(slot, request.session);
  }

  #answerRead(
    request: ClusterRequest,
    record: LogRecord | undefined,
    isNewest: boolean,
    done: Answered,
  ): void {
    const { standing, clock, lent, shared } = this.#parts;
    if (!standing.isActive() || !this.#isFor(request)) return this.#execute(request, done);
    const isPut = record?.value !== undefined;
    const old = lent.isThere(record, request.hash, clock.epochMs()) ? record : undefined;
    // That it has expired is written before it is told.
    if (isPut && old === undefined) return standing.writer()!.add(request, done);
    const { answer } = outcomeOf(request, old);
    const isThere = isNewest && old !== undefined;
    const { key, hash, isOwn } = request;
    const isShared = isThere && isOwn === true && shared?.share(key, hash, old) === true;
    const lentMs = isThere && !isShared ? lent.lend(request, old) : 0;
    done(lentMs > 0 ? { ...answer, lentMs } : answer);
  }
}
