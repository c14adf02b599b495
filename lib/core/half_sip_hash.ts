/**
 * HalfSipHash-1-3: the keyed hash of the index.
 *
 * Keys come from an application's users, who must not be able to make them collide, so the hash is
 * keyed with 64 random bits per pool. HalfSipHash works on 32-bit words, which is what JavaScript
 * has. One compression round and three finalisation rounds are what hash tables use (Rust's default
 * hasher is SipHash-1-3); the algorithm is Aumasson and Bernstein, "SipHash: a fast short-input
 * PRF", INDOCRYPT 2012, in the 32-bit variant of the authors' reference repository.
 *
 * @module
 */

/**
 * Hashes a key.
 *
 * @param key0 low 32 bits of the hash key
 * @param key1 high 32 bits of the hash key
 * @param words the message as little-endian words; the bytes after its end in the last word are 0
 * @param start index of its first word
 * @param byteLength its length in bytes
 * @returns the hash as an int32
 */
export function halfSipHash13(
  key0: number,
  key1: number,
  words: Int32Array,
  start: number,
  byteLength: number,
): number {
  let v0 = key0 | 0;
  let v1 = key1 | 0;
  let v2 = 0x6c796765 ^ key0;
  let v3 = 0x74656462 ^ key1;
  const end = start + (byteLength >>> 2);
  for (let i = start; i < end; i++) {
    const m = words[i];
    v3 ^= m;
    v0 = (v0 + v1) | 0;
    v1 = (v1 << 5) | (v1 >>> 27);
    v1 ^= v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = (v3 << 8) | (v3 >>> 24);
    v3 ^= v2;
    v0 = (v0 + v3) | 0;
    v3 = (v3 << 7) | (v3 >>> 25);
    v3 ^= v0;
    v2 = (v2 + v1) | 0;
    v1 = (v1 << 13) | (v1 >>> 19);
    v1 ^= v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= m;
  }
  // The last word carries the remaining bytes and the length; then 1 + 3 rounds.
  const last = ((byteLength & 3) === 0 ? 0 : words[end]) | (byteLength << 24);
  v3 ^= last;
  for (let round = 0; round < 4; round++) {
    v0 = (v0 + v1) | 0;
    v1 = (v1 << 5) | (v1 >>> 27);
    v1 ^= v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = (v3 << 8) | (v3 >>> 24);
    v3 ^= v2;
    v0 = (v0 + v3) | 0;
    v3 = (v3 << 7) | (v3 >>> 25);
    v3 ^= v0;
    v2 = (v2 + v1) | 0;
    v1 = (v1 << 13) | (v1 >>> 19);
    v1 ^= v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    if (round === 0) {
      v0 ^= last;
      v2 ^= 0xff;
    }
  }
  return v1 ^ v3;
}
