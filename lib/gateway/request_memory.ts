/**
 * Memory for requests on their way to another process: to take a piece of a larger block costs a
 * fifth of what a block of its own does. A piece is never taken twice, and is zero at first.
 *
 * A block is there as long as one of its requests is. A client has `REMOTE_REQUESTS_MAX`
 * of them at most.
 *
 * @module
 */

/** Words of a block. */
const BLOCK_WORDS = 4096;
/** Longer requests have blocks of their own. */
const PIECE_WORDS_MAX = BLOCK_WORDS / 8;

/** The memory of one client. */
export class RequestMemory {
  #words = new Int32Array(BLOCK_WORDS);
  #bytes = new Uint8Array(this.#words.buffer);
  #takenWords = 0;

  /** Takes the memory of a request. */
  wordsOf(length: number): Int32Array {
    if (length > PIECE_WORDS_MAX) return new Int32Array(length);
    if (this.#takenWords + length > BLOCK_WORDS) {
      this.#words = new Int32Array(BLOCK_WORDS);
      this.#bytes = new Uint8Array(this.#words.buffer);
      this.#takenWords = 0;
    }
    const at = this.#takenWords;
    this.#takenWords = at + length + (length & 1);
    return this.#words.subarray(at, at + length);
  }

  /** The memory of a request as bytes. */
  bytesOf({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array {
    if (buffer !== this.#words.buffer) return new Uint8Array(buffer, byteOffset, byteLength);
    return this.#bytes.subarray(byteOffset, byteOffset + byteLength);
  }
}
