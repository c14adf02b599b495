/**
 * A history of operations on a few keys that both threads know without telling each other:
 * operation number `n` on a key is a delete or a put, and all bytes of a value follow from its key
 * and its number.
 *
 * The owner stores the number of an operation before it begins and after it has ended, so a reader
 * that loads the second before it reads and the first afterwards knows all operations that may have
 * been the newest at the moment at which its read took effect. That is linearizability of one
 * writer and any reader (I4).
 *
 * @module
 */
import type { KeyEncoder } from "../../lib/core/key_encoder.ts";
import type { OneSidedReader } from "../../lib/index/one_sided_reader.ts";
import { mix, mixBelow } from "./outcome_random.ts";
import { hashIn } from "./pool_fixture.ts";

/** The keys and values of a history; structured-cloneable. */
export interface HistoryPlan {
  readonly keyCount: number;
  readonly valueBytesMax: number;
  /** Every how manieth operation of a key is a delete; 0 for none. */
  readonly deleteEvery: number;
  /** Two words for each key: the newest operation begun, and the newest ended. */
  readonly progress: SharedArrayBuffer;
}

/** Bytes of key index and number, at the beginning of every value. */
const HEAD_BYTES = 8;
/** Words between the progress of two keys, so that they do not share a line. */
const PROGRESS_WORDS = 32;
const BEGUN = 0;
const ENDED = 1;

/** Makes a plan in which nothing has happened yet. */
export function planHistory(
  keyCount: number,
  valueBytesMax: number,
  deleteEvery: number,
): HistoryPlan {
  const progress = new SharedArrayBuffer(keyCount * PROGRESS_WORDS * 4);
  return { keyCount, valueBytesMax, deleteEvery, progress };
}

/** One thread's view of a history. */
export class History {
  readonly keyCount: number;
  readonly #plan: HistoryPlan;
  readonly #progress: Int32Array;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #lastNumber: Int32Array;
  readonly #lastVersion: Float64Array;

  /** Views a history. */
  constructor(plan: HistoryPlan) {
    this.keyCount = plan.keyCount;
    this.#plan = plan;
    this.#progress = new Int32Array(plan.progress);
    this.#bytes = new Uint8Array(plan.valueBytesMax + 4);
    this.#view = new DataView(this.#bytes.buffer);
    this.#lastNumber = new Int32Array(plan.keyCount);
    this.#lastVersion = new Float64Array(plan.keyCount);
  }

  /** Encodes a key. Every second one has the same hash, so that only its bytes tell it apart. */
  encode(key: number, encoder: KeyEncoder): KeyEncoder {
    encoder.encode(`key ${key}`);
    if (key % 2 === 1) encoder.hash = hashIn(7, 7);
    return encoder;
  }

  /** Begins the next operation on a key; returns its number. */
  begin(key: number): number {
    return Atomics.add(this.#progress, key * PROGRESS_WORDS + BEGUN, 1) + 1;
  }

  /** Says that an operation has been acknowledged. */
  end(key: number, number: number): void {
    Atomics.store(this.#progress, key * PROGRESS_WORDS + ENDED, number);
  }

  /** The newest operation that was acknowledged. */
  endedNumber(key: number): number {
    return Atomics.load(this.#progress, key * PROGRESS_WORDS + ENDED);
  }

  /** Whether an operation is a delete. */
  isDelete(number: number): boolean {
    return this.#plan.deleteEvery > 0 && number % this.#plan.deleteEvery === 0;
  }

  /** The value that an operation puts; valid until the next call. */
  value(key: number, number: number): Uint8Array {
    const length = HEAD_BYTES + mixBelow(key, number, this.#plan.valueBytesMax - HEAD_BYTES + 1);
    this.#view.setInt32(0, key, true);
    this.#view.setInt32(4, number, true);
    const seed = mix(key, number);
    for (let at = HEAD_BYTES; at < length; at += 4) this.#view.setInt32(at, seed + at, true);
    return this.#bytes.subarray(0, length);
  }

  /** Reads a key and throws unless the outcome is allowed. Returns whether it was found. */
  checkRead(reader: OneSidedReader, key: number, encoder: KeyEncoder): boolean {
    this.encode(key, encoder);
    const oldest = this.endedNumber(key);
    const isFound = reader.read(encoder, true);
    const newest = Atomics.load(this.#progress, key * PROGRESS_WORDS + BEGUN);
    if (isFound) this.#checkFound(reader, key, oldest, newest);
    else this.#checkAbsent(key, oldest, newest);
    return isFound;
  }

  #checkFound(reader: OneSidedReader, key: number, oldest: number, newest: number): void {
    const { value, valueBytes, version } = reader;
    const head = new DataView(value.buffer, value.byteOffset);
    const number = head.getInt32(4, true);
    const context = `key ${key}, operation ${number}, of ${oldest} to ${newest}`;
    if (head.getInt32(0, true) !== key) {
      throw new Error(`${context}: the value is of key ${head.getInt32(0, true)}`);
    }
    const expected = this.value(key, number);
    if (valueBytes !== expected.length) throw new Error(`${context}: has ${valueBytes} bytes`);
    for (let i = 0; i < valueBytes; i++) {
      if (value[i] !== expected[i]) throw new Error(`${context}: is torn at byte ${i}`);
    }
    if (number < oldest || number > newest) throw new Error(`${context}: is out of its time`);
    if (this.isDelete(number)) throw new Error(`${context}: was a delete`);
    const isNewer = number > this.#lastNumber[key];
    if (!isNewer && number !== this.#lastNumber[key]) throw new Error(`${context}: went backwards`);
    if (isNewer ? version <= this.#lastVersion[key] : version !== this.#lastVersion[key]) {
      throw new Error(`${context}: version ${version} after ${this.#lastVersion[key]}`);
    }
    this.#lastNumber[key] = number;
    this.#lastVersion[key] = version;
  }

  /** A key is absent before its first operation, and after a delete. */
  #checkAbsent(key: number, oldest: number, newest: number): void {
    for (let number = oldest; number <= newest; number++) {
      if (number === 0 || this.isDelete(number)) return;
    }
    throw new Error(`key ${key}: is lost, although it existed from ${oldest} to ${newest}`);
  }
}
