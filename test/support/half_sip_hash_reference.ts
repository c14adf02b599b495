/**
 * HalfSipHash-c-d with 32-bit output, straight from its definition (Aumasson and Bernstein,
 * "SipHash: a fast short-input PRF", in the authors' 32-bit variant): slow, on bytes and BigInt,
 * and for any number of rounds, so that it shares nothing with the implementation that it checks.
 *
 * @module
 */

const WORD = 0xffffffffn;

/**
 * Hashes bytes.
 *
 * @param key 8 bytes
 * @param message any bytes
 * @param compressionRounds c
 * @param finalisationRounds d
 * @returns the hash as an unsigned number
 */
export function halfSipHashReference(
  key: Uint8Array,
  message: Uint8Array,
  compressionRounds: number,
  finalisationRounds: number,
): number {
  const key0 = wordAt(key, 0);
  const key1 = wordAt(key, 4);
  const state = [key0, key1, 0x6c796765n ^ key0, 0x74656462n ^ key1];
  const padded = new Uint8Array((Math.floor(message.length / 4) + 1) * 4);
  padded.set(message);
  padded[padded.length - 1] = message.length & 0xff;
  for (let at = 0; at < padded.length; at += 4) {
    const word = wordAt(padded, at);
    state[3]! ^= word;
    for (let round = 0; round < compressionRounds; round++) sipRound(state);
    state[0]! ^= word;
  }
  state[2]! ^= 0xffn;
  for (let round = 0; round < finalisationRounds; round++) sipRound(state);
  return Number(state[1]! ^ state[3]!);
}

function sipRound(state: bigint[]): void {
  let [v0, v1, v2, v3] = state as [bigint, bigint, bigint, bigint];
  v0 = (v0 + v1) & WORD;
  v1 = rotate(v1, 5n) ^ v0;
  v0 = rotate(v0, 16n);
  v2 = (v2 + v3) & WORD;
  v3 = rotate(v3, 8n) ^ v2;
  v0 = (v0 + v3) & WORD;
  v3 = rotate(v3, 7n) ^ v0;
  v2 = (v2 + v1) & WORD;
  v1 = rotate(v1, 13n) ^ v2;
  v2 = rotate(v2, 16n);
  state.splice(0, 4, v0, v1, v2, v3);
}

function rotate(word: bigint, bits: bigint): bigint {
  return ((word << bits) | (word >> (32n - bits))) & WORD;
}

function wordAt(bytes: Uint8Array, at: number): bigint {
  let word = 0n;
  for (let i = 3; i >= 0; i--) word = (word << 8n) | BigInt(bytes[at + i]!);
  return word;
}
