/**
 * Writes to a socket no more than the kernel takes at once, so that a thread can block while the
 * other process reads what it has written.
 *
 * `node:net` keeps what the kernel does not take, and sends it from the event loop, which does not
 * turn while the thread blocks: the other process would wait for the rest of a frame, and this
 * thread for its answer. So what the other process has not received yet is bounded by what a
 * socket's buffer holds, and the rest is written when it says what it has received, which it
 * does by the way on which it answers.
 *
 * Why nothing is ever held by `node:net`. Linux counts the memory of what is in a socket, not its
 * bytes: for a write of n bytes up to 1.58 n + 1 KiB, by the sizes in which memory is handed out,
 * and as long as one write is received in parts, all of it, at most 48 KiB. With {@linkcode
 * WINDOW_BYTES} of writes that count 1 KiB more than they have, that is 187 KiB; a buffer has 208
 * (net.core.wmem_default). Where buffers are smaller, the line finds bytes that are held, and
 * refuses to block.
 *
 * Why it never stands still. The gateway reads always, and says what it has received after
 * {@linkcode RECEIVED_BYTES} or {@linkcode RECEIVED_FRAMES}. What is received and not said counts
 * less than 49 KiB, so that a piece of {@linkcode PIECE_BYTES} has room beside it. And that it can
 * say so: which way it is to answer by is said in frames that wait for nothing
 * ({@linkcode PacedWriter.writeNow}). They find their place between frames, as a long one is cut
 * into parts that are frames. A thread has two or three of them on their way, for which the buffer
 * has room.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { encodeFrame, FrameError, WIRE_HEADER_BYTES } from "../wire/frame.ts";
import { LineFrame } from "./line_frames.ts";

/** What may have been written and not received, with {@linkcode WRITE_BYTES} for each write. */
export const WINDOW_BYTES = 88 * 1024;
/** Memory that the kernel takes for a write beside its bytes. */
const WRITE_BYTES = 1024;
/** Longer frames are cut into parts of so many bytes. */
export const PIECE_BYTES = 32 * 1024;
/** The gateway says what it has received after so many bytes. */
export const RECEIVED_BYTES = 16 * 1024;
/** The same in frames. */
export const RECEIVED_FRAMES = 32;

assert(
  RECEIVED_BYTES + (RECEIVED_FRAMES + 1) * WRITE_BYTES + PIECE_BYTES + WRITE_BYTES <= WINDOW_BYTES,
  "there is room for a piece beside what is received and not said",
);

/** One direction of a connection. */
export class PacedWriter {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #onDrain: () => void;
  /** Frames that are not written yet, and how much of the first one is. */
  readonly #waiting: Uint8Array[] = [];
  #cutAt = 0;
  /** Where writes end that are not received, as counts of bytes since the beginning, u32. */
  readonly #ends: number[] = [];
  #writtenBytes = 0;
  #receivedBytes = 0;

  /**
   * Writes by a function that takes any number of bytes.
   *
   * @param onDrain called when what has waited is written
   */
  constructor(write: (bytes: Uint8Array) => void, onDrain: () => void) {
    this.#write = write;
    this.#onDrain = onDrain;
  }

  /** Writes a frame, as soon as there is room for it; false if it waits. */
  write(frame: Uint8Array): boolean {
    if (this.#waiting.length === 0 && frame.length <= PIECE_BYTES && this.#hasRoom(frame.length)) {
      this.writeNow(frame);
      return true;
    }
    this.#waiting.push(frame);
    this.#writeWaiting();
    return this.#waiting.length === 0;
  }

  /** Writes a frame, before those that wait. */
  writeNow(frame: Uint8Array): void {
    this.#writtenBytes = (this.#writtenBytes + frame.length) >>> 0;
    this.#ends.push(this.#writtenBytes);
    this.#write(frame);
  }

  /**
   * Takes what the other process has said: so many bytes have come since the beginning.
   *
   * @throws {FrameError} when they are more than were written
   */
  noteReceived(bytes: number): void {
    const newBytes = (bytes - this.#receivedBytes) >>> 0;
    if (newBytes > this.#openBytes) throw new FrameError("no more can come than was sent");
    this.#receivedBytes = bytes;
    const left = this.#openBytes;
    while (this.#ends.length > 0 && ((this.#writtenBytes - this.#ends[0]!) >>> 0) >= left) {
      this.#ends.shift();
    }
    if (this.#waiting.length === 0) return;
    this.#writeWaiting();
    if (this.#waiting.length === 0) this.#onDrain();
  }

  get #openBytes(): number {
    return (this.#writtenBytes - this.#receivedBytes) >>> 0;
  }

  #hasRoom(bytes: number): boolean {
    return this.#openBytes + bytes + (this.#ends.length + 1) * WRITE_BYTES <= WINDOW_BYTES;
  }

  #writeWaiting(): void {
    while (this.#waiting.length > 0) {
      const piece = this.#nextPiece(this.#waiting[0]!);
      if (!this.#hasRoom(Math.min(piece.length + WIRE_HEADER_BYTES, PIECE_BYTES))) return;
      this.#takePiece(this.#waiting[0]!, piece);
    }
  }

  #nextPiece(frame: Uint8Array): Uint8Array {
    if (frame.length <= PIECE_BYTES) return frame;
    return frame.subarray(this.#cutAt, this.#cutAt + PIECE_BYTES - WIRE_HEADER_BYTES);
  }

  #takePiece(frame: Uint8Array, piece: Uint8Array): void {
    const isWhole = piece === frame;
    this.#cutAt = isWhole ? 0 : this.#cutAt + piece.length;
    if (isWhole || this.#cutAt === frame.length) {
      this.#waiting.shift();
      this.#cutAt = 0;
    }
    this.writeNow(isWhole ? frame : encodeFrame(LineFrame.PART, piece));
  }
}
