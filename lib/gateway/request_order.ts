/**
 * Which requests of a slot may be on their way to another process at one time, so that they can be
 * sent again in their order if that process dies (docs/protocols/processes.md, argument 5).
 *
 * A request that has an effect leaves a record, by which the next host knows of it. One may end
 * without: a read, a condition that does not hold, a deletion of nothing. Nothing tells such a
 * request that was executed from one that was not, so it is executed again. It must not find then
 * what a later request of its client has made: no change is sent behind it before it was answered.
 *
 * Only what must have an effect is followed at once: a put without a condition, and an addition
 * without bounds. If the next host does not find one of these, but finds a later one, it has
 * failed.
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import { SLOT_COUNT } from "../core/limits.ts";
import { DerivationWords } from "../rings/derivation_words.ts";
import {
  Condition,
  conditionOf,
  Operation,
  operationOf,
  REQUEST_OPERATION,
  REQUEST_RECORD,
} from "../rings/ring_layout.ts";
import { isRead } from "./request_check.ts";

/** A request that has its place in the order of its slot. */
export interface OrderedRequest {
  readonly slot: Slot;
  readonly words: Int32Array;
}

const asked = new DerivationWords();

/** Whether a request leaves a record, unless it ends with an error. */
export function mustLeaveRecord(words: Int32Array): boolean {
  const word = words[REQUEST_OPERATION]!;
  const operation = operationOf(word);
  if (operation === Operation.PUT) return conditionOf(word) === Condition.NONE;
  if (operation !== Operation.ADD) return false;
  asked.read(words, REQUEST_RECORD);
  return asked.isUnbounded;
}

/** Whether a request changes nothing. */
export function isReading({ words }: OrderedRequest): boolean {
  return isRead(operationOf(words[REQUEST_OPERATION]!));
}

/** Admits the requests of one connection. */
export class RequestOrder<Request extends OrderedRequest> {
  /** Per slot: admitted requests without an answer behind which no change may be sent. */
  readonly #blocking = new Int32Array(SLOT_COUNT);
  readonly #waiting = new Map<Slot, Request[]>();

  /** Whether a request may be sent now; if not it is kept, and {@linkcode end} gives it back. */
  admit(request: Request): boolean {
    const { slot } = request;
    const waiting = this.#waiting.get(slot);
    if (waiting === undefined && this.#mayFollow(request)) {
      this.#count(request, 1);
      return true;
    }
    if (waiting === undefined) this.#waiting.set(slot, [request]);
    else waiting.push(request);
    return false;
  }

  /** An admitted request was answered; adds those that may be sent now to `admitted`. */
  end(request: Request, admitted: Request[]): void {
    const { slot } = request;
    this.#count(request, -1);
    const waiting = this.#waiting.get(slot);
    if (waiting === undefined) return;
    let count = 0;
    while (count < waiting.length && this.#mayFollow(waiting[count]!)) {
      this.#count(waiting[count]!, 1);
      admitted.push(waiting[count++]!);
    }
    if (count === waiting.length) this.#waiting.delete(slot);
    else waiting.splice(0, count);
  }

  /** Forgets all requests. */
  clear(): void {
    this.#blocking.fill(0);
    this.#waiting.clear();
  }

  #mayFollow(request: Request): boolean {
    return this.#blocking[request.slot] === 0 || isReading(request);
  }

  #count({ slot, words }: Request, sign: number): void {
    if (!mustLeaveRecord(words)) this.#blocking[slot] += sign;
  }
}
