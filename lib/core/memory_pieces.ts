/**
 * Memory for bytes of which there are few at a time: frames, and what is compared with keys. V8
 * takes most of a microsecond for a small buffer of its own, and the collector its time later on: a
 * piece of a larger block costs a tenth.
 *
 * A piece is never taken twice, and is zero at first. A block is there as long as one of its pieces
 * is; so pieces are not for what stays.
 *
 * @module
 */

/** Bytes of a block. */
const BLOCK_BYTES = 16 * 1024;
/** What is longer has a buffer of its own. */
const PIECE_BYTES_MAX = BLOCK_BYTES / 8;
/** Pieces may be used as words. */
const WORD_BYTES = 8;

let block = new ArrayBuffer(0);
let takenBytes = 0;

/** Takes memory, which begins at a multiple of 8 in its buffer. */
export function pieceOf(byteLength: number): Uint8Array<ArrayBuffer> {
  if (byteLength > PIECE_BYTES_MAX) return new Uint8Array(byteLength);
  if (takenBytes + byteLength > block.byteLength) {
    block = new ArrayBuffer(BLOCK_BYTES);
    takenBytes = 0;
  }
  const at = takenBytes;
  takenBytes = (at + byteLength + WORD_BYTES - 1) & -WORD_BYTES;
  return new Uint8Array(block, at, byteLength);
}
