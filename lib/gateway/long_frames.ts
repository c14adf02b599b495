/**
 * Memory of the long frames of one connection, which is used again.
 *
 * A buffer of 100 KiB is not only filled with zeros: when it is collected, a runtime gives its
 * pages back to the system, which makes others for the next one. With Bun that took more than half
 * of the time of reads of 1 KiB, of which 128 are one frame. So a long frame is sent from the
 * memory in which it was made, and who sends it says when that is free
 * ({@linkcode LongFrames.giveBack}): when the other process has taken the frame, and nothing of it
 * can be sent once more.
 *
 * The memory is that of one connection: if the other side says what is not so, it spoils what it
 * gets itself, and finds nothing there that was not for it.
 *
 * @module
 */

/** Shorter frames are cheap to make. */
export const LONG_FRAME_BYTES = 8 * 1024;
/** What is kept that is free; longer pieces are not kept. */
const FREE_BYTES_MAX = 512 * 1024;
export const KEPT_BYTES_MAX = 256 * 1024;

/** The memory of one connection. */
export class LongFrames {
  readonly #free: Uint8Array<ArrayBuffer>[] = [];
  #freeBytes = 0;
  /** What may be given back. */
  readonly #given = new WeakSet<ArrayBufferLike>();

  /** Takes memory of so many bytes at least, all of its buffer; anything may be in it. */
  take(byteLength: number): Uint8Array<ArrayBuffer> {
    const free = this.#takeFree(byteLength) ?? new Uint8Array(byteLength);
    this.#given.add(free.buffer);
    return free;
  }

  /** Takes back the memory of a frame, if it is from here: nobody may read it any more. */
  giveBack({ buffer }: Uint8Array): void {
    if (!this.#given.delete(buffer) || buffer.byteLength > KEPT_BYTES_MAX) return;
    const free = new Uint8Array(buffer as ArrayBuffer);
    this.#free.push(free);
    this.#freeBytes += free.length;
    while (this.#freeBytes > FREE_BYTES_MAX) this.#freeBytes -= this.#free.shift()!.length;
  }

  /** A frame with some bytes behind it, where its memory is from here and has them. */
  withRoom({ buffer, byteOffset, length }: Uint8Array, room: number): Uint8Array | undefined {
    const isRoom = this.#given.has(buffer) && byteOffset + length + room <= buffer.byteLength;
    return isRoom ? new Uint8Array(buffer, byteOffset, length + room) : undefined;
  }

  #takeFree(byteLength: number): Uint8Array<ArrayBuffer> | undefined {
    const at = this.#free.findLastIndex(({ length }) => length >= byteLength);
    if (at < 0) return undefined;
    const [free] = this.#free.splice(at, 1);
    this.#freeBytes -= free!.length;
    return free;
  }
}
