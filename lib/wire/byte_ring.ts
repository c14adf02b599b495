/**
 * Bytes from one thread to another one, in shared memory: a stream, in pieces of any size.
 *
 * ```text
 *   word 0    TAIL        how many bytes were written; of the writer
 *   word 1    WANTS_ROOM  1 while the writer has more than there is room for; the reader takes it
 *   word 32   HEAD        how many bytes were read; of the reader
 *   word 33   ASLEEP      1 while the reader reads only when it is told; the writer takes it
 *   word 64   the bytes, of which there are a power of two
 * ```
 *
 * Positions wrap around at 2^32. One thread writes and one reads. The writer writes bytes before it
 * publishes the tail, and the reader has copied them before it publishes the head: so neither sees
 * bytes in the places of others (I1).
 *
 * Nobody sleeps while there is something to do. Who reads says that it sleeps, **then** looks once
 * more; who writes publishes, **then** looks whether the other side sleeps. These accesses are in
 * one order for all threads, so one of them sees the other. It is the same with room.
 *
 * @module
 */
import { pieceOf } from "../core/memory_pieces.ts";

const TAIL = 0;
const WANTS_ROOM = 1;
const HEAD = 32;
const ASLEEP = 33;
const BYTES_AT = 64;

/**
 * Memory for a ring.
 *
 * @param capacity bytes on their way, a power of two
 * @param position where tail and head begin; for tests
 */
export function makeByteRing(capacity: number, position = 0): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(BYTES_AT * 4 + capacity);
  const words = new Int32Array(memory);
  words[TAIL] = words[HEAD] = position;
  return memory;
}

/** A ring, as its two threads use it: one calls what is for its writer, the other the rest. */
export class ByteRing {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #mask: number;

  /** Uses memory that was made for it. */
  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, BYTES_AT);
    this.#bytes = new Uint8Array(memory, BYTES_AT * 4);
    this.#mask = this.#bytes.length - 1;
  }

  /** How many bytes wait to be read. */
  get length(): number {
    return (Atomics.load(this.#words, TAIL) - Atomics.load(this.#words, HEAD)) >>> 0;
  }

  /** How many bytes can be written. */
  get room(): number {
    return this.#bytes.length - this.length;
  }

  /** Writes as many bytes as there is room for; returns how many. */
  write(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.room);
    if (count === 0) return 0;
    const tail = Atomics.load(this.#words, TAIL);
    const at = tail & this.#mask;
    const first = Math.min(count, this.#bytes.length - at);
    this.#bytes.set(first === bytes.length ? bytes : bytes.subarray(0, first), at);
    if (first < count) this.#bytes.set(bytes.subarray(first, count), 0);
    // Publishes the bytes: the reader loads the tail before.
    Atomics.store(this.#words, TAIL, tail + count);
    return count;
  }

  /** Reads all bytes that are there; they are the caller's. */
  read(): Uint8Array<ArrayBuffer> {
    const { length } = this;
    const head = Atomics.load(this.#words, HEAD);
    const at = head & this.#mask;
    const bytes = pieceOf(length);
    const first = Math.min(length, this.#bytes.length - at);
    bytes.set(this.#bytes.subarray(at, at + first));
    if (first < length) bytes.set(this.#bytes.subarray(0, length - first), first);
    // Publishes the room: the writer loads the head before.
    Atomics.store(this.#words, HEAD, head + length);
    return bytes;
  }

  /** The reader says that it sleeps, or that it does not any more. */
  sayAsleep(isAsleep: boolean): void {
    Atomics.store(this.#words, ASLEEP, +isAsleep);
  }

  /** Whether the reader has said that it sleeps, and is now to be woken: true once. */
  takeAsleep(): boolean {
    return take(this.#words, ASLEEP);
  }

  /** The writer says that it waits for room. */
  sayWantsRoom(): void {
    Atomics.store(this.#words, WANTS_ROOM, 1);
  }

  /**
   * Whether the writer has said that it waits for room, and is to be told of what there is: once.
   */
  takeWantsRoom(): boolean {
    return take(this.#words, WANTS_ROOM);
  }
}

function take(words: Int32Array, at: number): boolean {
  return Atomics.load(words, at) !== 0 && Atomics.exchange(words, at, 0) !== 0;
}
