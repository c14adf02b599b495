/**
 * Makes frames whose bodies are words, where they are written: nothing is copied, and one piece of
 * memory serves many frames, one behind the other.
 *
 * Memory is used once. So what was claimed is zero, and stays what was written there, however long
 * somebody looks at it.
 *
 * @module
 */
import { sealFrame, WIRE_HEADER_BYTES } from "./frame.ts";

/** Memory for frames; a longer one has memory of its own. */
const CHUNK_BYTES = 32 * 1024;
const HEADER_WORDS = WIRE_HEADER_BYTES / 4;

/** Makes one frame after the other. */
export class FrameWriter {
  /** The words into which the frame is written. They may be others after each claim. */
  words = new Int32Array(0);
  /** The same as bytes. */
  bytes = new Uint8Array(0);
  /** Where the frame begins, and ends until now, in words. */
  #begin = 0;
  #end = HEADER_WORDS;

  /** Bytes that the frame has, without its header. */
  get bodyBytes(): number {
    return (this.#end - this.#begin - HEADER_WORDS) * 4;
  }

  /**
   * Makes room in the frame for so many words; what was claimed before has been written.
   *
   * @returns where they begin in {@linkcode words}
   */
  claim(length: number): number {
    if (this.#end + length > this.words.length) this.#move(length);
    const at = this.#end;
    this.#end = at + length;
    return at;
  }

  /** Completes the frame, and begins another one; undefined if nothing is in it. */
  end(kind: number): Uint8Array | undefined {
    if (this.bodyBytes === 0) return undefined;
    const frame = this.bytes.subarray(this.#begin * 4, this.#end * 4);
    sealFrame(frame, kind);
    this.#begin = this.#end;
    this.#end = this.#begin + HEADER_WORDS;
    return frame;
  }

  /** Goes on in other memory, with what the frame has. */
  #move(length: number): void {
    const frame = this.bytes.subarray(this.#begin * 4, Math.min(this.#end, this.words.length) * 4);
    const words = this.#end - this.#begin;
    const isBegun = words > HEADER_WORDS;
    // A frame that grows is not copied for each of its parts.
    const bytes = (words + length) * 4 * (isBegun ? 2 : 1);
    const memory = new ArrayBuffer(Math.max(CHUNK_BYTES, bytes));
    this.words = new Int32Array(memory);
    this.bytes = new Uint8Array(memory);
    this.bytes.set(frame);
    this.#begin = 0;
    this.#end = words;
  }
}
