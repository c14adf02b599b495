/**
 * One connection from another process, at the end of the process that has the pool.
 *
 * All sessions of a gateway execute their requests by one client with rings, whose seam the
 * requests cross as they came (client.ts, `forward`), and read one-sidedly.
 *
 * Order (I4). Requests are issued in the order in which they came, and the client keeps it for each
 * slot. A read waits until nothing of its slot is pending that came by this connection, and
 * everything behind it waits with it: so it sees what was issued before it, and nothing that was
 * issued later. What other sessions have issued for the slot it does not wait for.
 *
 * Bounds. The other side may have {@linkcode REMOTE_REQUESTS_MAX} requests and {@linkcode
 * REMOTE_BYTES_MAX} bytes of them without an answer, and one large request. Nothing is executed
 * while so many bytes of answers wait to be sent, or while the client's rings are crowded, so the
 * thread never blocks. In a turn of the event loop a session executes {@linkcode
 * TURN_REQUESTS_MAX}, and then others have theirs: a process that asks for thousands at a time
 * delays those that ask for one by so many, and no more. The other side is not believed: whatever
 * breaks a rule ends the connection, before a request of the same frame is executed.
 *
 * @module
 */
import type { Client } from "../client/client.ts";
import type { Completion } from "../client/completions.ts";
import type { Slot } from "../core/brands.ts";
import type { DinomoError } from "../core/errors.ts";
import { CommitTooLargeError } from "../core/commit_errors.ts";
import { KeyEncoder } from "../core/key_encoder.ts";
import { REMOTE_BYTES_MAX, REMOTE_REQUESTS_MAX, SLOT_SHIFT } from "../core/limits.ts";
import { runMicrotask, runNextTurn } from "../platform/runtime.ts";
import type { OneSidedReader } from "../index/one_sided_reader.ts";
import {
  FLAG_BINARY_KEY,
  metaKeyBytes,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  valueWord,
} from "../log/record_layout.ts";
import { resultsOf } from "../rings/commit_words.ts";
import { DERIVATION_BYTES } from "../rings/derivation_words.ts";
import {
  Operation,
  operationOf,
  REQUEST_OPERATION,
  REQUEST_RECORD,
  Status,
} from "../rings/ring_layout.ts";
import { FrameError } from "../wire/frame.ts";
import { encodeError } from "./carried_errors.ts";
import type { LongFrames } from "./long_frames.ts";
import { OpenBytes } from "./open_bytes.ts";
import { slotsOf } from "./commit_check.ts";
import { isRead, type RequestRules } from "./request_check.ts";
import {
  AnswerBuffer,
  decodeRequests,
  isBehind,
  nextNumber,
  numberCount,
  numberOf,
  REFUSED,
} from "./request_frames.ts";

/** What a session is made of. */
export interface GatewaySessionOptions extends RequestRules {
  /** The client that all sessions have in common. */
  readonly client: Client;
  readonly reader: OneSidedReader;
  /**
   * The session's number in the pool's ledger (session_evidence.ts), which notes then what became
   * of its requests.
   *
   * @default 0 nothing is noted
   */
  readonly session?: number;
  /** Called with the number up to which the other side has all answers, by each of its frames. */
  readonly onConfirmed: (number: number) => void;
  /**
   * Sends a frame; false if {@linkcode GatewaySession.drain} is to be called before the next ones.
   */
  readonly write: (bytes: Uint8Array) => boolean;
  /** Of long frames of the connection, if it is used again. */
  readonly memory?: LongFrames;
}

const NOTHING = new Uint8Array(0);
/** In the next turn requests are issued; or only answers are sent, and what waits is detached. */
type Turn = "requests" | "answers";
/** Requests that a session executes in a turn of the event loop: in less than a millisecond. */
export const TURN_REQUESTS_MAX = 256;

/** Executes the requests of one connection. */
export class GatewaySession {
  readonly #options: GatewaySessionOptions;
  readonly #client: Client;
  readonly #key: KeyEncoder;
  /** Requests that have come and are not issued yet. */
  #waiting: Int32Array[] = [];
  #next = nextNumber(0);
  /** The number up to which the other side has all answers. */
  #confirmed = 0;
  /** How many changes of each slot are issued and have not ended. */
  readonly #pending = new Map<Slot, number>();
  #pendingCount = 0;
  /** What goes on when nothing of a slot is pending any more, and who waits for the end of all. */
  #parkedSlot: Slot | undefined;
  #unpark = () => {};
  #onIdle = () => {};
  #idle: Promise<void> | undefined;
  #onSent = () => {};
  /** Of requests without an answer that was sent. */
  readonly #openBytes = new OpenBytes();
  readonly #answers: AnswerBuffer;
  #isFlushScheduled = false;
  /** For what the next turn of the event loop is awaited, if it is. */
  #turn: Turn | undefined;
  #canWrite = true;
  /** Whether something is waited for, after which the next request is issued. */
  #isParked = false;
  #isFinishing = false;
  #isOpen = true;

  /** Makes a session for a connection on which nothing has come yet. */
  constructor(options: GatewaySessionOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#key = new KeyEncoder(...options.hashKey);
    this.#answers = new AnswerBuffer(options.memory);
  }

  /**
   * Takes the body of a frame of requests, and issues those.
   *
   * @throws {FrameError} when they are not what they must be: the connection is to be closed
   */
  receive(body: Uint8Array): void {
    if (!this.#isOpen) return;
    const { confirmed, requests } = decodeRequests(body, this.#next, this.#options);
    this.#confirm(confirmed);
    this.#admit(requests);
    this.#work();
  }

  /** What was written has been taken: the next bytes can be. */
  drain(): void {
    this.#canWrite = true;
    this.#flush();
    this.#work();
  }

  /**
   * Issues nothing more; resolves when what was issued has ended, and its answers are written as
   * far as the other side takes them.
   */
  async finish(): Promise<void> {
    this.#waiting = [];
    this.#isFinishing = true;
    await this.#whenIdle();
    this.#flush();
    if (this.#answers.byteLength > 0) await new Promise<void>((resolve) => this.#onSent = resolve);
  }

  /** Issues nothing and answers nothing from now on; resolves when what was issued has ended. */
  close(): Promise<void> {
    this.#isOpen = false;
    this.#waiting = [];
    this.#answers.clear();
    this.#onSent();
    return this.#whenIdle();
  }

  #whenIdle(): Promise<void> {
    if (this.#pendingCount === 0) return Promise.resolve();
    return this.#idle ??= new Promise((resolve) => this.#onIdle = resolve);
  }

  #confirm(number: number): void {
    if (isBehind(this.#confirmed, number) || !isBehind(this.#next, number)) {
      throw new FrameError(`answers must have been given to be confirmed, got ${number}`);
    }
    this.#confirmed = number;
    this.#options.onConfirmed(number);
  }

  #admit(requests: readonly Int32Array[]): void {
    for (const { byteLength } of requests) this.#openBytes.add(byteLength);
    const numbers = requests.reduce((sum, request) => sum + numberCount(request, 0), 0);
    const unconfirmed = (this.#next - 1 - this.#confirmed + numbers) >>> 0;
    const isTooMuch = unconfirmed > REMOTE_REQUESTS_MAX || this.#openBytes.isTooMuch;
    if (isTooMuch) throw new FrameError("a connection must wait for answers");
    this.#next = (this.#next + numbers) >>> 0;
    if (this.#isFinishing) return;
    for (const request of requests) this.#waiting.push(request);
  }

  /** What waits for longer than a turn does not keep all that has come with it. */
  #detach(): void {
    const waiting = this.#waiting;
    for (let i = waiting.length; i-- > 0;) {
      const words = waiting[i]!;
      if (words.byteLength === words.buffer.byteLength) return;
      waiting[i] = words.slice();
    }
  }

  readonly #work = (): void => {
    const requests = this.#waiting;
    let issued = 0;
    const end = Math.min(requests.length, TURN_REQUESTS_MAX);
    while (issued < end && this.#canIssue()) this.#issue(requests[issued++]!);
    requests.splice(0, issued);
    if (requests.length === 0 || this.#turn === "requests") return;
    if (this.#isParked || issued < end) return this.#awaitTurn("answers");
    this.#park();
    this.#awaitTurn("requests");
  };

  #awaitTurn(turn: Turn): void {
    if (this.#turn === undefined) runNextTurn(this.#beginTurn);
    this.#turn = turn;
  }

  readonly #beginTurn = (): void => {
    const turn = this.#turn;
    this.#turn = undefined;
    if (turn === "requests") return this.#unpark();
    this.#detach();
    this.#flush();
  };

  #canIssue(): boolean {
    if (this.#isParked || this.#answers.byteLength > REMOTE_BYTES_MAX) return false;
    if (!this.#client.isCrowded) return true;
    this.#park();
    void this.#client.whenRoom().then(this.#unpark);
    return false;
  }

  /** Issues nothing until {@linkcode #unpark} is called. */
  #park(then = () => {}): void {
    this.#isParked = true;
    this.#unpark = () => {
      if (!this.#isOpen) return;
      this.#isParked = false;
      then();
      this.#work();
    };
  }

  #issue(words: Int32Array): void {
    const operation = operationOf(words[REQUEST_OPERATION]!);
    if (operation === Operation.ATOMIC) return this.#commit(words);
    const slot = (words[REQUEST_RECORD + RECORD_HASH]! >>> SLOT_SHIFT) as Slot;
    if (!isRead(operation)) {
      this.#noteBegin(slot);
      const completion = this.#completionOf(words, [slot]);
      return this.#client.forward(words, completion, this.#options.session);
    }
    if (!this.#pending.has(slot)) return this.#read(words);
    this.#parkedSlot = slot;
    this.#park(() => this.#read(words));
  }

  #commit(words: Int32Array): void {
    const slots = slotsOf(words);
    for (const slot of slots) this.#noteBegin(slot);
    const completion = this.#completionOf(words, slots);
    try {
      this.#client.forwardCommit(slots, words, completion, this.#options.session);
    } catch (error) {
      // It does not fit a segment: nothing has been issued.
      if (!(error instanceof CommitTooLargeError)) throw error;
      completion.fail(error);
    }
  }

  #noteBegin(slot: Slot): void {
    this.#pending.set(slot, (this.#pending.get(slot) ?? 0) + 1);
    this.#pendingCount += 1;
  }

  /** A change of a slot has ended; in the middle of a poll, in which the client is not used. */
  #noteEnd(slot: Slot): void {
    const pending = this.#pending.get(slot)! - 1;
    this.#pendingCount -= 1;
    if (this.#pendingCount === 0) this.#onIdle();
    if (pending > 0) return void this.#pending.set(slot, pending);
    this.#pending.delete(slot);
    if (slot !== this.#parkedSlot) return;
    this.#parkedSlot = undefined;
    runMicrotask(this.#unpark);
  }

  #read(words: Int32Array): void {
    const { reader } = this.#options;
    const key = this.#key;
    const meta = words[REQUEST_RECORD + RECORD_META]!;
    key.take(
      words,
      REQUEST_RECORD + RECORD_KEY,
      metaKeyBytes(meta),
      (meta & FLAG_BINARY_KEY) !== 0,
      words[REQUEST_RECORD + RECORD_HASH]!,
    );
    const withValue = operationOf(words[REQUEST_OPERATION]!) === Operation.GET;
    if (!reader.read(key, withValue)) return this.#answer(words, Status.UNMET);
    if (!withValue) return this.#answer(words, Status.OK);
    const { version, expiresAtMs, value, valueBytes } = reader;
    const high = Math.floor(version / 2 ** 32);
    this.#answer(words, Status.FOUND, version | 0, high, value, valueBytes, expiresAtMs);
  }

  #completionOf(words: Int32Array, slots: readonly Slot[]): Completion {
    const operation = operationOf(words[REQUEST_OPERATION]!);
    return {
      settle: (status, detail, versionLow, versionHigh, ring, requestAt) => {
        const low = status === Status.NOT_DURABLE ? detail : versionLow;
        const content = contentOf(operation, status, ring, requestAt);
        this.#answer(words, status, low, versionHigh, content);
        for (const slot of slots) this.#noteEnd(slot);
      },
      fail: (error: DinomoError) => {
        this.#answer(words, REFUSED, 0, 0, encodeError(error));
        for (const slot of slots) this.#noteEnd(slot);
      },
    };
  }

  #answer(
    request: Int32Array,
    status: number,
    versionLow = 0,
    versionHigh = 0,
    content: Uint8Array = NOTHING,
    bytes = content.length,
    expiresAtMs = Infinity,
  ): void {
    if (!this.#isOpen) return;
    const number = numberOf(request, 0);
    this.#answers.add(number, status, versionLow, versionHigh, expiresAtMs, content, bytes);
    this.#openBytes.remove(request.byteLength);
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    runMicrotask(this.#endTick);
  }

  /**
   * Sends the answers, unless requests of the same turn wait for room or for an earlier change:
   * theirs go with them then, if they come in this turn. Each frame wakes the other process.
   */
  readonly #endTick = (): void => {
    this.#isFlushScheduled = false;
    const isForMore = this.#isParked && this.#turn === "answers";
    if (!isForMore) this.#flush();
  };

  readonly #flush = (): void => {
    if (!this.#canWrite || this.#answers.byteLength === 0) return;
    this.#canWrite = this.#options.write(this.#answers.take());
    this.#onSent();
    if (this.#waiting.length > 0 && !this.#isParked) runMicrotask(this.#work);
  };
}

/** What a KN has left in a request that it has answered. */
function contentOf(
  operation: number,
  status: number,
  ring: Int32Array,
  requestAt: number,
): Uint8Array {
  if (operation === Operation.ADD || operation === Operation.TOUCH) {
    return derivationOf(ring, requestAt);
  }
  const isMade = operation === Operation.ATOMIC && status === Status.OK;
  return isMade ? resultsOf(ring, requestAt) : NOTHING;
}

/** The bytes of what was derived, in a request that has been answered. */
function derivationOf(ring: Int32Array, requestAt: number): Uint8Array {
  const record = requestAt + REQUEST_RECORD;
  const at = record + valueWord(ring[record + RECORD_META]!);
  return new Uint8Array(ring.buffer, ring.byteOffset + at * 4, DERIVATION_BYTES);
}
