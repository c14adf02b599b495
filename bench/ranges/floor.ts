/**
 * What a range of keys costs at least whose records are found by the hash index: the words of memory that have to be loaded, and
 * the values and keys that have to be decoded, with nothing around them.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Packr, Unpackr } from "msgpackr";

/** Bytes of a key in the index and the log. */
const KEY_MEMORY_BYTES = 112;
/** Lines of the cache for a key: of its slot, of its bucket, and two of its record. */
const LINES = 4;
const LINE_WORDS = 16;
const KEYS = 10;

/** Does parts of a range of ten keys. */
export class RangeFloor {
  readonly #memory: Int32Array;
  readonly #unpackr: Unpackr;
  readonly #values: Buffer[];
  readonly #keys: Buffer;
  #state = 1;

  /** Prepares memory for so many keys, and values like one. */
  constructor(keyCount: number, key: string, value: object) {
    const lineCount = Math.ceil(keyCount * KEY_MEMORY_BYTES / (4 * LINE_WORDS));
    this.#memory = new Int32Array(new SharedArrayBuffer(lineCount * LINE_WORDS * 4)).fill(1);
    const packr = new Packr({ structures: [] });
    this.#values = Array.from({ length: KEYS }, () => Buffer.from(packr.pack(value)));
    this.#unpackr = packr;
    this.#keys = Buffer.from(key.repeat(KEYS));
  }

  /** Loads the lines that the keys are in, anywhere in memory, each without waiting for another. */
  load(): number {
    const memory = this.#memory;
    const lineCount = memory.length / LINE_WORDS;
    let state = this.#state;
    let seen = 0;
    for (let i = 0; i < LINES * KEYS; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      seen ^= memory[Math.floor(state / 2 ** 32 * lineCount) * LINE_WORDS]!;
    }
    this.#state = state;
    return seen;
  }

  /** Decodes the values. */
  decode(): number {
    let count = 0;
    for (const bytes of this.#values) if (this.#unpackr.unpack(bytes) !== undefined) count += 1;
    return count;
  }

  /** Makes strings of the keys. */
  text(): number {
    const keys = this.#keys;
    const step = keys.length / KEYS;
    let length = 0;
    for (let i = 0; i < keys.length; i += step) {
      length += keys.toString("latin1", i, i + step).length;
    }
    return length;
  }
}
