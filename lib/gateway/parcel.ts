/**
 * One request on its way to another process, and how it may end.
 *
 * @module
 */
import type { Lane, RequestEnds } from "../client/carrier.ts";
import type { Completion } from "../client/completions.ts";
import type { Slot } from "../core/brands.ts";
import { type DinomoError, UnavailableError } from "../core/errors.ts";
import { RECORD_META, valueWord } from "../log/record_layout.ts";
import { resultsOf } from "../rings/commit_words.ts";
import { DERIVATION_BYTES } from "../rings/derivation_words.ts";
import type { ReadValue } from "../rings/response_ring.ts";
import {
  Operation,
  operationOf,
  REQUEST_OPERATION,
  REQUEST_RECORD,
  Status,
} from "../rings/ring_layout.ts";
import { FrameError } from "../wire/frame.ts";
import { decodeError } from "./carried_errors.ts";
import { type Answer, REFUSED } from "./request_frames.ts";
import type { RequestMemory } from "./request_memory.ts";
import { isReading } from "./request_order.ts";

/** A request from its claim until it is settled. */
export class Parcel implements Lane {
  readonly slot: Slot;
  readonly sequence: number;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly completions: [Completion];
  readonly newestIndex = 0;
  /** Its number in the session in which it was sent last; 0 before that. */
  number = 0;
  /** Whether the other side may have it. */
  isSent = false;
  /** Whether its call has ended, and it is not to be sent again. */
  isWithdrawn = false;
  /** Those that were claimed before and after it and are not settled: see open_parcels.ts. */
  before: this | undefined;
  after: this | undefined;
  answer: Answer | undefined;
  /** What it has ended with, if that is an error. */
  error: DinomoError | undefined;

  constructor(
    slot: Slot,
    sequence: number,
    length: number,
    completion: Completion,
    memory: RequestMemory,
  ) {
    this.slot = slot;
    this.sequence = sequence;
    this.words = memory.wordsOf(length);
    this.bytes = memory.bytesOf(this.words);
    this.completions = [completion];
  }

  get operation(): number {
    return operationOf(this.words[REQUEST_OPERATION]!);
  }

  get hasEnded(): boolean {
    return this.answer !== undefined || this.error !== undefined;
  }

  requestAt(): number {
    return 0;
  }

  /** No addition joins another one: only the last sum would be known after a takeover. */
  isUnpublished(): boolean {
    return false;
  }
}

/** Whom nothing is told any more. */
export const NOBODY: Completion = { settle: () => {}, fail: () => {} };

/** Bytes of what a KN leaves in a request. */
function contentBytes(words: Int32Array, status: number): number {
  const operation = operationOf(words[REQUEST_OPERATION]!);
  if (operation === Operation.ADD || operation === Operation.TOUCH) return DERIVATION_BYTES;
  const isMade = operation === Operation.ATOMIC && status === Status.OK;
  return isMade ? resultsOf(words, 0).length : 0;
}

/**
 * Takes the answer to a request.
 *
 * @throws {FrameError} when it does not have what the request asks for
 */
export function takeAnswer(parcel: Parcel, answer: Answer): void {
  const { operation, words } = parcel;
  const { status, content } = answer;
  const isRight = status === REFUSED ||
    (status === Status.FOUND
      ? operation === Operation.GET
      : content.length === contentBytes(words, status));
  if (!isRight) throw new FrameError("an answer must have what its request asks for");
  if (status === REFUSED) parcel.error = decodeError(content);
  parcel.answer = answer;
}

/** What a request has read, by its answer, with which it shares the bytes; undefined if nothing. */
export function readValueOf({ answer, error }: Parcel): ReadValue | undefined {
  if (error !== undefined || answer?.status !== Status.FOUND) return undefined;
  const { versionLow, versionHigh, expiresAtMs, content } = answer;
  const version = versionHigh * 2 ** 32 + (versionLow >>> 0);
  return { bytes: content, version, expiresAtMs };
}

/** Ends a request, when what a KN leaves in one is there. */
export function tellEnd(ends: RequestEnds, parcel: Parcel): void {
  const { slot, sequence, words, bytes, completions: [completion], answer, error } = parcel;
  if (error !== undefined) return ends.fail(slot, sequence, completion, error);
  const { status, versionLow, versionHigh, content } = answer!;
  if (status !== Status.FOUND && content.length > 0) {
    if (parcel.operation === Operation.ATOMIC) resultsOf(words, 0).set(content);
    else bytes.set(content, (REQUEST_RECORD + valueWord(words[REQUEST_RECORD + RECORD_META]!)) * 4);
  }
  const detail = status === Status.NOT_DURABLE ? versionLow : 0;
  ends.settle(slot, sequence, completion, status, detail, versionLow, versionHigh, words, 0);
}

/** Whether a request may have changed something. */
export function isUnknown(parcel: Parcel): boolean {
  return parcel.isSent && !isReading(parcel);
}

/** For a change of which nobody can say what became of it. */
export function unknownOutcome(): UnavailableError {
  return new UnavailableError(
    "the process that has the pool open must answer, but the connection to it has ended; " +
      "the change may or may not have been made",
  );
}

/** For a change without a record, of which a later one of the same client has one. */
export function failedBefore(): UnavailableError {
  return new UnavailableError(
    "the process that had the pool open has ended before it could say why the change failed; " +
      "the change was not made",
  );
}
