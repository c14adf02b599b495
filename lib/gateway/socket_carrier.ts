/**
 * Carries requests to the process that has the pool, by a stream of bytes such as a socket.
 *
 * Every request has words of its own, which stay until it has ended. What was written in a tick is
 * one frame. The process at the other end has a session for this connection
 * (gateway_session.ts), which executes the requests of a slot in their order (I4), and answers each
 * once (I5). Requests are bounded by number and by bytes; where there is no room the client holds
 * what comes, and is crowded before.
 *
 * A carrier outlives its connections (docs/protocols/processes.md, "Takeover"). When one ends, its
 * requests stay. The next one begins with a question, {@linkcode SocketCarrier.previous}: which of
 * them have been applied? Those end, all others are sent again, in the order of their claims, in a
 * new session and with new numbers; so are those that have come meanwhile. What may be sent behind
 * what is decided by request_order.ts.
 *
 * @module
 */
import type { Carrier, Lane, RequestEnds } from "../client/carrier.ts";
import { NO_LANE } from "../client/carrier.ts";
import { type Completion, isOf } from "../client/completions.ts";
import type { KeyPlace } from "../client/key_place.ts";
import { assert } from "../core/assert.ts";
import type { Slot } from "../core/brands.ts";
import { type DinomoError, UnavailableError } from "../core/errors.ts";
import { COMMIT_KEYS_MAX, REMOTE_REQUESTS_MAX } from "../core/limits.ts";
import type { ReadSource } from "../far/client/routed_reads.ts";
import { RECORD_REQUEST_POSITION } from "../log/record_layout.ts";
import { runMicrotask } from "../platform/runtime.ts";
import { commitHeadWords } from "../rings/commit_words.ts";
import type { ReadValue } from "../rings/response_ring.ts";
import { REQUEST_RECORD } from "../rings/ring_layout.ts";
import { FrameError } from "../wire/frame.ts";
import { appliedAnswer } from "./applied_answer.ts";
import { Numbered } from "./numbered.ts";
import { OpenParcels } from "./open_parcels.ts";
import { failedBefore, isUnknown, NOBODY, Parcel, takeAnswer, unknownOutcome } from "./parcel.ts";
import { isReading, RequestOrder } from "./request_order.ts";
import type { PreviousSession, SessionVerdicts } from "./session_verdicts.ts";
import {
  type Answer,
  decodeAnswers,
  encodeFarewell,
  encodeRequests,
  numberCount,
} from "./request_frames.ts";

/**
 * Bytes that are written after which a burst is sent although the tick goes on. With one that is
 * not much longer it is a piece of the line (paced_writer.ts).
 */
const BURST_BYTES = 28 * 1024;

/** How a thread blocks until answers come: see remote_line.ts. */
export interface BlockingLine {
  prepareToBlock(): void;
  /** When the connection has ended, the carrier has been told so. */
  block(): void;
  listen(): void;
}

/** A connection, from the other side's WELCOME on. */
export interface CarrierLink {
  /** Number of the session at the other end. */
  readonly session: number;
  /** Sends bytes. */
  readonly write: (bytes: Uint8Array) => void;
  /** By which this thread blocks, if it can. */
  readonly line?: BlockingLine;
}

/** What a socket carrier is made of. */
export interface SocketCarrierOptions {
  /** Bytes of the pool's segments. */
  readonly segmentBytes: number;
  /** Called when there is something to settle, or something can be sent again. */
  readonly onArrival: () => void;
  /** Called when nothing is settled any more. */
  readonly onClose: () => void;
}

/** The requests of one client on their way to another process. */
export class SocketCarrier implements Carrier, ReadSource {
  readonly requestWordsMax: number;
  readonly #ends: RequestEnds;
  readonly #onArrival: () => void;
  readonly #onClose: () => void;
  #link: CarrierLink | undefined;
  /** Number of the newest session. */
  #session: number | undefined;
  /** Requests that have not been settled. */
  readonly #open: OpenParcels<Parcel>;
  /** Those that are sent and have no answer, by their numbers in the newest session. */
  readonly #sent = new Numbered<Parcel>();
  #number = 0;
  #newest!: Parcel;
  #claimed: Parcel[] = [];
  #claimedBytes = 0;
  readonly #order = new RequestOrder<Parcel>();
  /** Those that may be sent. */
  #admitted: Parcel[] = [];
  #isOpen = true;

  /** Makes a carrier that waits for a connection; `ends` is told what has ended. */
  constructor(ends: RequestEnds, options: SocketCarrierOptions) {
    this.#ends = ends;
    this.#open = new OpenParcels(ends);
    this.#onArrival = options.onArrival;
    this.#onClose = options.onClose;
    // The results of a commit are beside what is to fit a segment.
    this.requestWordsMax = commitHeadWords(COMMIT_KEYS_MAX) + options.segmentBytes / 4;
  }

  get isCrowded(): boolean {
    return this.#open.isCrowded;
  }

  get isFull(): boolean {
    return this.#open.isFull;
  }

  get canBlock(): boolean {
    return false;
  }

  get lane(): Lane {
    return this.#newest;
  }

  /** What the next host is to be asked, and is told; undefined before the first connection. */
  get previous(): PreviousSession | undefined {
    if (this.#session === undefined) return undefined;
    const numbers = this.#sent.all().flatMap((parcel) =>
      isReading(parcel)
        ? []
        : Array.from({ length: numberCount(parcel.words, 0) }, (_, i) => parcel.number + i)
    );
    return { session: this.#session, confirmed: this.#confirmed, numbers };
  }

  /** The number up to which all answers have come. */
  get #confirmed(): number {
    const { lowest } = this.#sent;
    return lowest === undefined ? this.#number : lowest - 1;
  }

  claim(
    slot: Slot,
    _key: KeyPlace,
    sequence: number,
    length: number,
    completion: Completion,
  ): number {
    if (!this.#isOpen || !this.#open.hasRoomFor(length)) return NO_LANE;
    if (this.#claimedBytes >= BURST_BYTES) this.publish();
    const { memory } = this.#open;
    const parcel = this.#newest = new Parcel(slot, sequence, length, completion, memory);
    this.#open.add(parcel);
    this.#claimed.push(parcel);
    this.#claimedBytes += length * 4;
    return 0;
  }

  publish(): void {
    if (this.#link === undefined) return;
    const claimed = this.#claimed;
    this.#claimed = [];
    this.#claimedBytes = 0;
    for (const parcel of claimed) if (this.#order.admit(parcel)) this.#admitted.push(parcel);
    if (this.#admitted.length > 0) this.#send(this.#link);
  }

  /** Nothing can be done for requests that another process executes. */
  help(): void {}

  /**
   * Goes on with a new connection: ends what has been applied by the session before, and sends the
   * rest again.
   *
   * @param verdicts what the other side says about {@linkcode previous}
   * @throws {FrameError} when they are not about it; the connection is of no use
   */
  connect(link: CarrierLink, verdicts?: SessionVerdicts): void {
    if (!this.#isOpen) return;
    this.disconnect();
    this.#judge(verdicts);
    this.#link = link;
    this.#session = link.session;
    this.#number = 0;
    this.#sent.clear();
    this.#claimed = this.#open.all().filter((parcel) => !parcel.hasEnded);
    for (const parcel of this.#claimed) parcel.isSent = false;
    this.publish();
    // The other side may forget the session before when it has a frame of this one.
    if (this.#number === 0) this.#send(link);
    // When what has been issued in this tick waits, too.
    runMicrotask(this.#onArrival);
  }

  /** The connection has ended: requests wait for the next one. */
  disconnect(): void {
    if (this.#link === undefined) return;
    this.#link = undefined;
    this.#order.clear();
    this.#admitted = [];
  }

  /**
   * Takes the body of a frame of answers.
   *
   * @throws {FrameError} when they are no answers to requests in flight; the connection is of no
   *   use any more
   */
  receive(body: Uint8Array): void {
    if (!this.#isOpen || this.#link === undefined) return;
    for (const answer of decodeAnswers(body)) {
      this.#order.end(this.#note(answer), this.#admitted);
    }
    this.#onArrival();
  }

  settle(): number {
    return this.#open.settle();
  }

  take(): ReadValue | undefined {
    return this.#open.read;
  }

  wait(): boolean {
    const line = this.#link?.line;
    if (line === undefined) throw unknownOutcome();
    line.block();
    return false;
  }

  /**
   * Ends the requests of a call that has blocked, when the connection has ended. Those that may
   * have been made are asked about like all others, since that says something of those before them.
   */
  withdraw(completion: object, error: DinomoError): void {
    assert(this.#link === undefined, "a request may be withdrawn between connections");
    for (const parcel of this.#open.all()) {
      const { slot, sequence, completions: [own] } = parcel;
      if (parcel.hasEnded || !isOf(own, completion)) continue;
      if (isUnknown(parcel)) {
        parcel.isWithdrawn = true;
        parcel.completions[0] = NOBODY;
        own.fail(unknownOutcome());
      } else {
        this.#open.remove(parcel);
        this.#ends.fail(slot, sequence, own, error);
      }
    }
  }

  /**
   * Makes sure that this thread can block for what it issues next.
   *
   * @throws {HostOnlyError} when it can never do so
   * @throws {UnavailableError} when no process has the pool open
   */
  prepareToBlock(): void {
    const line = this.#link?.line;
    if (line !== undefined) return line.prepareToBlock();
    throw new UnavailableError(
      "a process must have the pool open for calls that block, but the one that had it has ended; " +
        "await what the asynchronous method returns: it waits for the next one",
    );
  }

  /** This thread waits in its event loop. */
  listen(): void {
    this.#link?.line?.listen();
  }

  isGivenUp(): boolean {
    return false;
  }

  givesUp(): boolean {
    return false;
  }

  firstOf(): never {
    assert(false, "a request of any length is carried as one");
  }

  /**
   * Nothing more is sent, or asked about by a next connection. The other side is told so, and may
   * forget the session: unless something is without an answer, which it may still execute.
   */
  close(): void {
    if (this.#isOpen && this.#sent.size === 0) this.#link?.write(encodeFarewell());
    this.#end();
  }

  failAll(error: DinomoError): void {
    this.#end();
    this.#sent.clear();
    this.#order.clear();
    this.#claimed = [];
    this.#admitted = [];
    this.#claimedBytes = 0;
    this.#open.failAll((parcel) => isUnknown(parcel) ? unknownOutcome() : error);
    // When what is held has failed, too.
    runMicrotask(this.#onArrival);
  }

  #end(): void {
    this.#isOpen = false;
    this.#onClose();
  }

  /** Sends what may be sent, as far as the other side keeps in mind how it ends. */
  #send(link: CarrierLink): void {
    const confirmed = this.#confirmed;
    const requests: Int32Array[] = [];
    for (const parcel of this.#admitted) {
      const count = numberCount(parcel.words, 0);
      if (this.#number + count - confirmed > REMOTE_REQUESTS_MAX) break;
      parcel.number = this.#number + 1;
      this.#number += count;
      parcel.words[REQUEST_RECORD + RECORD_REQUEST_POSITION] = parcel.number;
      parcel.isSent = true;
      this.#sent.add(parcel);
      requests.push(parcel.words);
    }
    this.#admitted.splice(0, requests.length);
    if (requests.length === 0 && this.#number > 0) return;
    link.write(encodeRequests(requests, confirmed));
  }

  #note(answer: Answer): Parcel {
    const parcel = this.#sent.get(answer.number);
    if (parcel === undefined) {
      throw new FrameError(`an answer must be to a request in flight, got ${answer.number}`);
    }
    takeAnswer(parcel, answer);
    this.#sent.delete(answer.number);
    this.#open.end(parcel);
    return parcel;
  }

  /** Ends those of the session before that need not be sent again. */
  #judge(given: SessionVerdicts | undefined): void {
    const sent = this.#sent.all().filter(isUnknown);
    if (sent.length === 0) return;
    if (given === undefined) throw new FrameError("a session before must be judged");
    const verdicts = new Map(given.verdicts.map((verdict) => [verdict.number, verdict]));
    const changed = new Set<Slot>();
    for (const parcel of sent.reverse()) {
      parcel.answer = appliedAnswer(parcel.words, parcel.number, verdicts);
      if (parcel.answer !== undefined) changed.add(parcel.slot);
      else if (!given.isKnown || parcel.isWithdrawn) parcel.error = unknownOutcome();
      else if (changed.has(parcel.slot)) parcel.error = failedBefore();
    }
    for (const parcel of sent.reverse()) if (parcel.hasEnded) this.#open.end(parcel);
  }
}
