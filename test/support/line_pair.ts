/**
 * The two ends of a line in one thread, with a socket and a FIFO between them that deliver at
 * random times, in pieces of random lengths.
 *
 * @module
 */
import * as assert from "uvu/assert";
import type { AnswerFifo } from "../../lib/gateway/answer_fifo.ts";
import type { FifoWriter } from "../../lib/gateway/fifo_writer.ts";
import { GatewayLine } from "../../lib/gateway/gateway_line.ts";
import { RemoteLine } from "../../lib/gateway/remote_line.ts";
import { RequestFrame } from "../../lib/gateway/request_frames.ts";
import { encodeFrame, sealFrame, WIRE_HEADER_BYTES } from "../../lib/wire/frame.ts";
import type { Random } from "./random.ts";

const BODY_BYTES_MAX = 1024 * 1024;
/** Turns of the other thread after which one that blocks has hung. */
const TURNS_MAX = 10_000;

/** Bytes on their way. */
class Bytes {
  #pieces: Uint8Array[] = [];
  size = 0;

  push(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.size += bytes.length;
  }

  take(most: number): Uint8Array {
    const taken: Uint8Array[] = [];
    for (let left = Math.min(most, this.size); left > 0;) {
      const piece = this.#pieces.shift()!;
      const part = piece.subarray(0, left);
      if (part.length < piece.length) this.#pieces.unshift(piece.subarray(left));
      taken.push(part);
      left -= part.length;
    }
    const bytes = new Uint8Array(taken.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of taken) {
      bytes.set(part, at);
      at += part.length;
    }
    this.size -= bytes.length;
    return bytes;
  }
}

/** A line that can be looked at. Requests and answers have numbers, and nothing else of use. */
export class LinePair {
  readonly line: RemoteLine;
  readonly received: number[] = [];
  readonly answered: number[] = [];
  sentCount = 0;
  /** Bytes of answers that were on their way or kept, at most. */
  keptBytesMax = 0;
  readonly #random: Random;
  readonly #gateway: GatewayLine;
  readonly #up = new Bytes();
  readonly #down = new Bytes();
  readonly #pipe = new Bytes();
  /** Frames that the gateway has for the FIFO. */
  #frames: Uint8Array[] = [];
  #isBegun = false;
  readonly #answerMemories = new Set<ArrayBufferLike>();
  /** Requests to be answered. */
  #open: number[] = [];

  constructor(random: Random) {
    this.#random = random;
    this.line = new RemoteLine({
      bodyBytesMax: BODY_BYTES_MAX,
      write: (bytes) => this.#up.push(bytes),
      heldBytes: () => 0,
      makeFifo: () => this.#makeFifo(),
      onFrame: ({ body }) => this.answered.push(this.#numberOf(body)),
      onDrain: () => {},
    });
    this.#gateway = new GatewayLine({
      bodyBytesMax: BODY_BYTES_MAX,
      write: (bytes) => {
        this.#down.push(bytes);
        return true;
      },
      openFifo: () => this.#openFifo(),
      onFrame: ({ body }) => {
        const number = this.#numberOf(body);
        this.received.push(number);
        this.#open.push(number);
      },
      onDrain: () => {},
    });
  }

  /** How many buffers the answers have had, all together. */
  get answerMemoryCount(): number {
    return this.#answerMemories.size;
  }

  /** Sends a request. */
  request(bytes: number): void {
    this.line.send(this.#frame(RequestFrame.REQUESTS, this.sentCount++, bytes));
  }

  /** Blocks for an answer, if one is to come. */
  block(): void {
    const before = this.answered.length;
    if (before === this.sentCount) return;
    while (this.answered.length === before) this.line.block();
  }

  /** Lets something happen at the other end, or arrive here; false if there was nothing. */
  turn(mayArrive = true): boolean {
    const hasArrivals = mayArrive && this.#down.size > 0;
    if (hasArrivals && this.#random.below(3) === 0) {
      this.line.receive(this.#down.take(this.#some(this.#down.size)));
      return true;
    }
    const isIdle = this.#up.size === 0 && this.#open.length === 0;
    if (isIdle) return hasArrivals && this.turn();
    if (this.#up.size > 0) this.#gateway.receive(this.#up.take(this.#some(this.#up.size)));
    while (this.#open.length > 0 && this.#random.below(4) > 0) {
      const bytes = this.#random.below(this.#random.pick([40, 40, 20_000]));
      this.#gateway.send(this.#answer(this.#open.shift()!, bytes));
    }
    this.keptBytesMax = Math.max(this.keptBytesMax, this.#gateway.untakenBytes);
    return true;
  }

  #some(size: number): number {
    return this.#random.between(1, this.#random.pick([10, 1000, size + 1]));
  }

  #frame(kind: number, number: number, bytes: number): Uint8Array {
    const body = new Uint8Array(4 + bytes);
    new DataView(body.buffer).setUint32(0, number);
    return encodeFrame(kind, body);
  }

  /** In memory that is used again, with room behind it or without. */
  #answer(number: number, bytes: number): Uint8Array {
    const length = WIRE_HEADER_BYTES + 4 + bytes;
    const memory = this.#gateway.memory.take(length + this.#random.below(40));
    this.#answerMemories.add(memory.buffer);
    const frame = memory.subarray(0, length);
    new DataView(memory.buffer).setUint32(WIRE_HEADER_BYTES, number);
    sealFrame(frame, RequestFrame.ANSWERS);
    return frame;
  }

  #numberOf(body: Uint8Array): number {
    return new DataView(body.buffer, body.byteOffset).getUint32(0);
  }

  #makeFifo(): AnswerFifo {
    return {
      name: "fifo.1.0.00000000",
      read: () => {
        for (let turns = 0; this.#pipe.size === 0; turns++) {
          assert.ok(turns < TURNS_MAX, "a thread hangs that blocks");
          this.turn(false);
          this.#writeSome();
        }
        return this.#pipe.take(this.#some(this.#pipe.size));
      },
      close: () => {},
    } as unknown as AnswerFifo;
  }

  #openFifo(): FifoWriter {
    return {
      write: (frame: Uint8Array) => this.#frames.push(frame),
      flush: () => this.#writeSome(),
      forgetUnbegun: () => void (this.#frames.length = this.#isBegun ? 1 : 0),
      close: () => {},
    } as unknown as FifoWriter;
  }

  /** Writes the FIFO, perhaps in part. */
  #writeSome(): boolean {
    while (this.#frames.length > 0 && this.#random.below(8) > 0) {
      const [frame] = this.#frames as [Uint8Array];
      const part = frame.subarray(0, this.#some(frame.length));
      this.#pipe.push(part);
      this.#isBegun = part.length < frame.length;
      if (this.#isBegun) this.#frames[0] = frame.subarray(part.length);
      else this.#frames.shift();
    }
    return true;
  }
}
