/**
 * Frames between an application thread and a node of a cluster: the kinds of request_frames.ts,
 * with the same words of requests and answers.
 *
 * The body of a frame of requests:
 *
 * ```text
 *   word 0   number up to which all answers have come, 0 for none
 *   word 1   how many requests of this connection have come back (NOT_OWNER, UNKNOWN)
 *   word 2   time since the sender has read the welcome, in milliseconds, bits 0-31
 *   word 3   the same, bits 32-47
 *   word 4   how many recalls have been read on this connection: their copies are not used any more
 *   word 5   0
 *   then requests, one behind the other:
 *     word 0   sequence of the assignment by which the sender knows the owner, bits 0-31
 *     word 1   the same, bits 32-47
 *     word 2   time since its issue, in milliseconds
 *     word 3   reads of its key that the sender has answered from copies, since it has said so last
 *     word 4   the request, as in a ring; its record has its number in the word of the position
 * ```
 *
 * Two of the answers are none. LENT, in front of an answer, with its number: reads may be answered
 * from what has been read for so many milliseconds, in the word of bits 0-31 of the version, after
 * the request was sent. RECALL, with number 0 and a hash in the same word: the copies of keys that
 * have it are not to be used any more; see node/lent_keys.ts.
 *
 * A request keeps its number, and its session, for as long as it has no answer, whichever nodes it
 * is sent to. So numbers of a connection are in any order. Nothing that comes is believed.
 *
 * @module
 */
import { SESSION_REQUESTS_MAX } from "../../core/limits.ts";
import { brokenRule, type RequestRules } from "../../gateway/request_check.ts";
import { numberOf, RequestFrame } from "../../gateway/request_frames.ts";
import { metaKeyBytes, RECORD_META } from "../../log/record_layout.ts";
import {
  Operation,
  operationOf,
  REQUEST_LENGTH,
  REQUEST_OPERATION,
  REQUEST_RECORD,
} from "../../rings/ring_layout.ts";
import { FrameError, sealFrame, WIRE_HEADER_BYTES } from "../../wire/frame.ts";

/** Status of a request that was not made: the node does not own its slot, or not any more. */
export const NOT_OWNER = 65;
/** Status of a request of which the node cannot say whether it was, or will be, made. */
export const UNKNOWN = 66;
/** What stands in front of an answer from which others may be made. */
export const LENT = 67;
/** What asks for copies. */
export const RECALL = 68;

const HEAD = 6;
const PREFIX = 4;
const HIGH = 2 ** 32;

/** A request with what it was routed by. */
export interface RoutedRequest {
  /** Sequence of the assignment. */
  readonly assignedAt: number;
  /** Time since its issue, in milliseconds. */
  readonly ageMs: number;
  /** Reads of its key that were answered from copies. */
  readonly copiedReads: number;
  readonly words: Int32Array;
}

/** What stands in a frame of requests. */
export interface RoutedRequests {
  readonly confirmed: number;
  readonly returned: number;
  /** How long before it was sent its sender has read the welcome, in milliseconds. */
  readonly welcomeMs: number;
  /** Recalls that its sender has read, of this connection. */
  readonly recalled: number;
  readonly requests: readonly RoutedRequest[];
}

/** Whether a status is one of a request that has come back. */
export function isReturned(status: number): boolean {
  return status === NOT_OWNER || status === UNKNOWN;
}

/** Whether a status is one that only answers of nodes have. */
export function isOfNode(status: number): boolean {
  return isReturned(status) || status === LENT || status === RECALL;
}

/** Makes a frame of requests. */
export function encodeRouted(
  { confirmed, returned, welcomeMs, recalled, requests }: RoutedRequests,
): Uint8Array {
  const length = requests.reduce((sum, { words }) => sum + PREFIX + words.length, HEAD);
  const frame = new Uint8Array(WIRE_HEADER_BYTES + length * 4);
  const body = new Int32Array(frame.buffer, WIRE_HEADER_BYTES, length);
  body[0] = confirmed;
  body[1] = returned;
  body[2] = welcomeMs | 0;
  body[3] = Math.floor(welcomeMs / HIGH);
  body[4] = recalled;
  let at = HEAD;
  for (const { assignedAt, ageMs, copiedReads, words } of requests) {
    body[at] = assignedAt | 0;
    body[at + 1] = Math.floor(assignedAt / HIGH);
    body[at + 2] = ageMs;
    body[at + 3] = copiedReads;
    body.set(words, at + PREFIX);
    at += PREFIX + words.length;
  }
  sealFrame(frame, RequestFrame.REQUESTS);
  return frame;
}

/**
 * Takes the requests of a body.
 *
 * @throws {FrameError} when one of them breaks a rule; none may be executed then
 */
export function decodeRouted(body: Uint8Array, rules: RequestRules): RoutedRequests {
  if (body.length % 8 !== 0 || body.length < HEAD * 4) {
    throw new FrameError("a body must be whole requests");
  }
  const whole = body.byteOffset % 4 === 0 ? body : body.slice();
  const words = new Int32Array(whole.buffer, whole.byteOffset, whole.length / 4);
  const requests: RoutedRequest[] = [];
  for (let at = HEAD; at < words.length;) {
    const start = at + PREFIX;
    const rule = start < words.length ? ruleOf(words, start, rules) : "have its header";
    if (rule !== undefined) throw new FrameError(`a request must ${rule}`);
    const end = start + words[start + REQUEST_LENGTH]!;
    const assignedAt = words[at + 1]! * HIGH + (words[at]! >>> 0);
    const ageMs = words[at + 2]! >>> 0;
    const copiedReads = words[at + 3]! >>> 0;
    requests.push({ assignedAt, ageMs, copiedReads, words: words.subarray(start, end) });
    at = end;
  }
  const welcomeMs = words[3]! * HIGH + (words[2]! >>> 0);
  const [confirmed, returned, recalled] = [words[0]! >>> 0, words[1]! >>> 0, words[4]! >>> 0];
  return { confirmed, returned, welcomeMs, recalled, requests };
}

function ruleOf(words: Int32Array, at: number, rules: RequestRules): string | undefined {
  const rule = brokenRule(words, at, words.length, rules);
  if (rule !== undefined) return rule;
  const operation = operationOf(words[at + REQUEST_OPERATION]!);
  const isOfOneKey = operation !== Operation.ATOMIC && operation !== Operation.CLEAR_SLOT;
  if (!isOfOneKey || metaKeyBytes(words[at + REQUEST_RECORD + RECORD_META]!) === 0) {
    return "be about one key";
  }
  const number = numberOf(words, at);
  return number > 0 && number <= SESSION_REQUESTS_MAX ? undefined : "have a possible number";
}
