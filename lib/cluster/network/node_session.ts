/**
 * The requests of one connection, at the node that executes them.
 *
 * Order (I4). Requests are given to the node in the order in which they came, and it keeps the
 * order of those of a slot.
 *
 * When a request comes back (NOT_OWNER, UNKNOWN), everything of its slot that was sent before the
 * other side knew of that comes back, too: the other side says how many have come back to it. So
 * no later request of a slot is executed before an earlier one is sent again.
 *
 * Bounds: see gateway_session.ts, which does the same for processes of one machine. Values that are
 * not in the node's memory are read when there is room for them: what is read for a connection, and
 * what it has not taken yet, is {@linkcode REMOTE_BYTES_MAX}, or one larger value.
 *
 * @module
 */
import type { Slot } from "../../core/brands.ts";
import { REMOTE_BYTES_MAX, REMOTE_REQUESTS_MAX, SLOT_SHIFT } from "../../core/limits.ts";
import { runMicrotask } from "../../platform/runtime.ts";
import type { RequestRules } from "../../gateway/request_check.ts";
import { ByteGate } from "../../core/byte_gate.ts";
import { OpenBytes } from "../../gateway/open_bytes.ts";
import { AnswerBuffer, numberOf } from "../../gateway/request_frames.ts";
import { RECORD_HASH } from "../../log/record_layout.ts";
import { REQUEST_RECORD } from "../../rings/ring_layout.ts";
import { FrameError } from "../../wire/frame.ts";
import type { Borrower } from "../node/borrower.ts";
import { type ReadRoom, RESEND_MS } from "../node/requests.ts";
import { decodeRouted, isReturned, LENT, NOT_OWNER, RECALL } from "./cluster_frames.ts";

/**
 * How long a frame may be on its way. Of copies that come later than that, and a request may be
 * executed until {@linkcode RESEND_MS} after its issue, a node may not know any more what was
 * applied: see `EVIDENCE_MS`.
 */
export const TRANSIT_MS_MAX: number = RESEND_MS / 2;

/** How a request has ended. */
export interface ExecutedAnswer {
  /** One of `Status`, REFUSED, NOT_OWNER or UNKNOWN. */
  readonly status: number;
  readonly version: number;
  /** Of what was read, in milliseconds since the epoch, or Infinity. */
  readonly expiresAtMs: number;
  /** As in a frame of answers. */
  readonly content: Uint8Array;
  /**
   * For how long reads may be answered from it, in milliseconds.
   *
   * @default they may not
   */
  readonly lentMs?: number;
}

/** What comes with a request. */
export interface RequestFacts {
  /** By which the sender knows the owner: `ControlState.assignedAt`. */
  readonly assignedAt: number;
  /** When it is too late to execute it, by {@linkcode RequestExecutor.clockMs}. */
  readonly untilMs: number;
  readonly session: number;
  readonly number: number;
  /** The number up to which all answers have come. */
  readonly confirmed: number;
  /** Who may have a copy of what is read. */
  readonly borrower: Borrower;
  /** Reads that its sender has answered from copies. */
  readonly copiedReads: number;
  /** Asked before a value is read that is not in memory. */
  readonly room: ReadRoom;
  /** Whether the sender reads what the node shares. */
  readonly isOwn: boolean;
}

/** Executes requests: a node. */
export interface RequestExecutor {
  /** The time by which requests come too late. */
  clockMs(): number;
  /** Whether nothing is to be executed before {@linkcode NodeSession.resume} is called. */
  readonly isCrowded: boolean;
  /** Executes a request, whose words may be kept; `done` is called once, perhaps at once. */
  execute(words: Int32Array, facts: RequestFacts, done: (answer: ExecutedAnswer) => void): void;
}

/** What a session is made of. */
export interface NodeSessionParts {
  readonly session: number;
  readonly executor: RequestExecutor;
  readonly rules: RequestRules;
  /** Whether the other side is the thread with which the node shares values. */
  readonly isOwn: boolean;
  /** Sends a frame; false if {@linkcode NodeSession.drain} is to be called before the next ones. */
  readonly write: (bytes: Uint8Array) => boolean;
}

interface Item {
  readonly words: Int32Array;
  readonly facts: RequestFacts;
  readonly slot: Slot;
  /** How many requests had come back to the other side when it sent this one. */
  readonly returned: number;
}

const NOTHING = new Uint8Array(0);
const RETURNED: ExecutedAnswer = {
  status: NOT_OWNER,
  version: 0,
  expiresAtMs: Infinity,
  content: NOTHING,
};

/** Executes what comes by one connection. */
export class NodeSession implements Borrower {
  readonly #parts: NodeSessionParts;
  /** What has come and was not begun. */
  #come: Item[] = [];
  /** How many requests had come back when the last one of a slot did. */
  readonly #returnedAt = new Map<Slot, number>();
  #returned = 0;
  /** Who is told that a recall was read, in the order in which they were sent. */
  #recalls: (() => void)[] = [];
  #recallsRead = 0;
  readonly #open = new Set<number>();
  readonly #openBytes = new OpenBytes();
  readonly #answers = new AnswerBuffer();
  /** Answers that would make one frame too long, as frames. */
  #frames: Uint8Array[] = [];
  #frameBytes = 0;
  /** What is read, until it has been taken. */
  readonly #reads = new ByteGate(REMOTE_BYTES_MAX);
  /** How requests leave it that are not answered, and those whose answers are not taken. */
  readonly #leaves = new Map<number, () => void>();
  #answeredLeaves: (() => void)[] = [];
  #isFlushScheduled = false;
  #isWorking = false;
  #canWrite = true;
  #isOpen = true;
  readonly #welcomedMs: number;
  /** By how much frames came behind their senders' clock, at least: it may run faster. */
  #behindMs = 0;

  /** Makes a session for a connection on which nothing has come yet. */
  constructor(parts: NodeSessionParts) {
    this.#parts = parts;
    this.#welcomedMs = parts.executor.clockMs();
  }

  /**
   * Takes the body of a frame of requests.
   *
   * @throws {FrameError} when they are not what they must be: the connection is to be closed
   */
  receive(body: Uint8Array): void {
    if (!this.#isOpen) return;
    const { confirmed, returned, welcomeMs, recalled, requests } = decodeRouted(
      body,
      this.#parts.rules,
    );
    if (returned > this.#returned) throw new FrameError("no more can come back than was sent");
    const { session, executor, isOwn } = this.#parts;
    const nowMs = executor.clockMs();
    const lastMs = nowMs + RESEND_MS;
    this.#checkTransit(nowMs - this.#welcomedMs - welcomeMs);
    for (const { words, assignedAt, ageMs, copiedReads } of requests) {
      this.#admit(words);
      const slot = (words[REQUEST_RECORD + RECORD_HASH]! >>> SLOT_SHIFT) as Slot;
      const number = numberOf(words, 0);
      const untilMs = lastMs - ageMs;
      const sent = { session, number, confirmed, borrower: this, copiedReads };
      const facts = { assignedAt, untilMs, ...sent, room: this.#room, isOwn };
      this.#come.push({ words, facts, slot, returned });
    }
    this.#takeReturned(recalled);
    this.#work();
  }

  /** The other side has read so many recalls, and uses those copies no more. */
  #takeReturned(recalled: number): void {
    const count = recalled - this.#recallsRead;
    if (count < 0 || count > this.#recalls.length) {
      throw new FrameError("what was recalled is returned once");
    }
    this.#recallsRead = recalled;
    for (const returned of this.#recalls.splice(0, count)) returned();
  }

  get isReturning(): boolean {
    return !this.#isOpen || this.#recalls.length > 0;
  }

  recall(hash: number, returned: () => void): void {
    if (this.#isOpen) this.#recall(hash, returned);
  }

  #recall(hash: number, returned: () => void): void {
    this.#recalls.push(returned);
    this.#answers.add(0, RECALL, hash, 0, Infinity, NOTHING, 0);
    this.#flushSoon();
  }

  /** What has been on its way for too long is sent again, by another connection. */
  #checkTransit(behindMs: number): void {
    this.#behindMs = Math.min(this.#behindMs, behindMs);
    const isLate = behindMs - this.#behindMs > TRANSIT_MS_MAX;
    if (isLate) throw new FrameError("a frame must not be on its way for long");
  }

  /** What was written has been taken: the next bytes can be. */
  drain(): void {
    this.#canWrite = true;
    this.#flush();
    this.#work();
  }

  /** The node is not crowded any more. */
  resume(): void {
    this.#work();
  }

  /** Executes nothing more and answers nothing. */
  close(): void {
    this.#isOpen = false;
    this.#come = [];
    this.#recalls = [];
    this.#answers.clear();
    this.#frames = [];
    this.#frameBytes = 0;
    // What waits for room goes on, and is not answered.
    for (const leave of [...this.#leaves.values(), ...this.#answeredLeaves]) leave();
    this.#leaves.clear();
    this.#answeredLeaves = [];
  }

  /** Whether everything that has come was answered, and the answers are written. */
  get isIdle(): boolean {
    return this.#open.size === 0 && this.#answerBytes === 0;
  }

  #admit(words: Int32Array): void {
    const number = numberOf(words, 0);
    if (this.#open.has(number)) throw new FrameError("a request must be sent once");
    this.#open.add(number);
    this.#openBytes.add(words.byteLength);
    const isTooMuch = this.#open.size > REMOTE_REQUESTS_MAX || this.#openBytes.isTooMuch;
    if (isTooMuch) throw new FrameError("a connection must wait for answers");
  }

  readonly #work = (): void => {
    // The node may say in the middle of a request that it is not crowded any more.
    if (this.#isWorking) return;
    this.#isWorking = true;
    const come = this.#come;
    let begun = 0;
    while (begun < come.length && this.#mayBegin()) this.#begin(come[begun++]!);
    come.splice(0, begun);
    this.#isWorking = false;
  };

  #mayBegin(): boolean {
    return this.#answerBytes <= REMOTE_BYTES_MAX && !this.#parts.executor.isCrowded;
  }

  /** Bytes of answers that are not written. */
  get #answerBytes(): number {
    return this.#answers.byteLength + this.#frameBytes;
  }

  readonly #room: ReadRoom = (number, bytes, go) => {
    // It was not where it should have been, and is read somewhere else.
    this.#leaves.get(number)?.();
    this.#leaves.delete(number);
    this.#reads.enter(bytes, (leave) => {
      if (this.#isOpen) this.#leaves.set(number, leave);
      else leave();
      go();
    });
  };

  #begin(item: Item): void {
    const { words, slot, facts, returned } = item;
    if (returned < (this.#returnedAt.get(slot) ?? 0)) return this.#end(item, RETURNED);
    this.#parts.executor.execute(words, facts, (answer) => {
      if (this.#isOpen) this.#end(item, answer);
    });
  }

  #end({ words, slot, facts: { number } }: Item, answer: ExecutedAnswer): void {
    const { status, version, expiresAtMs, content, lentMs = 0 } = answer;
    if (isReturned(status)) this.#returnedAt.set(slot, ++this.#returned);
    const versionLow = version | 0;
    const versionHigh = Math.floor(version / 2 ** 32);
    const { length } = content;
    if (this.#answers.byteLength > 0 && this.#answers.byteLength + length > REMOTE_BYTES_MAX) {
      this.#endFrame();
    }
    if (lentMs > 0) this.#answers.add(number, LENT, lentMs, 0, Infinity, NOTHING, 0);
    this.#answers.add(number, status, versionLow, versionHigh, expiresAtMs, content, length);
    this.#open.delete(number);
    this.#openBytes.remove(words.byteLength);
    const leave = this.#leaves.get(number);
    if (leave !== undefined) this.#answeredLeaves.push(leave);
    this.#leaves.delete(number);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    runMicrotask(this.#flush);
  }

  readonly #flush = (): void => {
    this.#isFlushScheduled = false;
    if (!this.#isOpen || !this.#canWrite) return;
    if (this.#answers.byteLength > 0) this.#endFrame();
    while (this.#canWrite && this.#frames.length > 0) {
      const frame = this.#frames.shift()!;
      this.#frameBytes -= frame.length;
      this.#canWrite = this.#parts.write(frame);
    }
    if (this.#canWrite) { for (const leave of this.#answeredLeaves.splice(0)) leave(); }
    if (this.#come.length > 0) runMicrotask(this.#work);
  };

  #endFrame(): void {
    const frame = this.#answers.take();
    this.#frames.push(frame);
    this.#frameBytes += frame.length;
  }
}
