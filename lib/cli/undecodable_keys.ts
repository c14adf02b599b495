/**
 * Keys of a pool whose values cannot be decoded.
 *
 * @module
 */
import { toTaggedJson } from "../codec/tagged_json.ts";
import type { CodecName } from "../persistence/checkpoint_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { entriesOf, valueReader } from "../store/opening/pool_entries.ts";
import { printMessage, type Terminal } from "./terminal.ts";

/** Keys, as JSON with tags, whose values cannot be decoded. */
export async function undecodableKeys(pool: Pool, codec: CodecName): Promise<string[]> {
  const keys: string[] = [];
  const values = await valueReader(pool, codec);
  for (const entry of entriesOf(pool, values, new Uint8Array(0))) {
    try {
      entry.decode();
    } catch {
      keys.push(toTaggedJson(entry.key));
    }
  }
  return keys;
}

/** Names keys whose values cannot be decoded. */
export function reportUndecodable(terminal: Terminal, keys: readonly string[]): void {
  for (const key of keys) printMessage(terminal, `key ${key}: its value cannot be decoded`);
}
