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
 * Why it is never held by `node:net`. Linux counts the memory of what is in a socket, not its
 * bytes: for a write of n bytes up to 1.58 n + 1 KiB, by the sizes in which memory is handed out,
 * and as long as one write is received in parts, all of it, at most 48 KiB. With {@linkcode
 * WINDOW_BYTES} of writes that count 1 KiB more than they have, that is 200 KiB; a buffer has 208
 * (net.core.wmem_default). Where buffers are smaller, the line finds bytes that are held, and
 * refuses to block.
 *
 * Why it never stands still. The gateway reads always, and says what it has received after
 * {@linkcode RECEIVED_BYTES} or {@linkcode RECEIVED_FRAMES}. What is received and not said counts
 * less than 33 KiB, so that a piece of {@linkcode PIECE_BYTES} has room beside it.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { FrameError } from "../wire/frame.ts";

/** What may have been written and not received, with {@linkcode WRITE_BYTES} for each write. */
export const WINDOW_BYTES = 96 * 1024;
/** Memory that the kernel takes for a write beside its bytes. */
const WRITE_BYTES = 1024;
/** Frames are cut into pieces of at least so many bytes. */
const PIECE_BYTES = 32 * 1024;
/** The gateway says what it has received after so many bytes. */
export const RECEIVED_BYTES = 16 * 1024;
/** The same in frames. */
export const RECEIVED_FRAMES = 16;

assert(
  RECEIVED_BYTES + (RECEIVED_FRAMES + 1) * WRITE_BYTES + PIECE_BYTES + WRITE_BYTES <= WINDOW_BYTES,
  "there is room for a piece beside what is received and not said",
);

/** One direction of a connection. */
export class PacedWriter {
  readonly #write: (bytes: Uint8Array) => void;
  /** Frames that are not written yet, the first one perhaps in part. */
  readonly #waiting: Uint8Array[] = [];
  /** Where writes end that are not received, as counts of bytes since the beginning, u32. */
  readonly #ends: number[] = [];
  #writtenBytes = 0;
  #receivedBytes = 0;

  /** Writes by a function that takes any number of bytes. */
  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  /** Writes a frame, as soon as there is room for it. */
  write(frame: Uint8Array): void {
    if (this.#waiting.length > 0 || frame.length > this.#room) {
      this.#waiting.push(frame);
      this.#writeWaiting();
    } else this.#writePiece(frame);
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
    this.#writeWaiting();
  }

  get #openBytes(): number {
    return (this.#writtenBytes - this.#receivedBytes) >>> 0;
  }

  /** Bytes that the next write may have. */
  get #room(): number {
    return WINDOW_BYTES - this.#openBytes - (this.#ends.length + 1) * WRITE_BYTES;
  }

  #writePiece(bytes: Uint8Array): void {
    this.#writtenBytes = (this.#writtenBytes + bytes.length) >>> 0;
    this.#ends.push(this.#writtenBytes);
    this.#write(bytes);
  }

  #writeWaiting(): void {
    const waiting = this.#waiting;
    while (waiting.length > 0) {
      const [frame] = waiting as [Uint8Array];
      const room = this.#room;
      if (frame.length > room && room < PIECE_BYTES) return;
      const piece = frame.subarray(0, room);
      if (piece.length === frame.length) waiting.shift();
      else waiting[0] = frame.subarray(piece.length);
      this.#writePiece(piece);
    }
  }
}
