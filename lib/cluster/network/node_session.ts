/**
 * The requests of one connection, at the node that executes them.
 *
 * Order (I4). Requests of a slot are given to the node in the order in which they came. A read waits
 * until the changes of its slot have ended that came before it by this connection, and everything of
 * that slot behind it waits with it.
 *
 * When a request comes back (NOT_OWNER, UNKNOWN), everything of its slot that was sent before the
 * other side knew of that comes back, too: the other side says how many have come back to it. So
 * no later request of a slot is executed before an earlier one is sent again.
 *
 * A request is executed only if its sender knows the owner by the assignment by which the node
 * serves the slot now. One that comes late, when others have owned the slot in between, is not.
 *
 * Bounds: see gateway_session.ts, which does the same for processes of one machine.
 *
 * @module
 */
import type { Slot } from "../../core/brands.ts";
import { REMOTE_BYTES_MAX, REMOTE_REQUESTS_MAX, SLOT_SHIFT } from "../../core/limits.ts";
import { runMicrotask } from "../../core/runtime.ts";
import { isRead, type RequestRules } from "../../gateway/request_check.ts";
import { encodeAnswer, encodeAnswers, numberOf } from "../../gateway/request_frames.ts";
import { RECORD_HASH } from "../../log/record_layout.ts";
import { operationOf, REQUEST_OPERATION, REQUEST_RECORD } from "../../rings/ring_layout.ts";
import { FrameError } from "../../wire/frame.ts";
import { decodeRouted, isReturned, NOT_OWNER } from "./cluster_frames.ts";

/** How a request has ended. */
export interface ExecutedAnswer {
  /** One of `Status`, REFUSED, NOT_OWNER or UNKNOWN. */
  readonly status: number;
  readonly version: number;
  /** Of what was read, in milliseconds since the epoch, or Infinity. */
  readonly expiresAtMs: number;
  /** As in a frame of answers. */
  readonly content: Uint8Array;
}

/** In whose name a request is executed. */
export interface RequestName {
  readonly session: number;
  readonly number: number;
  /** The number up to which all answers have come. */
  readonly confirmed: number;
}

/** Executes requests: a node. */
export interface RequestExecutor {
  /** Sequence of the assignment by which it serves a slot, or 0. */
  servedSince(slot: Slot): number;
  /** Executes a request, whose words may be kept; `done` is called once, perhaps at once. */
  execute(words: Int32Array, name: RequestName, done: (answer: ExecutedAnswer) => void): void;
}

/** What a session is made of. */
export interface NodeSessionParts {
  readonly session: number;
  readonly executor: RequestExecutor;
  readonly rules: RequestRules;
  /** Sends a frame; false if {@linkcode NodeSession.drain} is to be called before the next ones. */
  readonly write: (bytes: Uint8Array) => boolean;
}

interface Item {
  readonly words: Int32Array;
  readonly assignedAt: number;
  readonly slot: Slot;
  /** How many requests had come back to the other side when it sent this one. */
  readonly returned: number;
  readonly confirmed: number;
}

/** What of a slot has not ended. */
interface SlotWork {
  changes: number;
  readonly waiting: Item[];
}

const NOTHING = new Uint8Array(0);
const RETURNED: ExecutedAnswer = {
  status: NOT_OWNER,
  version: 0,
  expiresAtMs: Infinity,
  content: NOTHING,
};

/** Executes what comes by one connection. */
export class NodeSession {
  readonly #parts: NodeSessionParts;
  /** What has come and was not begun. */
  #come: Item[] = [];
  readonly #slots = new Map<Slot, SlotWork>();
  /** How many requests had come back when the last one of a slot did. */
  readonly #returnedAt = new Map<Slot, number>();
  #returned = 0;
  readonly #open = new Set<number>();
  #openBytes = 0;
  #answers: Int32Array[] = [];
  #answerBytes = 0;
  #isFlushScheduled = false;
  #canWrite = true;
  #isOpen = true;

  /** Makes a session for a connection on which nothing has come yet. */
  constructor(parts: NodeSessionParts) {
    this.#parts = parts;
  }

  /**
   * Takes the body of a frame of requests.
   *
   * @throws {FrameError} when they are not what they must be: the connection is to be closed
   */
  receive(body: Uint8Array): void {
    if (!this.#isOpen) return;
    const { confirmed, returned, requests } = decodeRouted(body, this.#parts.rules);
    if (returned > this.#returned) throw new FrameError("no more can come back than was sent");
    for (const { words, assignedAt } of requests) {
      this.#admit(words);
      const slot = (words[REQUEST_RECORD + RECORD_HASH]! >>> SLOT_SHIFT) as Slot;
      this.#come.push({ words, assignedAt, slot, returned, confirmed });
    }
    this.#work();
  }

  /** What was written has been taken: the next bytes can be. */
  drain(): void {
    this.#canWrite = true;
    this.#flush();
    this.#work();
  }

  /** Executes nothing more and answers nothing. */
  close(): void {
    this.#isOpen = false;
    this.#come = [];
    this.#slots.clear();
    this.#answers = [];
  }

  /** Whether everything that has come was answered, and the answers are written. */
  get isIdle(): boolean {
    return this.#open.size === 0 && this.#answers.length === 0;
  }

  #admit(words: Int32Array): void {
    const number = numberOf(words, 0);
    if (this.#open.has(number)) throw new FrameError("a request must be sent once");
    this.#open.add(number);
    this.#openBytes += words.byteLength;
    const isTooMuch = this.#open.size > REMOTE_REQUESTS_MAX ||
      (this.#openBytes > REMOTE_BYTES_MAX && this.#open.size > 1);
    if (isTooMuch) throw new FrameError("a connection must wait for answers");
  }

  readonly #work = (): void => {
    const come = this.#come;
    let begun = 0;
    while (begun < come.length && this.#answerBytes <= REMOTE_BYTES_MAX) this.#take(come[begun++]!);
    come.splice(0, begun);
  };

  #take(item: Item): void {
    const work = this.#slots.get(item.slot);
    if (work === undefined) return this.#begin(item);
    const waits = work.waiting.length > 0 || (isReadOf(item) && work.changes > 0);
    if (waits) work.waiting.push(item);
    else this.#begin(item);
  }

  #begin(item: Item): void {
    const { words, slot, assignedAt, returned, confirmed } = item;
    const { executor, session } = this.#parts;
    const isBehind = returned < (this.#returnedAt.get(slot) ?? 0);
    if (isBehind || executor.servedSince(slot) !== assignedAt) return this.#end(item, RETURNED);
    const isChange = !isReadOf(item);
    if (isChange) this.#noteBegin(slot);
    executor.execute(words, { session, number: numberOf(words, 0), confirmed }, (answer) => {
      if (!this.#isOpen) return;
      this.#end(item, answer);
      if (isChange) this.#noteEnd(slot);
    });
  }

  #noteBegin(slot: Slot): void {
    const work = this.#slots.get(slot);
    if (work === undefined) this.#slots.set(slot, { changes: 1, waiting: [] });
    else work.changes += 1;
  }

  #noteEnd(slot: Slot): void {
    const work = this.#slots.get(slot)!;
    work.changes -= 1;
    while (work.waiting.length > 0 && (work.changes === 0 || !isReadOf(work.waiting[0]!))) {
      this.#begin(work.waiting.shift()!);
    }
    if (work.changes === 0 && work.waiting.length === 0) this.#slots.delete(slot);
  }

  #end({ words, slot }: Item, answer: ExecutedAnswer): void {
    const number = numberOf(words, 0);
    const { status, version, expiresAtMs, content } = answer;
    if (isReturned(status)) this.#returnedAt.set(slot, ++this.#returned);
    const versionLow = version | 0;
    const versionHigh = Math.floor(version / 2 ** 32);
    const bytes = encodeAnswer({ number, status, versionLow, versionHigh, expiresAtMs, content });
    this.#answers.push(bytes);
    this.#answerBytes += bytes.byteLength;
    this.#open.delete(number);
    this.#openBytes -= words.byteLength;
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    runMicrotask(this.#flush);
  }

  readonly #flush = (): void => {
    this.#isFlushScheduled = false;
    if (!this.#isOpen || !this.#canWrite || this.#answers.length === 0) return;
    const answers = this.#answers;
    this.#answers = [];
    this.#answerBytes = 0;
    this.#canWrite = this.#parts.write(encodeAnswers(answers));
    if (this.#come.length > 0) runMicrotask(this.#work);
  };
}

function isReadOf({ words }: Item): boolean {
  return isRead(operationOf(words[REQUEST_OPERATION]!));
}
