/**
 * The gateway's end of a line: a connection whose frames reach a thread of another process also
 * while that thread blocks.
 *
 * A thread that blocks does not read its socket. It reads a FIFO instead, which this end writes
 * (remote_line.ts). What is sent is **one sequence of frames with two ways**: the socket, and the
 * FIFO. The other end says which one it reads, and how many frames it has taken (TAKEN). Frames
 * that it has not taken are kept. When it changes the way, the new one begins with the number of
 * the first frame that it has not taken (RESUME), and all of those come again: they may lie unread
 * in the old one. So it takes each frame once, in order, whichever way it comes (I5).
 *
 * Memory of long frames is used again (long_frames.ts). A frame that was sent on one way only and
 * is taken has left by that one, with all of its bytes. One that waits when the way changes is sent
 * once more, and what the first way still has of it must stay what it is: its memory is never used
 * again.
 *
 * Bounds. When more than {@linkcode REMOTE_BYTES_MAX} are not taken, or the socket takes no more,
 * {@linkcode GatewayLine.send} says so. The FIFO is never waited for: what does not fit is written
 * when something has come, or a little later.
 *
 * @module
 */
import { REMOTE_BYTES_MAX } from "../core/limits.ts";
import { startTimer, type Timer } from "../platform/runtime.ts";
import { type Frame, FrameError, FrameReader } from "../wire/frame.ts";
import { pieceOf } from "../core/memory_pieces.ts";
import type { FifoWriter } from "./fifo_writer.ts";
import { decodeFifo, decodeLine, encodeLine, LineFrame, Way } from "./line_frames.ts";
import { LongFrames } from "./long_frames.ts";
import { PIECE_BYTES, RECEIVED_BYTES, RECEIVED_FRAMES } from "./paced_writer.ts";

/** What such an end is made of. */
export interface GatewayLineOptions {
  /** Bytes that the body of a frame may have which comes. */
  readonly bodyBytesMax: number;
  /** Writes to the socket; false if {@linkcode GatewayLine.drain} will be called. */
  readonly write: (bytes: Uint8Array) => boolean;
  /** Opens a FIFO of the pool's directory, by its name. */
  readonly openFifo: (name: string) => FifoWriter;
  /** Takes a frame that has come. */
  readonly onFrame: (frame: Frame) => void;
  /** Called when more can be sent after {@linkcode GatewayLine.send} has said no. */
  readonly onDrain: () => void;
}

/** How long to wait until a full FIFO is tried again. */
const FULL_MS = 1;

/** Sends to one thread of another process, and receives from it. */
export class GatewayLine {
  /** Of long frames that are sent here. */
  readonly memory: LongFrames = new LongFrames();
  readonly #options: GatewayLineOptions;
  readonly #frames: FrameReader;
  /** Frames that come in parts. */
  readonly #parts: FrameReader;
  /** Frames that are not taken; the number of the first one, u32; their bytes. */
  #untaken: Uint8Array[] = [];
  #takenCount = 0;
  #untakenBytes = 0;
  /** How many of them, the first ones, were sent on both ways. */
  #sentTwice = 0;
  #way: number = Way.SOCKET;
  #canWrite = true;
  #isDrainOwed = false;
  #fifo: FifoWriter | undefined;
  #retry: Timer | undefined;
  #receivedBytes = 0;
  #untoldBytes = 0;
  #untoldFrames = 0;
  #isOpen = true;

  /** An end of a connection that has just been made. */
  constructor(options: GatewayLineOptions) {
    this.#options = options;
    this.#frames = new FrameReader(PIECE_BYTES);
    this.#parts = new FrameReader(options.bodyBytesMax);
  }

  /**
   * Takes bytes that have come by the socket.
   *
   * @throws {FrameError} when they are not what they must be: the connection is to be closed
   */
  receive(bytes: Uint8Array): void {
    if (!this.#isOpen) return;
    const frames = this.#frames.read(bytes);
    this.#receivedBytes = (this.#receivedBytes + bytes.length) >>> 0;
    this.#untoldBytes += bytes.length;
    this.#untoldFrames += frames.length;
    for (const frame of frames) {
      if (!this.#isOpen) return;
      this.#take(frame);
    }
    if (this.#mustTell(1)) this.#sendOne(this.#told());
  }

  /** Sends a frame; false if nothing more should be sent before `onDrain` is called. */
  send(frame: Uint8Array): boolean {
    if (!this.#isOpen) return true;
    // With an answer it is no write more, and wakes the other process once.
    if (this.#mustTell(2) && this.#way === Way.SOCKET) {
      this.#sendTwo(frame, this.#told());
    } else this.#sendOne(frame);
    return !this.#isFull;
  }

  /** Whether an nth part of what may be received without being told is. */
  #mustTell(part: number): boolean {
    return this.#untoldBytes * part >= RECEIVED_BYTES ||
      this.#untoldFrames * part >= RECEIVED_FRAMES;
  }

  /** The frame that tells what is received. */
  #told(): Uint8Array {
    this.#untoldBytes = this.#untoldFrames = 0;
    return encodeLine(LineFrame.RECEIVED, this.#receivedBytes);
  }

  #sendOne(frame: Uint8Array): void {
    this.#keep(frame);
    if (this.#way === Way.SOCKET) this.#canWrite = this.#options.write(frame);
    else {
      this.#fifo!.write(frame);
      this.#writeFifo();
    }
    this.#isDrainOwed ||= this.#isFull;
  }

  #sendTwo(frame: Uint8Array, second: Uint8Array): void {
    const both = this.memory.withRoom(frame, second.length) ?? joined(frame, second.length);
    both.set(second, frame.length);
    this.#keep(both.subarray(0, frame.length));
    this.#keep(both.subarray(frame.length));
    this.#canWrite = this.#options.write(both);
    this.#isDrainOwed ||= this.#isFull;
  }

  #keep(frame: Uint8Array): void {
    this.#untaken.push(frame);
    this.#untakenBytes += frame.length;
  }

  /** Bytes that the body of a frame may have which comes from now on. */
  set bodyBytesMax(bytes: number) {
    this.#parts.bodyBytesMax = bytes;
  }

  /** Bytes of the frames that the other end has not said that it has taken. */
  get untakenBytes(): number {
    return this.#untakenBytes;
  }

  /** The socket has taken what was written. */
  drain(): void {
    this.#canWrite = true;
    this.#notifyDrain();
  }

  /** Sends nothing any more. */
  close(): void {
    this.#isOpen = false;
    this.#untaken = [];
    this.#retry?.stop();
    this.#fifo?.close();
  }

  get #isFull(): boolean {
    const isSlow = this.#way === Way.SOCKET && !this.#canWrite;
    return isSlow || this.#untakenBytes > REMOTE_BYTES_MAX;
  }

  #take(frame: Frame): void {
    const { kind, body } = frame;
    if (kind === LineFrame.TAKEN) this.#noteTaken(body);
    else if (kind === LineFrame.FIFO) this.#openFifo(body);
    else if (kind === LineFrame.PART) this.#takePart(body);
    else if (this.#parts.isInFrame) throw new FrameError("a frame must have all of its parts");
    else this.#options.onFrame(frame);
  }

  #takePart(bytes: Uint8Array): void {
    for (const frame of this.#parts.read(bytes)) this.#options.onFrame(frame);
  }

  #noteTaken(body: Uint8Array): void {
    const { count, way } = decodeLine(body);
    const newCount = (count - this.#takenCount) >>> 0;
    if (newCount > this.#untaken.length) throw new FrameError("no more can be taken than was sent");
    if (way === Way.FIFO && this.#fifo === undefined) throw new FrameError("a FIFO must be named");
    for (let i = 0; i < newCount; i++) this.#release(i);
    this.#untaken.splice(0, newCount);
    this.#sentTwice = Math.max(0, this.#sentTwice - newCount);
    this.#takenCount = count;
    if (way !== this.#way) this.#change(way);
    else if (way === Way.FIFO) this.#writeFifo();
    this.#notifyDrain();
  }

  #release(at: number): void {
    const frame = this.#untaken[at]!;
    this.#untakenBytes -= frame.length;
    // What tells what was received may stand behind it.
    const isShared = this.#untaken[at + 1]?.buffer === frame.buffer;
    if (at >= this.#sentTwice && !isShared) this.memory.giveBack(frame);
  }

  #change(way: number): void {
    this.#sentTwice = this.#untaken.length;
    const resume = encodeLine(LineFrame.RESUME, this.#takenCount);
    this.#way = way;
    if (way === Way.FIFO) {
      for (const frame of [resume, ...this.#untaken]) this.#fifo!.write(frame);
      this.#writeFifo();
    } else {
      this.#fifo!.forgetUnbegun();
      for (const frame of [resume, ...this.#untaken]) this.#canWrite = this.#options.write(frame);
    }
  }

  #openFifo(body: Uint8Array): void {
    if (this.#fifo !== undefined) throw new FrameError("a connection must have one FIFO");
    this.#fifo = this.#options.openFifo(decodeFifo(body));
  }

  readonly #writeFifo = (): void => {
    this.#retry?.stop();
    this.#retry = undefined;
    if (this.#way !== Way.FIFO || this.#fifo!.flush()) return;
    this.#retry = startTimer(this.#writeFifo, FULL_MS, { keepsAlive: false });
  };

  #notifyDrain(): void {
    if (!this.#isDrainOwed || this.#isFull) return;
    this.#isDrainOwed = false;
    this.#options.onDrain();
  }
}

/** A frame with room for some bytes behind it. */
function joined(frame: Uint8Array, room: number): Uint8Array {
  const both = pieceOf(frame.length + room);
  both.set(frame);
  return both;
}
