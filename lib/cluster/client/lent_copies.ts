/**
 * Copies of keys that their owners have lent to this thread, which answers reads from them itself:
 * why that is right is argued in node/lent_keys.ts.
 *
 * The time of a copy counts from a moment before its request was sent, by whichever of both clocks
 * has moved further since: a machine that is suspended does not use it for longer. It is looked at
 * when a read is answered, and not before the read was issued. A copy is of one hash: what its
 * owner asks back is everything that has it.
 *
 * @module
 */
import { LoopTurn } from "../../platform/loop_turn.ts";
import { runMicrotask } from "../../platform/runtime.ts";
import { metaKeyBytes, RECORD_HASH, RECORD_KEY, RECORD_META } from "../../log/record_layout.ts";
import { Operation, REQUEST_RECORD, Status } from "../../rings/ring_layout.ts";
import type { Answer } from "../../gateway/request_frames.ts";
import { type ClusterClock, elapsedMs, type Moment } from "../node/cluster_clock.ts";
import type { ClusterParcel } from "./node_peers.ts";

/** Copies that a thread has, and their values, at most. */
const COPIES_MAX = 256;
const BYTES_MAX = 1024 * 1024;

interface Copy {
  /** The request that has read it: it has the key. */
  readonly words: Int32Array;
  readonly answer: Answer;
  readonly sentAt: Moment;
  readonly usableMs: number;
}

/** The copies of one thread. */
export class LentCopies {
  readonly #clock: ClusterClock;
  readonly #copies = new Map<number, Copy>();
  #bytes = 0;
  /** By hash: reads that were answered, and of which the owner does not know. */
  readonly #untold = new Map<number, number>();
  /** Reads that were answered from copies. */
  readCount = 0;

  constructor(clock: ClusterClock) {
    this.#clock = clock;
  }

  /** What the time of copies counts from whose requests are sent later. */
  now(): Moment {
    return { monotonicMs: this.#clock.monotonicMs(), epochMs: this.#clock.epochMs() };
  }

  /** Takes what a request has read, which may be used for a time. */
  take({ words, sentAt, lentMs }: ClusterParcel, answer: Answer): void {
    const hash = words[REQUEST_RECORD + RECORD_HASH]!;
    this.drop(hash);
    const content = answer.content.slice();
    this.#copies.set(hash, {
      words: words.slice(),
      answer: { ...answer, content },
      sentAt,
      usableMs: lentMs,
    });
    this.#bytes += content.length;
    for (const oldest of this.#copies.keys()) {
      if (this.#copies.size <= COPIES_MAX && this.#bytes <= BYTES_MAX) return;
      this.drop(oldest);
    }
  }

  /** Uses the copies with a hash no more. */
  drop(hash: number): void {
    const copy = this.#copies.get(hash);
    if (copy === undefined) return;
    this.#copies.delete(hash);
    this.#bytes -= copy.answer.content.length;
  }

  /** Whether a request may be answered from a copy now. */
  has(parcel: ClusterParcel): boolean {
    return this.#copies.size > 0 && this.#find(parcel) !== undefined;
  }

  /** Answers a request from a copy, as its owner would answer it now; false if it may not. */
  answer(parcel: ClusterParcel): boolean {
    if (this.#copies.size === 0) return false;
    const copy = this.#find(parcel);
    if (copy === undefined) return false;
    const { answer } = copy;
    this.#count(parcel.words[REQUEST_RECORD + RECORD_HASH]!);
    const isHas = parcel.operation === Operation.HAS;
    // Its receiver may change it.
    parcel.answer = isHas
      ? { ...answer, status: Status.OK, content: new Uint8Array(0), expiresAtMs: Infinity }
      : { ...answer, content: answer.content.slice() };
    return true;
  }

  /** How many reads of a request's key its owner does not know of; it is told now. */
  tellReads({ words }: ClusterParcel): number {
    if (this.#untold.size === 0) return 0;
    const hash = words[REQUEST_RECORD + RECORD_HASH]!;
    const count = this.#untold.get(hash) ?? 0;
    this.#untold.delete(hash);
    return count;
  }

  #count(hash: number): void {
    this.readCount += 1;
    this.#untold.set(hash, (this.#untold.get(hash) ?? 0) + 1);
    if (this.#untold.size <= COPIES_MAX) return;
    for (const oldest of this.#untold.keys()) return void this.#untold.delete(oldest);
  }

  #find({ words, operation }: ClusterParcel): Copy | undefined {
    if (operation !== Operation.GET && operation !== Operation.HAS) return undefined;
    const hash = words[REQUEST_RECORD + RECORD_HASH]!;
    const copy = this.#copies.get(hash);
    if (copy === undefined || !isOfKey(copy.words, words)) return undefined;
    if (elapsedMs(copy.sentAt, this.now()) < copy.usableMs) return copy;
    this.drop(hash);
    return undefined;
  }
}

/**
 * Has a thread be told of what it has answered itself: in the same turn of its event loop, unless
 * that has lasted for some milliseconds. Recalls come by the event loop, and so does everything
 * else for which the thread is there; reads that follow each other must not keep it from its turns.
 */
export class AnswerTurns {
  /** By the carrier's clock: a simulation has its own. */
  readonly #turn: LoopTurn;
  readonly #onArrival: () => void;
  #isTurnAwaited = false;

  constructor(clock: Pick<ClusterClock, "monotonicMs">, onArrival: () => void) {
    this.#turn = new LoopTurn(() => clock.monotonicMs());
    this.#onArrival = onArrival;
  }

  /** Something was answered. */
  answered(): void {
    // All that is answered until then is told together.
    if (this.#isTurnAwaited) return;
    const isLong = this.#turn.count(0);
    if (!isLong) return runMicrotask(this.#onArrival);
    this.#isTurnAwaited = true;
    void this.#turn.next().then(this.#begin);
  }

  readonly #begin = (): void => {
    this.#isTurnAwaited = false;
    this.#onArrival();
  };
}

/** Whether two requests have the same key. */
function isOfKey(a: Int32Array, b: Int32Array): boolean {
  const bytes = metaKeyBytes(a[REQUEST_RECORD + RECORD_META]!);
  if (bytes !== metaKeyBytes(b[REQUEST_RECORD + RECORD_META]!)) return false;
  const start = REQUEST_RECORD + RECORD_KEY;
  // The last word is padded with zeros.
  const end = start + ((bytes + 3) >>> 2);
  for (let i = start; i < end; i++) if (a[i] !== b[i]) return false;
  return true;
}
