/**
 * The other end of a line (gateway_line.ts): in a thread of another process than the one that has
 * the pool.
 *
 * Frames come by the socket from the event loop, and by a FIFO while the thread blocks
 * ({@linkcode RemoteLine.block}). This end counts what it has taken. Each way knows the number of
 * its next frame; one that was taken by the other way is passed over, so each is taken once, in
 * order (I5).
 *
 * What is written is paced, so that it has left this process when the thread blocks: see
 * paced_writer.ts. Of what comes while the thread blocks only answers are given to the client at
 * once, which settles its requests. Everything else, by which code of the application might be
 * called, waits for the end of the tick.
 *
 * @module
 */
import { HostOnlyError } from "../core/errors.ts";
import { runMicrotask } from "../platform/runtime.ts";
import { type Frame, FrameError, FrameReader, kindOf } from "../wire/frame.ts";
import type { AnswerFifo } from "./answer_fifo.ts";
import { decodeLine, encodeFifo, encodeLine, LineFrame, Way } from "./line_frames.ts";
import { PacedWriter } from "./paced_writer.ts";
import { RequestFrame } from "./request_frames.ts";

/** What such an end is made of. */
export interface RemoteLineOptions {
  /** Bytes that the body of a frame may have which comes. */
  readonly bodyBytesMax: number;
  /** Writes to the socket. */
  readonly write: (bytes: Uint8Array) => void;
  /** Bytes that were written, and have not left this process. */
  readonly heldBytes: () => number;
  /** Makes the FIFO, when the thread blocks for the first time. */
  readonly makeFifo: () => AnswerFifo;
  /** Takes a frame that has come. */
  readonly onFrame: (frame: Frame) => void;
  /** Called when {@linkcode RemoteLine.send} has said no, and what was sent has been written. */
  readonly onDrain: () => void;
}

/** After so many frames or bytes the other end is told what was taken. */
const TAKEN_FRAMES = 64;
const TAKEN_BYTES = 128 * 1024;

/** One of the ways by which frames come. */
class Arrivals {
  readonly frames: FrameReader;
  /** Number of the next frame, u32. */
  next = 0;

  constructor(bodyBytesMax: number) {
    this.frames = new FrameReader(bodyBytesMax);
  }
}

/** Sends to the gateway, and receives from it. */
export class RemoteLine {
  readonly #options: RemoteLineOptions;
  readonly #writer: PacedWriter;
  readonly #bySocket: Arrivals;
  readonly #byFifo: Arrivals;
  #fifo: AnswerFifo | undefined;
  #way: number = Way.SOCKET;
  /** Frames taken, u32, and those of which the other end was not told, with their bytes. */
  #takenCount = 0;
  #untoldCount = 0;
  #untoldBytes = 0;
  /** What has come while the thread blocked, and waits for the end of the tick. */
  #deferred: Frame[] = [];
  #isBlocking = false;
  /** Calls that have not ended: something may come that this thread does not wait for. */
  #callCount = 0;
  #isOpen = true;

  /** An end of a connection that has just been made. */
  constructor(options: RemoteLineOptions) {
    this.#options = options;
    this.#writer = new PacedWriter(options.write, options.onDrain);
    this.#bySocket = new Arrivals(options.bodyBytesMax);
    this.#byFifo = new Arrivals(options.bodyBytesMax);
  }

  /** Bytes that the body of a frame may have which comes from now on. */
  set bodyBytesMax(bytes: number) {
    this.#bySocket.frames.bodyBytesMax = this.#byFifo.frames.bodyBytesMax = bytes;
  }

  /** Sends a frame; false if nothing more should be sent before `onDrain` is called. */
  send(frame: Uint8Array): boolean {
    if (!this.#isOpen) return true;
    if (kindOf(frame) === RequestFrame.CALL) this.#callCount += 1;
    return this.#writer.write(frame);
  }

  /**
   * Takes bytes that have come by the socket.
   *
   * @throws {FrameError} when they are not what they must be: the connection is to be closed
   */
  receive(bytes: Uint8Array): void {
    this.#take(this.#bySocket, bytes);
  }

  /**
   * Makes what is needed for blocking; nothing happens when it is there.
   *
   * @throws {HostOnlyError} when this thread cannot block: nothing was sent
   */
  prepareToBlock(): void {
    if (this.#fifo === undefined) {
      this.#fifo = this.#options.makeFifo();
      this.#writer.writeNow(encodeFifo(this.#fifo.name));
    }
    this.#assertSent(this.#fifo);
  }

  /**
   * Blocks until something has come, and takes it; false if the connection has ended.
   *
   * @throws {HostOnlyError} when this thread cannot block
   * @throws {UnavailableError} when nothing comes for too long
   * @throws {FrameError} when the connection is to be closed
   */
  block(): boolean {
    if (!this.#isOpen) return false;
    this.prepareToBlock();
    this.#use(Way.FIFO);
    this.#assertSent(this.#fifo!);
    const bytes = this.#fifo!.read();
    if (bytes === undefined) return false;
    this.#isBlocking = true;
    try {
      this.#take(this.#byFifo, bytes);
    } finally {
      this.#isBlocking = false;
    }
    if (this.#callCount > 0) runMicrotask(this.#listenAgain);
    return true;
  }

  /** Has everything come by the socket again: this thread waits in its event loop. */
  listen(): void {
    this.#use(Way.SOCKET);
  }

  /** Sends and takes nothing any more. */
  close(): void {
    this.#isOpen = false;
    this.#deferred = [];
    this.#fifo?.close();
  }

  /** What was written to a process that has ended is held by some runtimes; reading tells that. */
  #assertSent(fifo: AnswerFifo): void {
    const bytes = this.#options.heldBytes();
    if (bytes > 0 && !fifo.hasEnded()) throw tooMuchHeld(bytes);
  }

  #use(way: number): void {
    if (this.#way === way) return;
    this.#way = way;
    this.#tell();
  }

  #tell(): void {
    this.#untoldCount = this.#untoldBytes = 0;
    if (!this.#isOpen) return;
    this.#writer.writeNow(encodeLine(LineFrame.TAKEN, this.#takenCount, this.#way));
  }

  #take(way: Arrivals, bytes: Uint8Array): void {
    if (!this.#isOpen) return;
    for (const frame of way.frames.read(bytes)) {
      if (!this.#isOpen) return;
      if (frame.kind === LineFrame.RESUME) way.next = decodeLine(frame.body).count;
      else this.#takeFrame(way, frame);
    }
    if (this.#untoldCount >= TAKEN_FRAMES || this.#untoldBytes >= TAKEN_BYTES) this.#tell();
  }

  #takeFrame(way: Arrivals, frame: Frame): void {
    const ahead = (way.next - this.#takenCount) | 0;
    if (ahead > 0) throw new FrameError("no frame must be left out");
    way.next = (way.next + 1) >>> 0;
    if (ahead < 0) return;
    this.#takenCount = way.next;
    this.#untoldCount += 1;
    this.#untoldBytes += frame.body.length;
    if (frame.kind === LineFrame.RECEIVED) this.#writer.noteReceived(decodeLine(frame.body).count);
    else if (this.#mayHandOver(frame)) this.#handOver(frame);
    else this.#defer(frame);
  }

  /** What is taken in this tick stays in its order, but for answers. */
  #mayHandOver({ kind }: Frame): boolean {
    if (kind === RequestFrame.ANSWERS) return true;
    return !this.#isBlocking && this.#deferred.length === 0;
  }

  #defer({ kind, body }: Frame): void {
    // Not with all that has come beside it.
    this.#deferred.push({ kind, body: body.slice() });
    if (this.#deferred.length === 1) runMicrotask(this.#handOverDeferred);
  }

  #handOver(frame: Frame): void {
    const { kind } = frame;
    if (kind === RequestFrame.END || kind === RequestFrame.FAILURE) this.#callCount -= 1;
    this.#options.onFrame(frame);
  }

  readonly #handOverDeferred = (): void => {
    const frames = this.#deferred;
    this.#deferred = [];
    for (const frame of frames) if (this.#isOpen) this.#handOver(frame);
  };

  readonly #listenAgain = (): void => {
    if (this.#isOpen) this.listen();
  };
}

function tooMuchHeld(bytes: number): HostOnlyError {
  return new HostOnlyError(
    "a thread must have sent what it has issued before it blocks until another process answers, " +
      `but its socket has not taken ${bytes} bytes; await what was issued`,
  );
}
