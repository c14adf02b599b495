/**
 * Copies words between buffers, shared or not.
 *
 * Up to {@linkcode LOOP_WORDS} a loop is fastest; beyond, `TypedArray.set`, which has to make a
 * subarray first. V8 copies from and to shared memory word by word only if source and target are
 * equally aligned to 8 bytes, and byte by byte otherwise, four to six times slower: so requests,
 * records and the values in them begin at multiples of 8 bytes.
 *
 * @module
 */

/** Words up to which the loop wins: measured on V8 and JSC, 128 bytes. */
const LOOP_WORDS = 64;

/** Copies `count` words from `source[from]` to `target[to]`. */
export function copyWords(
  source: Int32Array,
  from: number,
  target: Int32Array,
  to: number,
  count: number,
): void {
  if (count <= LOOP_WORDS) {
    for (let i = 0; i < count; i++) target[to + i] = source[from + i];
  } else {
    target.set(source.subarray(from, from + count), to);
  }
}
