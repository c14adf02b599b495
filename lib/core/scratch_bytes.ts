/**
 * Bytes of private memory from which one value after the other is decoded.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/**
 * The bytes of a buffer, of the class on which the codecs are fastest. The buffer is also a
 * property of their own: msgpackr asks for it with each value, and the one that typed arrays
 * inherit is a call into the runtime on JSC, which takes as long as decoding a number or two.
 */
export function scratchBytes(buffer: ArrayBuffer): Buffer {
  const bytes = Buffer.from(buffer);
  Object.defineProperty(bytes, "buffer", { value: buffer });
  return bytes;
}
