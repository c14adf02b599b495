/**
 * Keys of the store itself in the index: the one without bytes, where the codec keeps what it has
 * to.
 *
 * @module
 */
import { KeyEncoder } from "../core/key_encoder.ts";
import type { Pool } from "../pool/pool.ts";
import { OneSidedReader } from "./one_sided_reader.ts";

/** How many keys in the index are not the application's: none or one. */
export function countOwnKeys(pool: Pool): number {
  const key = new KeyEncoder(...pool.hashKey);
  key.encodeSystemKey();
  // It never expires.
  return new OneSidedReader(pool, () => 0).read(key, false) ? 1 : 0;
}
