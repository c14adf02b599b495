/**
 * What processes send each other: requests, all of a tick in one frame, and their answers.
 *
 * The body of a frame of requests has them one behind the other, each as in a ring
 * (rings/ring_layout.ts): its owner word is zero, and its record has the number of the request in
 * the word of the position. Numbers count from 1 without gaps, as u32.
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
import { EXPIRY_MS_MAX, REMOTE_BYTES_MAX } from "../core/limits.ts";
import { RECORD_REQUEST_POSITION } from "../log/record_layout.ts";
import { REQUEST_LENGTH, REQUEST_RECORD, Status } from "../rings/ring_layout.ts";
import { FrameError } from "../wire/frame.ts";
import type { FrameWriter } from "../wire/frame_writer.ts";
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
} as const;

/** Whether a frame is one of a call. */
export function isCallFrame(kind: number): boolean {
  return kind >= RequestFrame.CALL && kind <= RequestFrame.CREDIT;
}

/** Bytes of a frame to the process that has the pool: one request may be as long as a segment. */
export function requestFrameBytesMax(segmentBytes: number): number {
  return segmentBytes + REMOTE_BYTES_MAX;
}

/** Bytes of a frame from there: an answer may have a value, and others with it. */
export function answerFrameBytesMax(segmentBytes: number): number {
  return segmentBytes + 2 * REMOTE_BYTES_MAX;
}

/** Status of a request that has ended with an error that no other status stands for. */
export const REFUSED = 64;

const ANSWER_LENGTH = 0;
const ANSWER_NUMBER = 1;
const ANSWER_STATUS = 2;
const ANSWER_VERSION_LOW = 3;
const ANSWER_VERSION_HIGH = 4;
const ANSWER_BYTES = 5;
const ANSWER_EXPIRY_LOW = 6;
const ANSWER_EXPIRY_HIGH = 7;
const ANSWER_CONTENT = 8;

/** The number after another one. */
export function nextNumber(number: number): number {
  return (number + 1) >>> 0;
}

/** Number of a request. */
export function numberOf(words: Int32Array, at: number): number {
  return words[at + REQUEST_RECORD + RECORD_REQUEST_POSITION]! >>> 0;
}

/**
 * Takes the requests of a body, as views of it.
 *
 * @param next the number that the first one must have
 * @throws {FrameError} when one of them breaks a rule; none may be executed then
 */
export function decodeRequests(body: Uint8Array, next: number, rules: RequestRules): Int32Array[] {
  const words = wordsOf(body);
  const requests: Int32Array[] = [];
  for (let at = 0; at < words.length;) {
    const rule = brokenRule(words, at, words.length, rules);
    if (rule !== undefined) throw new FrameError(`a request must ${rule}`);
    const number = (next + requests.length) >>> 0;
    if (numberOf(words, at) !== number) {
      throw new FrameError(`a request must have number ${number}, got ${numberOf(words, at)}`);
    }
    const end = at + words[at + REQUEST_LENGTH]!;
    requests.push(words.subarray(at, end));
    at = end;
  }
  return requests;
}

/** How a request has ended. */
export interface Answer {
  readonly number: number;
  readonly status: number;
  readonly versionLow: number;
  readonly versionHigh: number;
  /** Of what was read, in milliseconds since the epoch, or Infinity. */
  readonly expiresAtMs: number;
  /** Valid until it is copied. */
  readonly content: Uint8Array;
}

/** Words of an answer with so many bytes of content. */
function answerWords(bytes: number): number {
  return ANSWER_CONTENT + (((bytes + 7) >>> 3) << 1);
}

/** Writes an answer into a frame; returns its length in bytes. */
export function writeAnswer(frame: FrameWriter, answer: Answer): number {
  const { expiresAtMs, content } = answer;
  const length = answerWords(content.length);
  const at = frame.claim(length);
  const { words } = frame;
  words[at + ANSWER_LENGTH] = length;
  words[at + ANSWER_NUMBER] = answer.number;
  words[at + ANSWER_STATUS] = answer.status;
  words[at + ANSWER_VERSION_LOW] = answer.versionLow;
  words[at + ANSWER_VERSION_HIGH] = answer.versionHigh;
  words[at + ANSWER_BYTES] = content.length;
  if (expiresAtMs !== Infinity) {
    words[at + ANSWER_EXPIRY_LOW] = expiresAtMs | 0;
    words[at + ANSWER_EXPIRY_HIGH] = Math.floor(expiresAtMs / 2 ** 32);
  }
  frame.bytes.set(content, (at + ANSWER_CONTENT) * 4);
  return length * 4;
}

/**
 * Takes the answers of a body; their contents are views of it.
 *
 * @throws {FrameError} when one of them breaks a rule
 */
export function decodeAnswers(body: Uint8Array): Answer[] {
  const words = wordsOf(body);
  const answers: Answer[] = [];
  for (let at = 0; at < words.length;) {
    const length = words[at + ANSWER_LENGTH]!;
    const isWhole = words.length - at >= ANSWER_CONTENT && length >= ANSWER_CONTENT &&
      length <= words.length - at;
    if (!isWhole) throw new FrameError("an answer must be as long as it says");
    answers.push(decodeAnswer(words.subarray(at, at + length)));
    at += length;
  }
  return answers;
}

function decodeAnswer(words: Int32Array): Answer {
  const bytes = words[ANSWER_BYTES]!;
  const status = words[ANSWER_STATUS]!;
  const expiry = words[ANSWER_EXPIRY_HIGH]! * 2 ** 32 + (words[ANSWER_EXPIRY_LOW]! >>> 0);
  const isStatus = status === REFUSED || (status >= 0 && status <= Status.NOT_A_NUMBER &&
    status !== Status.MOVED && status !== Status.FOUND_STAGED);
  const isPossible = isStatus && expiry >= 0 && expiry <= EXPIRY_MS_MAX && bytes >= 0 &&
    answerWords(bytes) === words.length;
  if (!isPossible) throw new FrameError("an answer must have possible words");
  return {
    number: words[ANSWER_NUMBER]! >>> 0,
    status,
    versionLow: words[ANSWER_VERSION_LOW]!,
    versionHigh: words[ANSWER_VERSION_HIGH]!,
    expiresAtMs: expiry === 0 ? Infinity : expiry,
    content: new Uint8Array(words.buffer, words.byteOffset + ANSWER_CONTENT * 4, bytes),
  };
}

/** A body as words; it has memory of its own, as `FrameReader` makes it. */
function wordsOf(body: Uint8Array): Int32Array {
  if (body.length % 8 !== 0) throw new FrameError("a body must be whole requests or answers");
  return new Int32Array(body.buffer, body.byteOffset, body.length / 4);
}
