/**
 * CRC-32 as in zlib, by native code of the runtime.
 *
 * @module
 */
import { builtin } from "./builtin.ts";

/** Computes a CRC-32, or goes on with one. */
export type Crc32 = (bytes: Uint8Array, before?: number) => number;

/** The part of `Bun` that is used here. */
interface BunNamespace {
  readonly hash: { readonly crc32: Crc32 };
}

/**
 * The CRC-32 of bytes, unsigned; behind others whose CRC-32 is `before`. Bun has the same function
 * twice, and to load `zlib` takes it 6 ms.
 */
export const crc32: Crc32 = (globalThis as { Bun?: BunNamespace }).Bun?.hash.crc32 ??
  builtin("node:zlib").crc32;
