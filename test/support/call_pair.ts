/**
 * Both ends of the calls of a connection, with streams of bytes between them that are cut into
 * pieces of random lengths, and may be congested.
 *
 * @module
 */
import { decodeFailure, encodeFailure } from "../../lib/gateway/carried_errors.ts";
import { runNextTurn } from "../../lib/platform/runtime.ts";
import { CallClient } from "../../lib/wire/call_client.ts";
import { CallServer } from "../../lib/wire/call_server.ts";
import { FrameReader } from "../../lib/wire/frame.ts";
import type { Random } from "./random.ts";

const FRAME_BYTES_MAX = 16 * 2 ** 20;

/** Bytes on their way, one direction. */
export class BytePipe {
  /** Bytes that were written and have not come. */
  byteCount = 0;
  /** Whether nothing comes. */
  isStopped = false;
  readonly #random: Random;
  readonly #deliver: (bytes: Uint8Array) => void;
  readonly #onEmpty: () => void;
  #queue: Uint8Array[] = [];
  #isScheduled = false;

  constructor(random: Random, deliver: (bytes: Uint8Array) => void, onEmpty: () => void) {
    this.#random = random;
    this.#deliver = deliver;
    this.#onEmpty = onEmpty;
  }

  /** False if `onEmpty` will be called before more should be written. */
  write(bytes: Uint8Array): boolean {
    this.#queue.push(bytes);
    this.byteCount += bytes.length;
    this.#schedule();
    return this.byteCount < 256 * 1024 && this.#random.below(8) > 0;
  }

  go(): void {
    this.isStopped = false;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.isStopped) return;
    this.#isScheduled = true;
    runNextTurn(this.#run);
  }

  readonly #run = (): void => {
    this.#isScheduled = false;
    if (this.isStopped) return;
    const bytes = this.#queue.shift();
    if (bytes === undefined) return;
    this.byteCount -= bytes.length;
    for (let from = 0; from < bytes.length;) {
      const to = Math.min(bytes.length, from + this.#random.between(1, 2 * bytes.length));
      this.#deliver(bytes.slice(from, to));
      from = to;
    }
    if (this.#queue.length > 0) this.#schedule();
    else this.#onEmpty();
  };
}

/** What answers the calls of a pair. */
export type TestAnswer = (content: Uint8Array, signal: AbortSignal) => AsyncIterable<Uint8Array>;

/** The two ends. */
export class CallPair {
  readonly client: CallClient;
  readonly server: CallServer;
  readonly toServer: BytePipe;
  readonly toClient: BytePipe;

  constructor(random: Random, answer: TestAnswer) {
    const requests = new FrameReader(FRAME_BYTES_MAX);
    const answers = new FrameReader(FRAME_BYTES_MAX);
    this.toServer = new BytePipe(random, (bytes) => {
      for (const frame of requests.read(bytes)) this.server.receive(frame);
    }, () => {});
    this.toClient = new BytePipe(random, (bytes) => {
      for (const frame of answers.read(bytes)) this.client.receive(frame);
    }, () => this.server.drain());
    this.client = new CallClient({
      write: (bytes) => void this.toServer.write(bytes),
      errorOf: decodeFailure,
    });
    this.server = new CallServer({
      answer,
      failureOf: encodeFailure,
      write: (bytes) => this.toClient.write(bytes),
    });
  }
}
