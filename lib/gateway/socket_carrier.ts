/**
 * Carries requests to the process that has the pool, by a stream of bytes such as a socket.
 *
 * Every request has words of its own, which stay until it is answered. What was written in a tick is
 * one frame. The process at the other end has a session for this connection
 * (gateway_session.ts), which executes the requests of a slot in their order (I4), and answers each
 * once (I5). Requests in flight are bounded by number and by bytes; where there is no room the
 * client holds what comes, and is crowded before.
 *
 * When the connection ends, the outcome of the requests in flight is not known, and they end with
 * an error that says so. docs/protocols/processes.md has what is to be done instead.
 *
 * @module
 */
import type { Carrier, Lane, RequestEnds } from "../client/carrier.ts";
import { NO_LANE } from "../client/carrier.ts";
import type { Completion } from "../client/completions.ts";
import type { KeyPlace } from "../client/key_place.ts";
import { assert } from "../core/assert.ts";
import type { Slot } from "../core/brands.ts";
import { type DinomoError, UnavailableError } from "../core/errors.ts";
import { REMOTE_BYTES_MAX, REMOTE_REQUESTS_MAX } from "../core/limits.ts";
import { runMicrotask } from "../core/runtime.ts";
import type { ReadSource } from "../far/client/routed_reads.ts";
import { RECORD_META, RECORD_REQUEST_POSITION, valueWord } from "../log/record_layout.ts";
import { DERIVATION_BYTES } from "../rings/derivation_words.ts";
import type { ReadValue } from "../rings/response_ring.ts";
import {
  Operation,
  operationOf,
  REQUEST_LENGTH,
  REQUEST_OPERATION,
  REQUEST_OWNER_WORD,
  REQUEST_RECORD,
  Status,
} from "../rings/ring_layout.ts";
import { FrameError } from "../wire/frame.ts";
import { FrameWriter } from "../wire/frame_writer.ts";
import { decodeError } from "./carried_errors.ts";
import { type Answer, decodeAnswers, nextNumber, REFUSED, RequestFrame } from "./request_frames.ts";

/**
 * Bytes that are written after which a burst is sent although the tick goes on. With one that is
 * not much longer it is a piece of the line (paced_writer.ts).
 */
const BURST_BYTES = 28 * 1024;

/** What a socket carrier is made of. */
export interface SocketCarrierOptions {
  /** Bytes of the pool's segments. */
  readonly segmentBytes: number;
  /** Called when there is something to settle, or something can be sent again. */
  readonly onArrival: () => void;
  /** Called when nothing is settled any more. */
  readonly onClose: () => void;
}

/** How a thread blocks until answers come: see remote_line.ts. */
export interface BlockingLine {
  prepareToBlock(): void;
  block(): void;
  listen(): void;
}

/** A request from its claim until it is settled. */
class Parcel implements Lane {
  readonly slot: Slot;
  readonly sequence: number;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly completions: readonly [Completion];
  readonly newestIndex = 0;
  isSent = false;
  answer: Answer | undefined;
  /** What it has ended with, if the answer is an error. */
  error: DinomoError | undefined;

  /** Its words are at `at` in a frame that is being written, and are used for nothing else. */
  constructor(
    slot: Slot,
    sequence: number,
    { words, bytes }: FrameWriter,
    at: number,
    length: number,
    completion: Completion,
  ) {
    this.slot = slot;
    this.sequence = sequence;
    this.words = words.subarray(at, at + length);
    this.bytes = bytes.subarray(at * 4, (at + length) * 4);
    this.completions = [completion];
  }

  get operation(): number {
    return operationOf(this.words[REQUEST_OPERATION]!);
  }

  requestAt(): number {
    return 0;
  }

  /** Nothing joins it: the answer would have the sum of all. */
  isUnpublished(): boolean {
    return false;
  }
}

/** The requests of one client on their way to another process. */
export class SocketCarrier implements Carrier, ReadSource {
  readonly requestWordsMax: number;
  readonly #ends: RequestEnds;
  #write: ((bytes: Uint8Array) => void) | undefined;
  #line: BlockingLine | undefined;
  readonly #onArrival: () => void;
  readonly #onClose: () => void;
  /** Requests in flight, by their numbers, and the bytes that they take. */
  readonly #parcels = new Map<number, Parcel>();
  #bytes = 0;
  #number = 0;
  #newest!: Parcel;
  #unsent: Parcel[] = [];
  #frame = new FrameWriter();
  #answered: Parcel[] = [];
  /** What the request has read that is just being settled. */
  #read: ReadValue | undefined;

  /** Carries nothing before it is connected; `ends` is told what has ended. */
  constructor(ends: RequestEnds, options: SocketCarrierOptions) {
    this.#ends = ends;
    this.#onArrival = options.onArrival;
    this.#onClose = options.onClose;
    this.requestWordsMax = REQUEST_RECORD + options.segmentBytes / 4;
  }

  get isCrowded(): boolean {
    return this.#parcels.size > REMOTE_REQUESTS_MAX / 2 || this.#bytes > REMOTE_BYTES_MAX / 2;
  }

  get isFull(): boolean {
    return this.#write === undefined || this.#parcels.size >= REMOTE_REQUESTS_MAX ||
      this.#bytes >= REMOTE_BYTES_MAX;
  }

  get canBlock(): boolean {
    return false;
  }

  get lane(): Lane {
    return this.#newest;
  }

  claim(
    slot: Slot,
    _key: KeyPlace,
    sequence: number,
    length: number,
    completion: Completion,
  ): number {
    const { size } = this.#parcels;
    const isFull = size === REMOTE_REQUESTS_MAX ||
      (size > 0 && this.#bytes + length * 4 > REMOTE_BYTES_MAX);
    if (isFull || this.#write === undefined) return NO_LANE;
    if (this.#frame.bodyBytes >= BURST_BYTES) this.publish();
    const at = this.#frame.claim(length);
    const parcel = this.#newest = new Parcel(slot, sequence, this.#frame, at, length, completion);
    this.#number = nextNumber(this.#number);
    parcel.words[REQUEST_LENGTH] = length;
    parcel.words[REQUEST_OWNER_WORD] = 0;
    parcel.words[REQUEST_RECORD + RECORD_REQUEST_POSITION] = this.#number;
    this.#parcels.set(this.#number, parcel);
    this.#unsent.push(parcel);
    this.#bytes += length * 4;
    return 0;
  }

  publish(): void {
    const parcels = this.#unsent;
    if (parcels.length === 0 || this.#write === undefined) return;
    this.#unsent = [];
    for (const parcel of parcels) parcel.isSent = true;
    this.#write(this.#frame.end(RequestFrame.REQUESTS)!);
  }

  /** Nothing can be done for requests that another process executes. */
  help(): void {}

  /**
   * Takes the body of a frame of answers.
   *
   * @throws {FrameError} when they are no answers to requests in flight; the connection is of no
   *   use any more
   */
  receive(body: Uint8Array): void {
    if (this.#write === undefined) return;
    for (const answer of decodeAnswers(body)) this.#note(answer);
    if (this.#answered.length > 0) this.#onArrival();
  }

  /**
   * Sends what comes, and what is held, over a connection that has just been made.
   *
   * @param line by which this thread blocks, if it can
   */
  connect(write: (bytes: Uint8Array) => void, line?: BlockingLine): void {
    // When what has been issued in this tick waits, too.
    runMicrotask(this.#onArrival);
    this.#write = write;
    this.#line = line;
    this.#number = 0;
  }

  /**
   * The connection has ended: what was sent fails, as it is not known what has come of it; what was
   * not is held until there is another one.
   */
  disconnect(): void {
    if (this.#write === undefined) return;
    this.#write = undefined;
    if (this.#answered.length > 0) this.#onArrival();
    for (const parcel of this.#takeAll()) {
      const { slot, sequence, words, completions: [completion], isSent } = parcel;
      if (isSent) this.#ends.fail(slot, sequence, completion, unknownOutcome());
      else this.#ends.sendAgain({ slot, sequence, words, completion });
    }
    this.#onArrival();
  }

  settle(): number {
    const answered = this.#answered;
    this.#answered = [];
    for (const parcel of answered) this.#settle(parcel, parcel.answer!);
    return answered.length;
  }

  take(): ReadValue | undefined {
    return this.#read;
  }

  wait(): boolean {
    if (this.#write === undefined || this.#line === undefined) throw unknownOutcome();
    this.#line.block();
    return false;
  }

  /**
   * Makes sure that this thread can block for what it issues next.
   *
   * @throws {HostOnlyError} when it can never do so
   * @throws {UnavailableError} when no process has the pool open
   */
  prepareToBlock(): void {
    if (this.#write !== undefined && this.#line !== undefined) return this.#line.prepareToBlock();
    throw new UnavailableError(
      "a process must have the pool open for calls that block, but the one that had it has ended; " +
        "await what the asynchronous method returns: it waits for the next one",
    );
  }

  /** This thread waits in its event loop. */
  listen(): void {
    if (this.#write !== undefined) this.#line?.listen();
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

  close(): void {
    this.#write = undefined;
    this.#onClose();
  }

  failAll(error: DinomoError): void {
    this.close();
    for (const { slot, sequence, completions, isSent } of this.#takeAll()) {
      this.#ends.fail(slot, sequence, completions[0], isSent ? unknownOutcome() : error);
    }
    // When what is held has failed, too.
    runMicrotask(this.#onArrival);
  }

  #takeAll(): Parcel[] {
    const parcels = [...this.#parcels.values()];
    this.#parcels.clear();
    this.#unsent = [];
    this.#answered = [];
    this.#frame = new FrameWriter();
    this.#bytes = 0;
    return parcels;
  }

  #note(answer: Answer): void {
    const parcel = this.#parcels.get(answer.number);
    if (parcel === undefined || !parcel.isSent || parcel.answer !== undefined) {
      throw new FrameError(`an answer must be to a request in flight, got ${answer.number}`);
    }
    const { operation } = parcel;
    const { status, content } = answer;
    const isDerived = operation === Operation.ADD || operation === Operation.TOUCH;
    const isRight = status === REFUSED ||
      (status === Status.FOUND
        ? operation === Operation.GET
        : content.length === (isDerived ? DERIVATION_BYTES : 0));
    if (!isRight) throw new FrameError("an answer must have what its request asks for");
    if (status === REFUSED) parcel.error = decodeError(content);
    parcel.answer = answer;
    this.#answered.push(parcel);
  }

  #settle(parcel: Parcel, answer: Answer): void {
    const { slot, sequence, words, bytes, completions: [completion] } = parcel;
    const { status, versionLow, versionHigh, content } = answer;
    this.#parcels.delete(answer.number);
    this.#bytes -= words.byteLength;
    if (parcel.error !== undefined) {
      return this.#ends.fail(slot, sequence, completion, parcel.error);
    }
    if (status === Status.FOUND) this.#read = readValueOf(answer);
    else if (content.length > 0) {
      bytes.set(content, (REQUEST_RECORD + valueWord(words[REQUEST_RECORD + RECORD_META]!)) * 4);
    }
    const detail = status === Status.NOT_DURABLE ? versionLow : 0;
    this.#ends.settle(
      slot,
      sequence,
      completion,
      status,
      detail,
      versionLow,
      versionHigh,
      words,
      0,
    );
    this.#read = undefined;
  }
}

function readValueOf({ versionLow, versionHigh, expiresAtMs, content }: Answer): ReadValue {
  const version = versionHigh * 2 ** 32 + (versionLow >>> 0);
  return { bytes: content.slice(), version, expiresAtMs };
}

function unknownOutcome(): UnavailableError {
  return new UnavailableError(
    "the process that has the pool open must answer, but the connection to it has ended; " +
      "the change may or may not have been made",
  );
}
