/**
 * What processes send each other: requests, all of a tick in one frame, and their answers.
 *
 * The body of a frame of requests begins with two words: the number up to which all answers have
 * come, 0 for none, and a zero. Then it has requests one behind the other, each as in a ring
 * (rings/ring_layout.ts): its owner word is zero, and its record has the number of the request in
 * the word of the position. Numbers count from 1 without gaps, up to {@linkcode
 * SESSION_REQUESTS_MAX}. A frame without a request only confirms answers.
 *
 * The body of a frame of answers has them one behind the other, too, in the words
 *
 * ```text
 *   word 0   length in words, an even number
 *   word 1   number of the request
 *   word 2   status, one of Status, or REFUSED
 *   word 3   version, bits 0-31; of NOT_DURABLE why, from durabilityWord
 *   word 4   version, bits 32-47
 *   word 5   bytes of the content
 *   word 6   expiry time of what was read, bits 0-31; both words are 0 if there is none
 *   word 7   expiry time, bits 32-47
 *   word 8   content, zero-padded to a multiple of 8 bytes: of FOUND the value; of ADD and TOUCH
 *            the derivation words with their results; of REFUSED code and message of the error
 * ```
 *
 * The reader of one believes nothing: what is not so is a `FrameError`, and the end of the
 * connection. No body is looked at before the CRC of its frame was right.
 *
 * @module
 */
import {
  CALL_BYTES_MAX,
  EXPIRY_MS_MAX,
  REMOTE_BYTES_MAX,
  SESSION_REQUESTS_MAX,
} from "../core/limits.ts";
import { copyWords } from "../core/copy_words.ts";
import { RECORD_REQUEST_POSITION } from "../log/record_layout.ts";
import { entryCount } from "../rings/commit_words.ts";
import {
  Operation,
  operationOf,
  REQUEST_LENGTH,
  REQUEST_OPERATION,
  REQUEST_RECORD,
  Status,
} from "../rings/ring_layout.ts";
import {
  encodeFrame,
  type Frame,
  FrameError,
  sealFrame,
  WIRE_HEADER_BYTES,
} from "../wire/frame.ts";
import { pieceOf } from "../core/memory_pieces.ts";
import { KEPT_BYTES_MAX, LONG_FRAME_BYTES, type LongFrames } from "./long_frames.ts";
import { brokenRule, type RequestRules } from "./request_check.ts";

/** Kinds of frames of a connection between processes; others are not taken. */
export const RequestFrame = {
  REQUESTS: 16,
  ANSWERS: 17,
  /** The first one of the process that has connected, and of the one that has the pool. */
  HELLO: 18,
  WELCOME: 19,
  /** Of what is not a request of one key: see call_frames.ts. */
  CALL: 20,
  ITEM: 21,
  END: 22,
  FAILURE: 23,
  CANCEL: 24,
  CREDIT: 25,
  /** The last one of the process that has connected: it closes its store, and asks nothing more. */
  FAREWELL: 31,
} as const;

/** Whether a frame is one of a call. */
export function isCallFrame(kind: number): boolean {
  return kind >= RequestFrame.CALL && kind <= RequestFrame.CREDIT;
}

/**
 * Bytes of a frame to the process that has the pool: one request may be as long as a segment, and a
 * call as long as it may be.
 */
export function requestFrameBytesMax(segmentBytes: number): number {
  return Math.max(segmentBytes, CALL_BYTES_MAX) + REMOTE_BYTES_MAX;
}

/** Bytes of a frame from there: an answer may have a value, and others with it. */
export function answerFrameBytesMax(segmentBytes: number): number {
  return segmentBytes + 2 * REMOTE_BYTES_MAX;
}

/** Status of a request that has ended with an error that no other status stands for. */
export const REFUSED = 64;

/** Words in front of the requests of a frame. */
const REQUESTS_HEAD = 2;
export const REQUESTS_HEAD_BYTES: number = REQUESTS_HEAD * 4;

const ANSWER_LENGTH = 0;
const ANSWER_NUMBER = 1;
const ANSWER_STATUS = 2;
const ANSWER_VERSION_LOW = 3;
const ANSWER_VERSION_HIGH = 4;
const ANSWER_BYTES = 5;
const ANSWER_EXPIRY_LOW = 6;
const ANSWER_EXPIRY_HIGH = 7;
const ANSWER_CONTENT = 8;

/** Words in front of the body of a frame. */
const HEADER_WORDS = WIRE_HEADER_BYTES / 4;
/** Bytes of a buffer for answers at first. */
const ANSWER_BUFFER_BYTES_MIN = 4096;
/** A frame is sent in the buffer in which it was made, if it has that part of it at least. */
const OWN_BUFFER_PART = 4;

/** The number after another one. */
export function nextNumber(number: number): number {
  return (number + 1) >>> 0;
}

/**
 * How many numbers a request has: each entry of an atomic commit has one of its own, of which the
 * request's is the first.
 */
export function numberCount(words: Int32Array, at: number): number {
  const isAtomic = operationOf(words[at + REQUEST_OPERATION]!) === Operation.ATOMIC;
  return isAtomic ? entryCount(words, at) : 1;
}

/** Number of a request. */
export function numberOf(words: Int32Array, at: number): number {
  return words[at + REQUEST_RECORD + RECORD_REQUEST_POSITION]! >>> 0;
}

/** Makes the last frame of a connection: see docs/protocols/processes.md, "Farewell". */
export function encodeFarewell(): Uint8Array {
  return encodeFrame(RequestFrame.FAREWELL, new Uint8Array(0));
}

/** Whether a frame is that one. */
export function isFarewell({ kind, body }: Frame): boolean {
  return kind === RequestFrame.FAREWELL && body.length === 0;
}

/**
 * Makes a frame of requests that are complete.
 *
 * @param confirmed the number up to which all answers have come
 */
export function encodeRequests(requests: readonly Int32Array[], confirmed: number): Uint8Array {
  let length = REQUESTS_HEAD;
  for (const words of requests) length += words.length;
  const frame = pieceOf(WIRE_HEADER_BYTES + length * 4);
  const body = new Int32Array(frame.buffer, frame.byteOffset + WIRE_HEADER_BYTES, length);
  body[0] = confirmed;
  let at = REQUESTS_HEAD;
  for (const words of requests) {
    copyWords(words, 0, body, at, words.length);
    at += words.length;
  }
  sealFrame(frame, RequestFrame.REQUESTS);
  return frame;
}

/** What stands in a frame of requests. */
export interface RequestsBody {
  /** The number up to which all answers have come. */
  readonly confirmed: number;
  /** Views of the body. */
  readonly requests: Int32Array[];
}

/**
 * Takes the requests of a body.
 *
 * @param next the number that the first one must have
 * @throws {FrameError} when one of them breaks a rule; none may be executed then
 */
export function decodeRequests(body: Uint8Array, next: number, rules: RequestRules): RequestsBody {
  const words = wordsOf(body);
  if (words.length < REQUESTS_HEAD || words[1] !== 0) {
    throw new FrameError("requests must begin with what is confirmed");
  }
  const requests: Int32Array[] = [];
  let number = next;
  for (let at = REQUESTS_HEAD; at < words.length;) {
    const rule = brokenRule(words, at, words.length, rules);
    if (rule !== undefined) throw new FrameError(`a request must ${rule}`);
    if (numberOf(words, at) !== number) {
      throw new FrameError(`a request must have number ${number}, got ${numberOf(words, at)}`);
    }
    // The other side sends it again on its next connection.
    if (number > SESSION_REQUESTS_MAX) {
      throw new FrameError(`a connection must have at most ${SESSION_REQUESTS_MAX} requests`);
    }
    const end = at + words[at + REQUEST_LENGTH]!;
    requests.push(words.subarray(at, end));
    number = (number + numberCount(words, at)) >>> 0;
    at = end;
  }
  return { confirmed: words[0]! >>> 0, requests };
}

/** How a request has ended. */
export interface Answer {
  readonly number: number;
  readonly status: number;
  readonly versionLow: number;
  readonly versionHigh: number;
  /** Of what was read, in milliseconds since the epoch, or Infinity. */
  readonly expiresAtMs: number;
  /** A view of the body. */
  readonly content: Uint8Array;
}

/** Words of an answer with so many bytes of content. */
function answerWords(bytes: number): number {
  return ANSWER_CONTENT + (((bytes + 7) >>> 3) << 1);
}

const NOTHING = new Uint8Array(0);

/** Answers that wait to be sent, as they stand in a frame. */
export class AnswerBuffer {
  readonly #memory: LongFrames | undefined;
  #frame: Uint8Array = NOTHING;
  #words: Int32Array = new Int32Array(0);
  #length = HEADER_WORDS;
  /** Bytes of the buffer that was sent with its frame, as the next one will need. */
  #usualBytes = ANSWER_BUFFER_BYTES_MIN;

  /**
   * Makes long frames in the memory of a connection, if it has some, to which they are to be given
   * back.
   */
  constructor(memory?: LongFrames) {
    this.#memory = memory;
  }

  /** Bytes of the answers. */
  get byteLength(): number {
    return (this.#length - HEADER_WORDS) * 4;
  }

  /**
   * Adds an answer.
   *
   * @param contentBytes of the content, which may have more behind it
   */
  add(
    number: number,
    status: number,
    versionLow: number,
    versionHigh: number,
    expiresAtMs: number,
    content: Uint8Array,
    contentBytes: number,
  ): void {
    const at = this.#length;
    const length = answerWords(contentBytes);
    this.#length += length;
    if (this.#length > this.#words.length) this.#grow();
    const words = this.#words;
    words[at + ANSWER_LENGTH] = length;
    words[at + ANSWER_NUMBER] = number;
    words[at + ANSWER_STATUS] = status;
    words[at + ANSWER_VERSION_LOW] = versionLow;
    words[at + ANSWER_VERSION_HIGH] = versionHigh;
    words[at + ANSWER_BYTES] = contentBytes;
    const expires = expiresAtMs !== Infinity;
    words[at + ANSWER_EXPIRY_LOW] = expires ? expiresAtMs | 0 : 0;
    words[at + ANSWER_EXPIRY_HIGH] = expires ? Math.floor(expiresAtMs / 2 ** 32) : 0;
    if (contentBytes === 0) return;
    // Padding; older answers have been here.
    words[at + length - 1] = words[at + length - 2] = 0;
    const isWhole = content.length === contentBytes;
    const own = isWhole ? content : content.subarray(0, contentBytes);
    this.#frame.set(own, (at + ANSWER_CONTENT) * 4);
  }

  /** The frame of all answers, which do not wait any more. */
  take(): Uint8Array {
    const bytes = this.#length * 4;
    const isOwn = this.#memory !== undefined && bytes >= LONG_FRAME_BYTES &&
      bytes * OWN_BUFFER_PART >= this.#frame.length;
    const frame = isOwn ? this.#frame.subarray(0, bytes) : this.#copy(bytes);
    if (isOwn) this.#letGo();
    this.clear();
    sealFrame(frame, RequestFrame.ANSWERS);
    return frame;
  }

  /** Forgets all answers. */
  clear(): void {
    this.#length = HEADER_WORDS;
    if (this.#frame.length > KEPT_BYTES_MAX) this.#letGo();
  }

  #copy(bytes: number): Uint8Array {
    const frame = pieceOf(bytes);
    frame.set(this.#frame.subarray(0, bytes));
    return frame;
  }

  #letGo(): void {
    this.#usualBytes = Math.min(this.#frame.length, KEPT_BYTES_MAX);
    this.#setFrame(NOTHING);
  }

  #grow(): void {
    const old = this.#frame;
    const bytes = Math.max(this.#usualBytes, this.#length * 4, old.length * 2);
    this.#setFrame(this.#memory?.take(bytes) ?? new Uint8Array(bytes));
    this.#frame.set(old);
  }

  #setFrame(frame: Uint8Array): void {
    this.#frame = frame;
    this.#words = new Int32Array(frame.buffer, 0, frame.length >>> 2);
  }
}

/** Makes a frame of answers. */
export function encodeAnswers(answers: readonly Answer[]): Uint8Array {
  const buffer = new AnswerBuffer();
  for (const { number, status, versionLow, versionHigh, expiresAtMs, content } of answers) {
    buffer.add(number, status, versionLow, versionHigh, expiresAtMs, content, content.length);
  }
  return buffer.take();
}

/**
 * Takes the answers of a body; their contents are views of it.
 *
 * @param isOther whether a status is one that only these answers may have
 * @throws {FrameError} when one of them breaks a rule
 */
export function decodeAnswers(
  body: Uint8Array,
  isOther: (status: number) => boolean = () => false,
): Answer[] {
  const words = wordsOf(body);
  const answers: Answer[] = [];
  for (let at = 0; at < words.length;) {
    const length = words[at + ANSWER_LENGTH]!;
    const isWhole = words.length - at >= ANSWER_CONTENT && length >= ANSWER_CONTENT &&
      length <= words.length - at;
    if (!isWhole) throw new FrameError("an answer must be as long as it says");
    answers.push(decodeAnswer(words, at, length, isOther));
    at += length;
  }
  return answers;
}

function decodeAnswer(
  words: Int32Array,
  at: number,
  length: number,
  isOther: (status: number) => boolean,
): Answer {
  const bytes = words[at + ANSWER_BYTES]!;
  const status = words[at + ANSWER_STATUS]!;
  const expiryLow = words[at + ANSWER_EXPIRY_LOW]! >>> 0;
  const expiry = words[at + ANSWER_EXPIRY_HIGH]! * 2 ** 32 + expiryLow;
  const isStatus = status === REFUSED || isOther(status) ||
    (status >= 0 && status <= Status.NOT_A_NUMBER &&
      status !== Status.MOVED && status !== Status.FOUND_STAGED);
  const isPossible = isStatus && expiry >= 0 && expiry <= EXPIRY_MS_MAX && bytes >= 0 &&
    answerWords(bytes) === length;
  if (!isPossible) throw new FrameError("an answer must have possible words");
  const contentAt = words.byteOffset + (at + ANSWER_CONTENT) * 4;
  return {
    number: words[at + ANSWER_NUMBER]! >>> 0,
    status,
    versionLow: words[at + ANSWER_VERSION_LOW]!,
    versionHigh: words[at + ANSWER_VERSION_HIGH]!,
    expiresAtMs: expiry === 0 ? Infinity : expiry,
    content: bytes === 0 ? NOTHING : new Uint8Array(words.buffer, contentAt, bytes),
  };
}

/** Whether a number is behind another one, as both wrap. */
export function isBehind(number: number, other: number): boolean {
  return ((number - other) | 0) > 0;
}

/** A body as words; a copy where it does not begin at a word. */
function wordsOf(body: Uint8Array): Int32Array {
  if (body.length % 8 !== 0) throw new FrameError("a body must be whole requests or answers");
  if (body.byteOffset % 4 !== 0) return wordsOf(body.slice());
  return new Int32Array(body.buffer, body.byteOffset, body.length / 4);
}
