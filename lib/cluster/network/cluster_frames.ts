/**
 * Frames between an application thread and a node of a cluster: the kinds of request_frames.ts, with
 * the same words of requests and answers.
 *
 * The body of a frame of requests:
 *
 * ```text
 *   word 0   number up to which all answers have come, 0 for none
 *   word 1   how many requests of this connection have come back (NOT_OWNER, UNKNOWN)
 *   word 2   time since the sender has read the welcome, in milliseconds, bits 0-31
 *   word 3   the same, bits 32-47
 *   then requests, one behind the other:
 *     word 0   sequence of the assignment by which the sender knows the owner, bits 0-31
 *     word 1   the same, bits 32-47
 *     word 2   time since its issue, in milliseconds
 *     word 3   0
 *     word 4   the request, as in a ring; its record has its number in the word of the position
 * ```
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
import { encodeFrame, FrameError } from "../../wire/frame.ts";

/** Status of a request that was not made: the node does not own its slot, or not any more. */
export const NOT_OWNER = 65;
/** Status of a request of which the node cannot say whether it was, or will be, made. */
export const UNKNOWN = 66;

const HEAD = 4;
const PREFIX = 4;
const HIGH = 2 ** 32;

/** A request with what it was routed by. */
export interface RoutedRequest {
  /** Sequence of the assignment. */
  readonly assignedAt: number;
  /** Time since its issue, in milliseconds. */
  readonly ageMs: number;
  readonly words: Int32Array;
}

/** What stands in a frame of requests. */
export interface RoutedRequests {
  readonly confirmed: number;
  readonly returned: number;
  /** How long before it was sent its sender has read the welcome, in milliseconds. */
  readonly welcomeMs: number;
  readonly requests: readonly RoutedRequest[];
}

/** Whether a status is one of a request that has come back. */
export function isReturned(status: number): boolean {
  return status === NOT_OWNER || status === UNKNOWN;
}

/** Makes a frame of requests. */
export function encodeRouted(
  { confirmed, returned, welcomeMs, requests }: RoutedRequests,
): Uint8Array {
  const length = requests.reduce((sum, { words }) => sum + PREFIX + words.length, HEAD);
  const body = new Int32Array(length);
  body[0] = confirmed;
  body[1] = returned;
  body[2] = welcomeMs | 0;
  body[3] = Math.floor(welcomeMs / HIGH);
  let at = HEAD;
  for (const { assignedAt, ageMs, words } of requests) {
    body[at] = assignedAt | 0;
    body[at + 1] = Math.floor(assignedAt / HIGH);
    body[at + 2] = ageMs;
    body.set(words, at + PREFIX);
    at += PREFIX + words.length;
  }
  return encodeFrame(RequestFrame.REQUESTS, new Uint8Array(body.buffer));
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
    requests.push({ assignedAt, ageMs, words: words.subarray(start, end) });
    at = end;
  }
  const welcomeMs = words[3]! * HIGH + (words[2]! >>> 0);
  return { confirmed: words[0]! >>> 0, returned: words[1]! >>> 0, welcomeMs, requests };
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
