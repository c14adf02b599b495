/**
 * Values that say what they are: key number, operation number and length, followed by bytes that
 * follow from them. A value of which one byte comes from another record does not pass.
 *
 * @module
 */
import { NumberForm, StoredNumbers } from "../../lib/codec/stored_numbers.ts";

const numbers = new StoredNumbers();

/** Shortest value: its header. */
export const VALUE_BYTES_MIN = 12;

/** What a value says about itself. */
export interface ValueContent {
  readonly key: number;
  readonly operation: number;
}

/** Writes a value into `target`, of at least {@linkcode VALUE_BYTES_MIN} bytes. */
export function writeValue(target: Uint8Array, key: number, operation: number): void {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  view.setUint32(0, key, true);
  view.setUint32(4, operation, true);
  view.setUint32(8, target.length, true);
  const first = firstByte(key, operation);
  for (let i = VALUE_BYTES_MIN; i < target.length; i++) target[i] = first + i;
}

/** Makes a value. */
export function makeValue(key: number, operation: number, byteLength: number): Uint8Array {
  const value = new Uint8Array(byteLength);
  writeValue(value, key, operation);
  return value;
}

/**
 * Reads a value back.
 *
 * @throws {Error} when it is not one that {@linkcode makeValue} made: torn, truncated, or of
 *   another key
 */
export function readValue(bytes: Uint8Array, byteLength: number, key: number): ValueContent {
  if (byteLength < VALUE_BYTES_MIN) throw tornValue(key, `has ${byteLength} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, byteLength);
  const operation = view.getUint32(4, true);
  if (view.getUint32(0, true) !== key) throw tornValue(key, `is of key ${view.getUint32(0, true)}`);
  if (view.getUint32(8, true) !== byteLength) {
    throw tornValue(
      key,
      `has ${byteLength} bytes, and was written with ${view.getUint32(8, true)}`,
    );
  }
  const first = firstByte(key, operation);
  for (let i = VALUE_BYTES_MIN; i < byteLength; i++) {
    if (bytes[i] !== ((first + i) & 0xff)) throw tornValue(key, `differs at byte ${i}`);
  }
  return { key, operation };
}

/** Reads a number as MessagePack has it; NaN when it is something else. */
export function sumIn(bytes: Uint8Array, byteLength: number): number {
  const words = new Int32Array((byteLength + 3) >>> 2);
  new Uint8Array(words.buffer).set(bytes.subarray(0, byteLength));
  return numbers.read(NumberForm.MSGPACK, words, 0, byteLength);
}

/** Every byte of the two numbers has a part in it. */
function firstByte(key: number, operation: number): number {
  return Math.imul(operation ^ Math.imul(key, 0x85ebca6b), 0x9e3779b1) >>> 24;
}

function tornValue(key: number, what: string): Error {
  return new Error(`I2: the value read for key ${key} ${what}`);
}
